# SPDX-License-Identifier: Apache-2.0
"""What else ran on the machine: the processes that belong to nobody here."""

import os
import pathlib


def ran_seconds(ours):
    """Time on a CPU, since each began, of all processes that run now, but `ours`, this one and the kernel's own."""
    ticks = 0
    for process in pathlib.Path("/proc").glob("[0-9]*"):
        if int(process.name) in (*ours, os.getpid()):
            continue
        try:
            if (process / "cmdline").read_bytes():
                fields = (process / "stat").read_text().rsplit(")", 1)[1].split()
                ticks += int(fields[11]) + int(fields[12])
        except OSError:  # it has ended
            continue
    return ticks / os.sysconf("SC_CLK_TCK")

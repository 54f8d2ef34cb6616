# SPDX-License-Identifier: Apache-2.0
"""A run of the bench: recorded processes, also with a pipe to speak to them by, that can be frozen.
Between its turns a switch is stopped (SIGSTOP), so that several stay set up and none disturbs."""

import os
import pathlib
import signal
import subprocess
import time

from lab.run_directory import RunDirectory, process_start
from lab.shell import CommandFailed


class BenchDirectory(RunDirectory):
    """The lab's run directory; its processes may have a pipe as stdin and stdout."""

    _number = 0

    def next_number(self):
        """Tells rigs of the same name apart."""
        self._number += 1
        return self._number

    def spawn_bench(self, command, log, namespace=None, talks=False):
        """Starts a recorded process at the highest priority. With `talks` it has pipes, else its
        output goes to `log`, like what it says on stderr."""
        inside = ["nsenter", f"--net=/run/netns/{namespace}"] if namespace else []
        line = ["setpriv", "--pdeathsig", "KILL", "nice", "-n", "-20", *inside, *map(str, command)]
        with open(log, "ab") as out:
            process = subprocess.Popen(line, stdin=subprocess.PIPE if talks else subprocess.DEVNULL,
                                       stdout=subprocess.PIPE if talks else out, stderr=out,
                                       start_new_session=True)
        self._processes.append(process)
        self._note("process", process.pid, process_start(process.pid))
        return process


def freeze(process):
    os.kill(process.pid, signal.SIGSTOP)
    deadline = time.monotonic() + 5
    while state_of(process.pid) not in "TX":
        if time.monotonic() > deadline:
            raise CommandFailed(f"process {process.pid} does not stop")
        time.sleep(0.001)


def thaw(process):
    if process.poll() is not None:
        raise CommandFailed(f"process {process.pid} has ended with {process.returncode}")
    os.kill(process.pid, signal.SIGCONT)


def state_of(pid):
    try:
        return pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[0]
    except OSError:
        return "X"


def schedule_of(pid):
    """{thread: (ns it ran, ns it was ready and had to wait)}."""
    threads = {}
    for task in pathlib.Path(f"/proc/{pid}/task").glob("*"):
        try:
            ran, waited, _ = (task / "schedstat").read_text().split()
            threads[task.name] = (int(ran), int(waited))
        except (OSError, ValueError):
            continue
    return threads


def ran_seconds(before, after):
    """CPU time of all threads in between, two answers of schedule_of()."""
    return sum(ran - before.get(thread, (0, 0))[0] for thread, (ran, _) in after.items()) / 1e9


def waited_share(before, after):
    """Of the thread that ran most in between: which share of its time it had to wait for the CPU."""
    ran, waited = max(((after[thread][0] - before[thread][0], after[thread][1] - before[thread][1])
                       for thread in after if thread in before), default=(0, 0))
    return waited / (ran + waited) if ran + waited > 0 else 0.0


def memory_of(pid):
    """Bytes of memory that the process has touched: RSS and its own hugepages. Hugepages that it
    shares are its guests' (vhost maps them)."""
    kib = 0
    for line in pathlib.Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
        words = line.split()
        if words[0] in ("Rss:", "Private_Hugetlb:"):
            kib += int(words[1])
    return kib * 1024

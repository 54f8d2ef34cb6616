# SPDX-License-Identifier: Apache-2.0
"""Chooses KVM or TCG: /dev/kvm may open and still crawl (nested paravirtual KVM), so a guest is asked.
The answer is kept in the image cache for this kernel and CPU; LAB_ACCEL=kvm|tcg forces one."""

import os
import pathlib

from .guest import Guest
from .shell import CommandFailed
from .wait import WaitTimeout

HELLO_SECONDS = 20


def choose_accelerator(run, image, say=print):
    forced = os.environ.get("LAB_ACCEL")
    if forced:
        if forced not in ("kvm", "tcg"):
            raise CommandFailed(f"LAB_ACCEL is '{forced}'; wanted kvm or tcg")
        return forced
    if not can_open_kvm():
        return "tcg"
    answer = pathlib.Path(image[1]).parent / "accelerator"
    machine = machine_name()
    if answer.exists() and answer.read_text().startswith(f"{machine}\n"):
        return answer.read_text().split()[-1]
    say(f"trying KVM with one guest, once (at most {HELLO_SECONDS} s)")
    chosen = "kvm" if boots_with_kvm(run, image) else "tcg"
    answer.write_text(f"{machine}\n{chosen}\n")
    return chosen


def can_open_kvm():
    try:
        os.close(os.open("/dev/kvm", os.O_RDWR))
        return True
    except OSError:
        return False


def machine_name():
    """Kernel and CPU: what the answer depends on."""
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return f"{os.uname().release} {line.split(':')[1].strip()}"
    return os.uname().release


def boots_with_kvm(run, image):
    probe = Guest(run, "kvm-probe", image, "kvm")
    try:
        probe.start().wait_hello(HELLO_SECONDS)
        return True
    except (CommandFailed, WaitTimeout):
        return False
    finally:
        if probe.is_running():
            probe.kill()

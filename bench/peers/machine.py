# SPDX-License-Identifier: Apache-2.0
"""The machine that is measured on: hugepages and scheduling for the time of a run, where the two
CPUs lie, what the hypervisor took, and a description for the results."""

import os
import pathlib
import platform
import re
import shutil
import subprocess
import time

from lab.preflight import HUGEPAGES, NotReady, free_hugepages, is_mounted
from lab.shell import run as run_command

from .figures import NEAR_NS

AUTOGROUP = pathlib.Path("/proc/sys/kernel/sched_autogroup_enabled")
PROGRAMS = {"dpdk-testpmd": "dpdk", "ovs-vsctl": "openvswitch-switch-dpdk", "ovsdb-server": "openvswitch-switch-dpdk",
            "ip": "iproute2", "nsenter": "util-linux", "setpriv": "util-linux"}


def check_machine():
    """Raises NotReady with all that is missing."""
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    problems = []
    if os.geteuid() != 0:
        problems.append("root is needed (hugepages, priorities, network namespaces)")
    if len(os.sched_getaffinity(0)) < 2:
        problems.append("two CPUs are needed: one for the switch, one for the generator")
    missing = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if missing:
        problems.append(f"programs are missing: apt-get install {' '.join(missing)}")
    if problems:
        raise NotReady("\n".join(problems))


class Machine:
    """Context manager: sets up, and puts back what it changed."""

    def __init__(self, run, binaries, cpus):
        self._run = run
        self._check = [str(binaries / "placement_check"), *map(str, cpus)]
        self._cpus = cpus
        self._autogroup = None

    def __enter__(self):
        if AUTOGROUP.exists():
            self._autogroup = AUTOGROUP.read_text()
            AUTOGROUP.write_text("0")  # else priorities count inside one session only
        os.setpriority(os.PRIO_PROCESS, 0, -5)
        return self

    def __exit__(self, *_):
        if self._autogroup is not None:
            AUTOGROUP.write_text(self._autogroup)

    def need_hugepages(self, pages):
        """Makes so many 2 MiB pages free; the run directory puts the number back."""
        missing = pages - free_hugepages()
        if missing > 0:
            before = int(HUGEPAGES.read_text())
            self._run.note_hugepages(before, is_mounted("/dev/hugepages"))
            HUGEPAGES.write_text(str(before + missing))
        if free_hugepages() < pages:
            raise NotReady(f"{pages} free hugepages of 2 MiB are needed, the kernel gave {free_hugepages()}")

    def line_ns(self):
        """Nanoseconds that a cache line takes from one CPU to the other, now."""
        return float(run_command("nice", "-n", "-15", *self._check).stdout)

    def wait_near(self, patience):
        """Waits up to `patience` seconds for the CPUs to lie near; the last measurement."""
        deadline = time.monotonic() + patience
        while True:
            now = self.line_ns()
            if now < NEAR_NS or time.monotonic() >= deadline:
                return now
            time.sleep(0.1)

    def stolen_ticks(self):
        """Ticks of both CPUs that the hypervisor has given to others so far."""
        stolen = 0
        for line in pathlib.Path("/proc/stat").read_text().splitlines():
            words = line.split()
            if words[0] in {f"cpu{cpu}" for cpu in self._cpus}:
                stolen += int(words[8])
        return stolen


def describe():
    """What the figures were taken on."""
    model = re.search(r"^model name\s*:\s*(.*)$", pathlib.Path("/proc/cpuinfo").read_text(), re.M)
    return {"cpu": model.group(1) if model else platform.machine(), "cpus": os.cpu_count(),
            "kernel": platform.release(), "dpdk": version_of("dpdk"), "ovs": version_of("openvswitch-switch-dpdk")}


def version_of(package):
    command = ["dpkg-query", "-W", "-f", "${Version}", package]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout or "unknown"

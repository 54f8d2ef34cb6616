# SPDX-License-Identifier: Apache-2.0
"""Looks, before anything is made, whether this machine has what the lab needs.
Says plainly what is missing and what to do; sets up hugepages for the run."""

import os
import pathlib
import shutil
import subprocess

NEEDED_PAGES = 400  # 2 MiB each: two daemons with memory_mb = 256 and their slack
HUGEPAGES = pathlib.Path("/proc/sys/vm/nr_hugepages")
PROGRAMS = {"qemu-system-x86_64": "qemu-system-x86", "ip": "iproute2", "bridge": "iproute2", "ss": "iproute2",
            "ethtool": "ethtool", "busybox": "busybox-static", "dhclient": "isc-dhcp-client", "setpriv": "util-linux",
            "sysctl": "procps", "iperf3": "iperf3", "cpio": "cpio", "nmap": "nmap", "traceroute": "traceroute",
            "hping3": "hping3", "arping": "iputils-arping", "scapy3": "python3-scapy"}


class NotReady(Exception):
    """What is missing and what to do about it, one a line."""


def check_machine(binaries):
    """Raises NotReady with all that is missing."""
    os.environ["PATH"] += ":/usr/local/sbin:/usr/sbin:/sbin"
    problems = []
    if os.geteuid() != 0:
        problems.append("root is needed (network namespaces, hugepages): run it with sudo")
    packages = sorted({package for program, package in PROGRAMS.items() if not shutil.which(program)})
    if packages:
        problems.append(f"programs are missing: apt-get install {' '.join(packages)}")
    for name in ("butterflyd", "butterfly"):
        if not os.access(pathlib.Path(binaries) / name, os.X_OK):
            problems.append(f"{binaries}/{name} is missing: run `make`, or name the place with --build-dir")
    if not problems:
        problems += check_kernel()
    if problems:
        raise NotReady("\n".join(problems))


def check_kernel():
    """Tries the kernel features by use, in a namespace that ends with the process."""
    script = "ip link add name veth0 type veth peer name veth1 && ip link add name br0 type bridge && " \
             "ip link add name vx0 type vxlan id 1 dstport 4789"
    done = subprocess.run(["unshare", "-n", "sh", "-c", script], capture_output=True, text=True, check=False)
    if done.returncode == 0:
        return []
    return [f"the kernel lacks network namespaces, veth, bridge or vxlan ({done.stderr.strip()}): "
            "use a kernel or a machine that has them"]


def set_up_hugepages(run, say):
    """Raises vm.nr_hugepages when too few are free; the last run that leaves puts it back."""
    try:
        free = free_hugepages()
        before = int(HUGEPAGES.read_text())
        if free < NEEDED_PAGES or not is_mounted("/dev/hugepages"):
            run.note_hugepages(before, is_mounted("/dev/hugepages"))
        if free < NEEDED_PAGES:
            HUGEPAGES.write_text(str(before + NEEDED_PAGES - free))
        if not is_mounted("/dev/hugepages"):
            os.makedirs("/dev/hugepages", exist_ok=True)
            subprocess.run(["mount", "-t", "hugetlbfs", "none", "/dev/hugepages"], check=True)
    except (OSError, subprocess.CalledProcessError) as error:
        say(f"hugepages could not be set up ({error})")
    if free_hugepages() < NEEDED_PAGES:
        say(f"fewer than {NEEDED_PAGES} free 2 MiB hugepages: it runs without, slower "
            f"(to have them: sysctl vm.nr_hugepages={NEEDED_PAGES})")


def free_hugepages():
    path = pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages")
    return int(path.read_text()) if path.exists() else 0


def is_mounted(path):
    return any(line.split()[1] == path for line in pathlib.Path("/proc/mounts").read_text().splitlines())

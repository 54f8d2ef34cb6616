# SPDX-License-Identifier: Apache-2.0
"""A machine to install things on: systemd as the first process of namespaces of its own, on a copy
of this machine's root that exists in memory only. Nothing that happens in it stays.

    with Machine() as machine:
        machine.must("systemctl", "start", "something")"""

import os
import pathlib
import signal
import subprocess
import tempfile
import time

LIMIT = 60  # seconds

# A target with nothing in it, instead of all that this machine would start.
TARGET = "[Unit]\nDescription=a machine for tests\nDefaultDependencies=no\nAllowIsolate=yes\n"

BOOT = r"""
set -eu
umask 022
mount -t tmpfs -o size=1g none "$1"
mkdir "$1/upper" "$1/work" "$1/root"
mount -t overlay none -o "lowerdir=/,upperdir=$1/upper,workdir=$1/work" "$1/root"
cd "$1/root"
mount -t proc none proc
mount -t sysfs none sys
mount -t tmpfs none sys/fs/cgroup
mount -t cgroup2 none sys/fs/cgroup
mount -t tmpfs none run
mount -t tmpfs none tmp
mount -t tmpfs -o mode=755 none dev
for device in null zero full random urandom tty; do cp -a "/dev/$device" dev/; done
mkdir dev/net dev/pts dev/shm
cp -a /dev/net/tun dev/net/
mount -t tmpfs none dev/shm
mount -t devpts -o newinstance none dev/pts
printf '%s' "$2" >etc/systemd/system/machine.target
rm -f etc/machine-id etc/fstab
touch etc/machine-id
ip link set lo up
mkdir -p run/old
pivot_root . run/old
exec /usr/bin/env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin container=machine \
  sh -c 'umount -l /run/old; exec /lib/systemd/systemd --unit=machine.target --log-target=console --show-status=false'
"""


class Machine:
    def __init__(self):
        self._place = tempfile.TemporaryDirectory(prefix="machine-")
        self._log = tempfile.TemporaryFile()
        self._outer = None
        self.pid = None

    def __enter__(self):
        self._outer = subprocess.Popen(
            # It ends with us, whatever ends us.
            ["setpriv", "--pdeathsig=KILL", "unshare", "--mount", "--propagation", "private", "--pid", "--fork",
             "--kill-child", "--net", "--uts", "--ipc", "--cgroup", "sh", "-c", BOOT, "boot", self._place.name, TARGET],
            stdin=subprocess.DEVNULL, stdout=self._log, stderr=self._log)
        try:
            self.wait_until(self._is_up, "systemd")
        except Exception:
            self.__exit__()
            raise
        return self

    def __exit__(self, *_):
        if self.pid:
            os.kill(self.pid, signal.SIGKILL)  # and with it everything in its namespace
        else:
            self._outer.kill()
        self._outer.wait(LIMIT)
        self._place.cleanup()

    def _is_up(self):
        if self._outer.poll() is not None:
            raise RuntimeError(f"no machine: {self.log()}")
        children = pathlib.Path(f"/proc/{self._outer.pid}/task/{self._outer.pid}/children").read_text().split()
        self.pid = int(children[0]) if children else None
        if not self.pid or pathlib.Path(f"/proc/{self.pid}/comm").read_text().strip() != "systemd":
            return False
        return self.run("systemctl", "is-active", "machine.target").stdout.strip() == "active"

    def log(self):
        """What systemd and its services have said."""
        self._log.seek(0)
        return self._log.read().decode(errors="replace")

    def run(self, *command, text_in=None):
        """Runs it in the machine to its end."""
        line = ["nsenter", "--target", str(self.pid), "--all", "--root", "--wdns=/", "env", "-i",
                "PATH=/usr/sbin:/usr/bin:/sbin:/bin", "LC_ALL=C.UTF-8", "DEBIAN_FRONTEND=noninteractive",
                *map(str, command)]
        return subprocess.run(line, input=text_in, stdin=subprocess.DEVNULL if text_in is None else None,
                              capture_output=True, text=True, errors="replace", timeout=LIMIT, check=False)

    def must(self, *command, text_in=None):
        """As `run`, but another exit status than 0 is a failure. Returns stdout."""
        done = self.run(*command, text_in=text_in)
        if done.returncode != 0:
            raise AssertionError(f"{' '.join(map(str, command))}: exit {done.returncode}: {done.stdout}{done.stderr}\n"
                                 f"{self.log()[-2000:]}")
        return done.stdout

    def path(self, path):
        """The file of the machine, as seen from here."""
        return pathlib.Path(f"/proc/{self.pid}/root{path}")

    def show(self, unit, what):
        return self.must("systemctl", "show", "--value", "--property", what, unit).strip()

    def wait_until(self, condition, what):
        end = time.monotonic() + LIMIT
        while not condition():
            if time.monotonic() > end:
                raise AssertionError(f"still no {what} after {LIMIT} s: {self.log()[-2000:]}")
            time.sleep(0.02)

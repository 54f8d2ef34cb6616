#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The Debian package: made of what is built, installed on a machine of its own (machine.py), started
there by systemd as its unit says, used by the client that it installs, upgraded, removed, purged.
Tests run in the order of their names: each goes on where the one before has left off.
Usage: deb_test.py BUILD_DIR (root)"""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import time
import unittest

from machine import Machine

sys.path.append(str(pathlib.Path(__file__).resolve().parent.parent / "vm"))
from lab.ptrace import HeldThread, find_thread  # noqa: E402

SKIPPED = 77  # as tests/packaging/CMakeLists.txt says
BUILD = os.path.abspath(sys.argv[1])
ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
UNIT = "butterflyd.service"
UNIT_FILE = "/usr/lib/systemd/system/" + UNIT
CAPABILITIES = (1 << 12) | (1 << 13)  # CAP_NET_ADMIN, CAP_NET_RAW
CONFIG = "/etc/butterfly/butterflyd.toml"
STATE = "/var/lib/butterfly/state.db"
TAP = ("nic", "add", "--id", "t0", "--mac", "52:54:00:00:00:01", "--vni", "1", "--type", "tap")
NIC = ("nic", "add", "--id", "g0", "--mac", "52:54:00:00:00:02", "--vni", "1")


def field(package, name):
    return subprocess.run(["dpkg-deb", "-f", package, name], check=True, capture_output=True, text=True).stdout.strip()


class DebianPackage(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.package = subprocess.run([ROOT / "tools" / "deb", BUILD], check=True, capture_output=True,
                                     text=True).stdout.strip()
        cls.machine = Machine().__enter__()
        shutil.copy(cls.package, cls.machine.path("/butterfly.deb"))
        # Or man-db reads every page of the system with each change.
        cls.machine.path("/var/lib/man-db/auto-update").unlink(missing_ok=True)

    @classmethod
    def tearDownClass(cls):
        cls.machine.__exit__()

    def is_active(self):
        return self.machine.run("systemctl", "is-active", UNIT).stdout.strip() == "active"

    def main_pid(self):
        """As the machine counts."""
        return self.machine.show(UNIT, "MainPID")

    def pid_from_here(self):
        """The daemon's process as we count."""
        for status in pathlib.Path("/proc").glob("[0-9]*/status"):
            try:
                text = status.read_text()
            except OSError:
                continue
            if re.search(rf"^NStgid:\t\d+\t{self.main_pid()}$", text, re.M) and text.startswith("Name:\tbutterflyd\n"):
                return int(status.parent.name)
        self.fail("no process of the daemon's")

    def test_10_control_data(self):
        self.assertRegex(field(self.package, "Version"), r"^\d+\.\d+\.\d+$")
        self.assertEqual(field(self.package, "Architecture"), "amd64")
        depends = field(self.package, "Depends")
        for name in ("adduser", "libc6 (>= ", "librte-eal", "librte-vhost", "libgrpc++", "libsqlite3-0", "libpcap0.8",
                     # what DPDK opens by itself
                     "librte-net-af-packet", "librte-mempool-ring", "librte-bus-pci", "librte-bus-vdev"):
            self.assertIn(name, depends)
        self.assertNotRegex(depends, r",\s*,|^,|,$")

    def test_20_installs_and_starts_nothing(self):
        self.machine.must("dpkg", "-i", "/butterfly.deb")
        self.machine.must("dpkg", "--verify", "butterfly")
        conffiles = self.machine.must("dpkg-query", "-W", "-f", "${Conffiles}", "butterfly")
        self.assertEqual(conffiles.split()[::2], [CONFIG])
        self.assertRegex(self.machine.must("getent", "passwd", "butterfly"),
                         r"^butterfly:x:\d+:\d+:[^:]*:/var/lib/butterfly:/usr/sbin/nologin$")
        self.assertEqual(self.machine.run("systemctl", "is-enabled", UNIT).stdout.strip(), "disabled")
        self.assertFalse(self.is_active())
        for path in ("/usr/share/doc/butterfly/copyright", "/usr/share/doc/butterfly/changelog.gz",
                     "/usr/libexec/butterfly/butterfly-expression-compiler"):
            self.assertTrue(self.machine.path(path).is_file(), path)
        listed = self.machine.must("dpkg", "-L", "butterfly").split()
        for path in set(listed) - {"/."}:
            facts = self.machine.path(path).lstat()
            self.assertEqual((facts.st_uid, facts.st_mode & 0o022), (0, 0), path)

    def test_30_unit_is_sound(self):
        done = self.machine.run("systemd-analyze", "verify", UNIT_FILE)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        done = self.machine.run("systemd-analyze", "security", "--offline=true", "--threshold=30",
                                UNIT_FILE)
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_40_runs_as_its_unit_says(self):
        self.assertIn(": 0 faults", self.machine.must("butterflyd", "--check", "--user", "butterfly"))
        self.machine.must("systemctl", "start", UNIT)
        self.assertTrue(self.is_active())
        self.assertIn("REVISION", self.machine.must("butterfly", "status").upper())
        status = self.machine.path(f"/proc/{self.main_pid()}/status").read_text()
        user = int(self.machine.must("id", "-u", "butterfly"))
        self.assertRegex(status, rf"(?m)^Uid:\t{user}\t{user}\t{user}\t{user}$")
        for which in ("CapEff", "CapPrm", "CapBnd", "CapAmb"):
            self.assertRegex(status, rf"(?m)^{which}:\t{CAPABILITIES:016x}$")
        self.assertRegex(status, r"(?m)^NoNewPrivs:\t1$")
        self.machine.must("butterfly", *TAP)
        self.machine.must("ip", "link", "show", "t0")
        self.machine.must("butterfly", "sg", "add", "web")
        self.machine.must("butterfly", "sg", "rule", "add", "web", "--dir", "in", "--ip-proto", "tcp", "--expression",
                          "tcp[13] & 2 != 0")

    def test_41_group_butterfly_may_configure_and_others_not(self):
        def status_as(*groups):
            return self.machine.run("setpriv", "--reuid", "nobody", "--regid", "nogroup", *groups, "butterfly", "status")
        self.assertEqual(status_as("--groups", "butterfly").returncode, 0)
        self.assertEqual(status_as("--clear-groups").returncode, 3)

    def test_42_takes_a_kernel_interface_as_uplink(self):
        self.machine.must("ip", "link", "add", "up0", "mtu", "1600", "type", "veth", "peer", "name", "p0", "mtu", "1600")
        for name in ("up0", "p0"):
            self.machine.must("ip", "link", "set", name, "up")
        config = self.machine.path(CONFIG)
        config.write_text(config.read_text() + '[uplink]\ndevice = "up0"\naddress = "192.0.2.1/24"\n'
                                               'host_port = "host0"\n')
        self.machine.must("systemctl", "restart", UNIT)
        self.assertIn("up0 up", self.machine.must("butterfly", "status"))
        self.machine.must("ip", "link", "show", "host0")
        self.assertIn("t0", self.machine.must("butterfly", "nic", "list"), "its intent is still there")
        self.machine.must("ip", "addr", "add", "192.0.2.9/24", "dev", "p0")
        self.machine.must("ping", "-c", "1", "-W", "5", "192.0.2.1")

    def test_43_connects_to_guests_of_another_user_in_its_group(self):
        """As docs/operate/install.md says: a common group, and sockets made with umask 002."""
        self.machine.must("addgroup", "--quiet", "--system", "guests")
        self.machine.must("adduser", "--quiet", "butterfly", "guests")
        config = self.machine.path(CONFIG)
        config.write_text(config.read_text().replace('socket_group = ""', 'socket_group = "guests"'))
        self.machine.must("systemctl", "restart", UNIT)
        self.machine.must("butterfly", *NIC)
        listen = ("import os, socket; os.umask(0o002); s = socket.socket(socket.AF_UNIX);"
                  "s.bind('/run/butterfly/ports/g0.sock'); s.listen(); s.settimeout(20); s.accept()")
        self.machine.must("setpriv", "--reuid", "nobody", "--regid", "guests", "--clear-groups", "python3", "-c", listen)

    def test_44_reload_reads_the_file(self):
        config = self.machine.path(CONFIG)
        config.write_text(config.read_text().replace('log_level = "info"', 'log_level = "debug"'))
        pid = self.main_pid()
        self.machine.must("systemctl", "reload", UNIT)
        self.assertRegex(self.machine.must("butterfly", "config", "show"), r'daemon.log_level +"debug" +file')
        self.assertEqual(self.main_pid(), pid)

    def is_connected(self, nic):
        return "connected: yes" in self.machine.must("butterfly", "nic", "show", nic)

    def test_45_guest_of_libvirt_is_connected(self):
        """The domain of docs/operate/libvirt.md and the rights of install.md, with libvirt itself. The BIOS has a
        driver for the nic: no system is needed in the guest."""
        for command in ("addgroup --system libvirt-qemu", "addgroup --system kvm",
                        "adduser --system --ingroup kvm --no-create-home --home /var/lib/libvirt libvirt-qemu"):
            self.machine.run(*command.split())  # as libvirt-daemon-system does, if it has not
        self.machine.must("adduser", "--quiet", "butterfly", "libvirt-qemu")
        config = self.machine.path(CONFIG)
        config.write_text(re.sub(r'socket_group = ".*"', 'socket_group = "libvirt-qemu"', config.read_text()))
        self.machine.must("systemctl", "restart", UNIT)
        self.machine.must("butterfly", "nic", "add", "--id", "web-1", "--mac", "52:54:00:00:00:01", "--vni", "42",
                          "--queues", "2")
        self.machine.path("/etc/libvirt").mkdir(exist_ok=True)
        self.machine.path("/etc/libvirt/qemu.conf").write_text('stdio_handler = "file"\n')
        self.machine.must("libvirtd", "-d")
        page = (ROOT / "docs/operate/libvirt.md").read_text()
        domain = re.search(r"```xml\n(.*?)```", page, re.S).group(1)
        domain = domain.replace("type='kvm'", "type='qemu'").replace("host-passthrough", "maximum")
        self.machine.path("/domain.xml").write_text(domain)
        self.machine.must("virsh", "define", "/domain.xml")
        self.machine.must("virsh", "start", "web-1")
        self.machine.wait_until(lambda: self.is_connected("web-1"), "guest")
        self.assertIn("the guest was told 1450", self.machine.must("butterfly", "nic", "show", "web-1"))

    def test_46_expression_program_gives_up_all_that_it_was_given(self):
        program = self.machine.path("/usr/libexec/butterfly/butterfly-expression-compiler")
        with subprocess.Popen([program], stdin=subprocess.PIPE, stdout=subprocess.PIPE) as process:
            status = pathlib.Path(f"/proc/{process.pid}/status")
            self.machine.wait_until(lambda: "Seccomp:\t2\n" in status.read_text(), "confinement")
            for which in ("CapInh", "CapPrm", "CapEff", "CapAmb"):
                self.assertRegex(status.read_text(), rf"(?m)^{which}:\t0+$")
            answer, _ = process.communicate(b"tcp port 80")
            self.assertEqual(process.returncode, 0)
            self.assertTrue(answer)

    def test_50_watchdog_ends_what_stands_still(self):
        drop_in = self.machine.path("/run/systemd/system/butterflyd.service.d/watchdog.conf")
        drop_in.parent.mkdir(parents=True)
        drop_in.write_text("[Service]\nWatchdogSec=1\n")
        self.machine.must("systemctl", "daemon-reload")
        self.machine.must("systemctl", "restart", UNIT)
        pid = self.main_pid()
        time.sleep(2.5)  # two limits and a half: that nothing happens has no event to wait for
        self.assertEqual(self.main_pid(), pid, "who moves is left alone")
        HeldThread(find_thread(self.pid_from_here(), "lcore-0")).wait_end()
        self.machine.wait_until(lambda: self.main_pid() not in (pid, "0") and self.is_active(), "restart")
        self.assertEqual(self.machine.show(UNIT, "NRestarts"), "1")
        self.machine.wait_until(lambda: self.is_connected("web-1"), "guest")
        self.assertIn("t0", self.machine.must("butterfly", "nic", "list"), "its intent is still there")

    def test_60_upgrade_leaves_the_daemon_and_its_settings_alone(self):
        pid, config = self.main_pid(), self.machine.path(CONFIG).read_text()
        self.machine.must("dpkg", "-i", "/butterfly.deb")
        self.assertEqual(self.main_pid(), pid)
        self.assertEqual(self.machine.path(CONFIG).read_text(), config)
        self.machine.must("butterfly", "status")

    def test_70_removal_ends_it_and_keeps_what_is_the_operators(self):
        self.machine.must("systemctl", "enable", UNIT)
        self.machine.must("dpkg", "--remove", "butterfly")
        self.assertFalse(self.is_active())
        self.assertFalse(list(self.machine.path("/etc/systemd/system").glob("*/" + UNIT)), "nothing stays enabled")
        for path in (CONFIG, STATE):
            self.assertTrue(self.machine.path(path).exists(), path)
        self.assertFalse(self.machine.path("/usr/sbin/butterflyd").exists())

    def test_71_purge_takes_the_rest(self):
        self.machine.must("dpkg", "--purge", "butterfly")
        for path in ("/etc/butterfly", "/var/lib/butterfly", "/run/butterfly", "/usr/share/doc/butterfly", "/usr/libexec/butterfly"):
            self.assertFalse(self.machine.path(path).exists(), path)


if __name__ == "__main__":
    if os.geteuid() != 0:
        print("the package's test needs root: namespaces, an overlay")
        sys.exit(SKIPPED)
    unittest.main(argv=sys.argv[:1], verbosity=2)

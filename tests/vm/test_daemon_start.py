# SPDX-License-Identifier: Apache-2.0
"""butterflyd starts, or says in one line why not and what to do: exit status, words, nothing left behind.

      namespace start:  up0 1600 · usual0 1500 · just0 1330 · small0 1329 · down0 · own0 198.51.100.1/24
"""

import contextlib
import grp
import json
import os
import pathlib
import re
import signal
import socket
import stat
import sys

from checks import check
from lab.authority import Authority
from lab.daemon import Daemon
from lab.ptrace import HeldThread, find_thread
from lab.shell import ip, run
from lab.wait import wait_until

PROBE = pathlib.Path(__file__).parent / "lab" / "vlan_probe.py"
MTUS = {"up0": 1600, "usual0": 1500, "just0": 1330, "small0": 1329, "down0": 1600, "own0": 1600}


class World:
    def __init__(self, lab):
        self.lab = lab
        self.namespace = lab.run.make_namespace("start")
        self._daemons = []
        run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", namespace=self.namespace)
        for name, mtu in MTUS.items():
            ip("link", "add", name, "mtu", str(mtu), "type", "veth", "peer", "name", f"p-{name}", "mtu", str(mtu),
               namespace=self.namespace)
            for end in (name, f"p-{name}"):
                ip("link", "set", end, "up", namespace=self.namespace)
        ip("link", "set", "down0", "down", namespace=self.namespace)
        ip("addr", "add", "198.51.100.1/24", "dev", "own0", namespace=self.namespace)

    def daemon(self, **tables):
        self._daemons.append(Daemon(self.lab.run, f"d{len(self._daemons)}", self.lab.binaries, self.namespace,
                                    **tables))
        return self._daemons[-1]

    def with_uplink(self, device, address="192.0.2.1/24", **keys):
        return self.daemon(uplink={"device": device, "address": address, **keys})

    def after_test(self):
        for daemon in self._daemons:
            if daemon.is_running():
                daemon.kill()

    def interfaces(self):
        return run("ls", "/sys/class/net", namespace=self.namespace).stdout.split()


def build_lab(lab):
    return World(lab)


def check_refused(daemon, *texts, exit_status=1, is_foreseen=True):
    """The last line is ours and has the texts; no socket, no half-made file stays. --check has foreseen it."""
    if is_foreseen:
        before = sorted(daemon.directory.iterdir())
        checked = daemon.end("--check")
        check(checked.exit == exit_status, f"--check: exit {checked.exit}: {checked.stdout}{checked.stderr}")
        check(any(all(text in line for text in texts) for line in (checked.stdout + checked.stderr).splitlines()
                  if line.startswith(("fault    ", "butterflyd: "))), f"--check: {texts} in one line: {checked.stdout}")
        check(sorted(daemon.directory.iterdir()) == before, "--check makes nothing")
    answer = daemon.end()
    check(answer.exit == exit_status, f"exit {answer.exit}: {answer.stderr}")
    check(not answer.stdout, f"stdout is silent: {answer.stdout}")
    last = (answer.stderr.strip().splitlines() or [""])[-1]
    check(last.startswith("butterflyd: ") and last == last.strip(), f"the last line is ours: {answer.stderr}")
    for text in texts:
        check(text in last, f"'{text}' in: {answer.stderr}")
    check_nothing_left(daemon)


def check_nothing_left(daemon):
    """Locks and an empty state may stay; what others could trip over may not."""
    check(not os.path.lexists(daemon.socket), "the API socket is gone")
    left = {path.name for path in daemon.directory.iterdir()} - {daemon.config.name, "ports", "programs"}
    unexpected = {name for name in left if not name.startswith(("state.db", "api.sock.lock", "log."))}
    check(not unexpected and not any(name.endswith((".new", "-wal", "-shm")) for name in left), f"left: {left}")
    ports = daemon.directory / "ports"
    check(not ports.exists() or not list(ports.iterdir()), "no nic's socket is left")


def serving(daemon, *arguments):
    """Whether it runs, answers and ends as asked; returns its status text."""
    daemon.start()
    text = daemon.must("status", *arguments)
    check(daemon.stop() == 0, f"SIGTERM ends it with 0: {daemon.log()}")
    check_nothing_left(daemon)
    return text


# --- the uplink --------------------------------------------------------------------------------

def test_missing_uplink_interface_is_named_with_those_there_are(world):
    check_refused(world.with_uplink("nope0"), "uplink 'nope0'", "no such device", "up0", "down0")


def test_uplink_interface_that_is_down_is_refused_with_the_remedy(world):
    check_refused(world.with_uplink("down0"), "uplink 'down0'", "down", "ip link set down0 up")


def test_uplink_that_carries_the_hosts_address_is_refused_unless_forced(world):
    check_refused(world.with_uplink("own0", "198.51.100.9/24"), "uplink 'own0'", "198.51.100.1", "force = true")
    text = serving(world.with_uplink("own0", "198.51.100.9/24", force=True))
    check("own0 up" in text and "198.51.100.9" in text, text)
    check("198.51.100.1/24" in ip("addr", "show", "own0", namespace=world.namespace).stdout, "the address stays")


def test_pci_address_that_does_not_exist_is_refused(world):
    check_refused(world.with_uplink("0000:7f:1f.7"), "uplink '0000:7f:1f.7'")


def test_malformed_dpdk_device_is_refused(world):
    check_refused(world.with_uplink("net_nonsense0,iface=up0"), "uplink 'net_nonsense0,iface=up0'", is_foreseen=False)


def test_dpdk_device_made_of_a_kernel_interface_tells_its_link(world):
    """Of which DPDK's driver says that it is up whatever it is."""
    daemon = world.with_uplink("net_af_packet0,iface=usual0").start()
    check("net_af_packet0,iface=usual0 up" in daemon.must("status"), daemon.must("status"))
    ip("link", "set", "p-usual0", "down", namespace=world.namespace)
    try:
        wait_until(lambda: "net_af_packet0,iface=usual0 down" in daemon.must("status"), 10, "the loss of the link")
        wait_until(lambda: "iface=usual0' has no link" in daemon.log(), 10, f"the log to say so: {daemon.log()}")
    finally:
        ip("link", "set", "p-usual0", "up", namespace=world.namespace)


def test_bond_of_one_device_is_refused(world):
    check_refused(world.with_uplink("up0", bond="lacp"), "a bond of one device", "bond_with")


def test_bond_names_the_device_that_is_not_there(world):
    check_refused(world.with_uplink("up0", bond="lacp", bond_with=["usual0", "nope1"]), "uplink 'nope1'",
                  "no such device")


def test_uplink_of_a_running_daemon_is_refused_to_another(world):
    """Two on one interface would answer each other's packets."""
    first, second = world.with_uplink("up0").start(), world.with_uplink("up0", "192.0.2.2/24")
    second.process = world.lab.run.spawn(second.command, second.log_file, world.namespace)
    wait_until(lambda: not second.is_running() or second.cli("status").ok, 30, "the second to serve or to end")
    check(not second.is_running(), "the second daemon serves on the uplink of the first")
    check(second.process.returncode == 1 and "up0" in second.log() and "in use" in second.log(), second.log())
    check("up0 up" in first.must("status"), "the first goes on")
    checked = second.end("--check")
    check(checked.exit == 1 and "fault    uplink 'up0': in use by another process" in checked.stdout, str(checked))
    checked = first.end("--check")
    check(checked.exit == 0 and f"in use by process {first.process.pid}, so its content" in checked.stdout,
          f"the settings of a running daemon can be checked: {checked}")


def test_tagged_frames_are_not_taken_for_untagged_ones(world):
    """The kernel takes tags out of frames and hands them over beside these."""
    daemon = world.with_uplink("up0").start()
    for vlan, answered in ((0, True), (5, False)):
        answer = run(sys.executable, PROBE, "p-up0", vlan, "192.0.2.9", "192.0.2.1", namespace=world.namespace)
        check(json.loads(answer.stdout)["answered"] == answered, f"VLAN {vlan}: {answer.stdout}")
    check("vlan-tag" in daemon.must("counters", "--drops"), daemon.must("counters", "--drops"))


def test_underlay_that_ipv6_guests_cannot_live_with_is_refused(world):
    check_refused(world.with_uplink("small0"), "uplink 'small0'", "MTU of 1329", "1279", "at least 1330")
    check_refused(world.with_uplink("just0", "2001:db8::1/64"), "MTU of 1330", "1260", "at least 1350")
    check("inner MTU 1280" in serving(world.with_uplink("just0")), "1330 is just enough")


def test_mtu_of_the_settings_does_not_change_the_interface(world):
    """It says what the underlay carries; the interface, its MTU included, is the host's."""
    for mtu in (1300, 1500):
        daemon = world.with_uplink("up0", mtu=mtu)
        if mtu == 1300:
            check_refused(daemon, "MTU of 1300", "at least 1330")
        else:
            check("MTU 1500, inner MTU 1450" in serving(daemon), daemon.log())
        facts = ip("link", "show", "up0", namespace=world.namespace).stdout
        ip("link", "set", "up0", "mtu", "1600", namespace=world.namespace)
        check("mtu 1600" in facts, f"mtu = {mtu} in the settings left: {facts}")


def test_underlay_of_1500_runs_and_warns_in_log_and_status(world):
    daemon = world.with_uplink("usual0")
    text = serving(daemon)
    for said in (text, daemon.log()):
        line = next((line for line in said.splitlines() if "1450" in line and "MTU of 1500" in line), "")
        check("usual0" in line and "1550" in line, f"one line names 1450 and the remedy: {said}")
    text = serving(world.with_uplink("usual0", "2001:db8::1/64"))
    check("1430" in text and "1570" in text, f"IPv6 costs 20 bytes more: {text}")
    check("fragmentation needed" not in serving(world.with_uplink("up0")), "no warning where there is room")


def test_devices_that_are_not_the_uplink_are_left_alone(world):
    """EAL would by itself probe every PCI device, the host's own network card among them."""
    daemon = world.with_uplink("up0")
    serving(daemon)
    check("PCI" not in daemon.log() and "Requested device" not in daemon.log(), daemon.log())


# --- memory ------------------------------------------------------------------------------------

def test_hugepages_on_without_enough_is_refused_with_the_remedy(world):
    check_refused(world.daemon(dataplane={"hugepages": "on", "memory_mb": 1048576}), "hugepages: 1048576 MB wanted",
                  "sysctl vm.nr_hugepages=524296", 'hugepages = "auto"')


def test_hugepages_off_runs_and_status_says_so(world):
    daemon = world.daemon(dataplane={"hugepages": "off"})
    check("hugepages off" in serving(daemon), "status")
    check("slower" not in daemon.log(), f"who asked for it needs no warning: {daemon.log()}")


def test_hugepages_auto_without_enough_runs_and_warns(world):
    # More than the lab sets up: whether pages are free on this machine does not matter.
    free = int(pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages").read_text())
    daemon = world.daemon(dataplane={"hugepages": "auto", "memory_mb": free * 2 + 64})
    text = serving(daemon)
    check("hugepages off" in text, text)
    for said in (text, daemon.log()):
        check("without hugepages" in said and "sysctl vm.nr_hugepages=" in said, said)


def test_daemons_that_start_together_share_the_hugepages_there_are(world):
    """The one that comes too late runs without, as if there had been none from the start."""
    free = int(pathlib.Path("/sys/kernel/mm/hugepages/hugepages-2048kB/free_hugepages").read_text())
    daemons = [world.daemon(dataplane={"hugepages": "auto", "memory_mb": max(64, free * 2 * 6 // 10)})
               for _ in range(3)]
    for daemon in daemons:
        daemon.process = world.lab.run.spawn(daemon.command, daemon.log_file, world.namespace)
    for daemon in daemons:
        wait_until(lambda d=daemon: not d.is_running() or d.cli("status").ok, 60, "it to serve or to end")
        check(daemon.is_running(), f"every one runs: {daemon.log()}")


# --- the file ----------------------------------------------------------------------------------

def check_faults(world, text, *wanted):
    """The settings `text` are refused, by --check as by a start, with one line a fault and no more."""
    daemon = world.daemon()
    daemon.config.write_text(text)
    for answer in (daemon.end(), daemon.end("--check")):
        check(answer.exit == 1 and not answer.stdout, f"exit {answer.exit}: {answer.stdout}")
        lines = answer.stderr.strip().removeprefix("butterflyd: ").splitlines()
        check(len(lines) == len(wanted), f"{len(wanted)} lines: {answer.stderr}")
        for place, *words in wanted:
            line = next((line for line in lines if line.startswith(f"{daemon.config}:{place}")), None)
            check(line and all(word in line for word in words), f"line {place} {words} in: {answer.stderr}")
    check(sorted(path.name for path in daemon.directory.iterdir()) == ["butterflyd.toml"], "nothing was made")


def test_memory_out_of_range_is_refused_with_its_line(world):
    for number in (63, 1048577, 0, -1):
        check_faults(world, f"[dataplane]\n\nmemory_mb = {number}\n",
                     ("3: dataplane.memory_mb", f"= {number}", "wanted 64..1048576"))


def test_unknown_key_and_table_are_refused_with_what_is_known(world):
    check_faults(world, "[daemon]\napi_sock = 1\n", ("2: daemon.api_sock", "unknown key", "api_mode"))
    check_faults(world, "[datapath]\nlcores = [0]\n", ("1: datapath", "unknown key", "dataplane"))


def test_wrong_type_is_refused_with_what_was_wanted(world):
    check_faults(world, '[dataplane]\nmemory_mb = "256"\n', ("2: dataplane.memory_mb", "wrong type", "64..1048576"))


def test_all_faults_are_told_at_once(world):
    check_faults(world, '[daemon]\napi = "tcp:1"\nlog_level = 7\n[dataplane]\nlcores = [0, 0]\nmode = "fast"\n'
                        '[uplink]\naddress = "192.0.2.1"\nvxlan_port = 0\n',
                 ("2: daemon.api", "unix:"), ("3: daemon.log_level", "wrong type"),
                 ("5: dataplane.lcores", "listed twice"), ("6: dataplane.mode", "adaptive, poll"),
                 (" uplink.device", "missing"), ("8: uplink.address", "192.0.2.1/24"),
                 ("9: uplink.vxlan_port", "1..65535"))


def test_file_that_is_no_toml_is_refused_with_its_line(world):
    check_faults(world, "[daemon]\n\napi = \n", ("3:", "TOML"))


def test_missing_configuration_file_is_named(world):
    daemon = world.daemon()
    daemon.config.unlink()
    check_refused(daemon, str(daemon.config), "No such file")


def test_exit_statuses_of_the_command_line(world):
    daemon = world.daemon()
    checked = daemon.end("--check")
    check(checked.exit == 0 and f"{daemon.config}: 0 faults, 0 warnings" in checked.stdout, str(checked))
    for option, words in (("--version", "butterflyd "), ("--help", "--config FILE"), ("-h", "--check")):
        answer = daemon.end(option)
        check(answer.exit == 0 and words in answer.stdout and not answer.stderr, f"{option}: {answer}")
    for option, words in (("no-such-user", "user 'no-such-user' does not exist"), ("nobody", "Permission denied")):
        answer = daemon.end("--check", "--user", option)
        check(words in answer.stdout + answer.stderr and answer.exit == 1, str(answer))
    check(daemon.end("--user", "nobody").exit == 2, "a start is nobody else's")
    for option in ("--nonsense", "--config", "stray", "--user"):
        answer = daemon.end(option)
        check(answer.exit == 2 and option in answer.stderr and "usage:" in answer.stderr, f"{option}: {answer}")
    check(list(daemon.directory.iterdir()) == [daemon.config], "none of these made anything")


def test_old_cpu_gets_a_clear_line_instead_of_an_illegal_instruction(world):
    answer = world.daemon().end(environment=["BUTTERFLY_TEST_OLD_CPU=1"])
    check(answer.exit == 1 and not answer.stdout, str(answer))
    check(len(answer.stderr.splitlines()) == 1 and "AVX2" in answer.stderr and "wanted" in answer.stderr,
          answer.stderr)


# --- sockets -----------------------------------------------------------------------------------

def test_api_is_reached_from_another_machine_until_the_certificate_is_revoked(world):
    elsewhere = world.lab.run.make_namespace("client")
    ip("link", "add", "api0", "type", "veth", "peer", "name", "api1", "netns", elsewhere, namespace=world.namespace)
    for namespace, device, address in ((world.namespace, "api0", "203.0.113.1"), (elsewhere, "api1", "203.0.113.2")):
        ip("addr", "add", f"{address}/24", "dev", device, namespace=namespace)
        ip("link", "set", device, "up", namespace=namespace)
    directory = world.lab.run.make_directory("certificates")
    ca = Authority(directory, "ca")
    ca.sign("server", "subjectAltName=IP:203.0.113.1")
    for name in ("orchestrator", "monitor"):
        ca.sign(name)
    ca.revoke()
    endpoint = "tcp:203.0.113.1:7447"
    daemon = world.daemon(api={"listen": endpoint, "certificate": f"{directory}/server.pem",
                               "key": f"{directory}/server.key", "client_ca": f"{directory}/ca.pem",
                               "crl": f"{directory}/crl", "writers": ["orchestrator"]})
    check("fine     API at tcp:203.0.113.1:7447\n" in daemon.end("--check").stdout, "what it needs is there")
    daemon.start()

    def call(name, *arguments):
        return run(pathlib.Path(world.lab.binaries) / "butterfly", "--endpoint", endpoint, "--ca", directory / "ca.pem",
                   "--cert", directory / f"{name}.pem", "--cert-key", directory / f"{name}.key", *arguments,
                   namespace=elsewhere, check=False)

    check(call("orchestrator", "sg", "add", "web").ok, "a writer writes")
    check("web" in call("monitor", "sg", "list").stdout, "a reader reads")
    check("client 'monitor' has the role read" in call("monitor", "sg", "del", "web").stderr, "and does not write")
    ca.revoke("orchestrator")
    refused = call("orchestrator", "sg", "list").stderr
    check("client 'orchestrator': certificate revoked" in refused, refused)
    check(call("monitor", "sg", "list").ok, "others stay")
    (directory / "crl").write_text("nonsense")
    checked = daemon.end("--check").stdout
    check(f"fault    API at {endpoint}: CRL '{directory}/crl': no revocation list in it" in checked, checked)
    check(not call("orchestrator", "sg", "list").ok, "the list from before goes on counting")
    check(daemon.stop() == 0, daemon.log())
    check_refused(daemon, f"API at {endpoint}: CRL '{directory}/crl': no revocation list in it", "wanted one in PEM")


def test_missing_directories_are_named(world):
    for table, path in (({"state": "{}/no/state.db"}, "no/state.db"), ({"api": "unix:{}/no/api.sock"}, "no/api.sock"),
                        ({"socket_directory": "{}/no/ports"}, "no/ports")):
        made = world.daemon()
        filled = {key: value.format(made.directory) for key, value in table.items()}
        check_refused(world.daemon(daemon=filled), path, "No such file", "wanted")


def test_stale_api_socket_of_a_killed_daemon_is_replaced(world):
    daemon = world.daemon().start()
    daemon.kill()
    check(stat.S_ISSOCK(daemon.socket.lstat().st_mode), "the crash leaves the socket")
    serving(daemon)


def test_api_path_that_is_no_socket_is_refused_and_kept(world):
    daemon = world.daemon()
    daemon.socket.write_text("precious")
    answer = daemon.end()
    check(answer.exit == 1 and str(daemon.socket) in answer.stderr, str(answer))
    check(daemon.socket.read_text() == "precious", "what was there stays")


def test_sockets_get_the_mode_and_group_of_the_settings(world):
    group = grp.getgrnam("users")
    daemon = world.daemon(daemon={"api_mode": "0620", "api_group": "users", "socket_mode": "0660",
                                  "socket_group": "users"}).start()
    for path, mode in ((daemon.socket, 0o620), (daemon.directory / "ports", 0o770)):
        facts = path.stat()
        check(stat.S_IMODE(facts.st_mode) == mode, f"{path.name} has mode {facts.st_mode:o}")
        check(facts.st_gid == group.gr_gid, f"{path.name} has group {facts.st_gid}")
    daemon.stop()


def test_default_mode_keeps_others_out(world):
    daemon = world.daemon().start()
    for path in (daemon.socket, daemon.directory / "ports", daemon.state):
        check(not path.stat().st_mode & 0o007, f"{path.name} has mode {path.stat().st_mode:o}")
    daemon.stop()


def test_unknown_group_is_refused(world):
    for key in ("api_group", "socket_group"):
        check_refused(world.daemon(daemon={key: "no-such-group"}), "group 'no-such-group'")


def test_service_manager_hears_of_the_start_and_the_end(world):
    daemon = world.daemon()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(daemon.directory / "log.notify"))
        manager.settimeout(20)
        daemon.start([f"NOTIFY_SOCKET={daemon.directory}/log.notify"])
        check(manager.recv(4096) == b"READY=1", "the start is told once the API answers")
        check(daemon.stop() == 0, daemon.log())
        check(manager.recv(4096) == b"STOPPING=1", "the end is told")
    check_nothing_left(daemon)


def drain(manager):
    manager.setblocking(False)
    with contextlib.suppress(BlockingIOError):
        while manager.recv(4096):
            pass
    return True


def check_silence(world, broken, told, answers, told_again):
    """That the service manager hears nothing while `broken(daemon)`, a context, lasts."""
    daemon = world.daemon()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(daemon.directory / "log.notify"))
        manager.settimeout(20)
        daemon.start([f"NOTIFY_SOCKET={daemon.directory}/log.notify", "WATCHDOG_USEC=1000000"])
        check([manager.recv(4096) for _ in range(4)] == [b"READY=1"] + [b"WATCHDOG=1"] * 3, "an idle daemon is well")
        with broken(daemon):
            # A manager that does not listen would hold the daemon up.
            wait_until(lambda: drain(manager) and told in daemon.log(), 20, "its line in the log")
            check(daemon.cli("--timeout", 500, "status").ok == answers, "the rest of it goes on")
            drain(manager)
            manager.settimeout(1.5)  # six times a ping would have been due
            with contextlib.suppress(TimeoutError):
                check(False, f"silence, not {manager.recv(4096)}")
        manager.settimeout(20)
        check(manager.recv(4096) == b"WATCHDOG=1", "it is well again")
        check(told_again in daemon.log(), daemon.log())
        check(daemon.stop() == 0, daemon.log())


@contextlib.contextmanager
def held_lcore(daemon):
    held = HeldThread(find_thread(daemon.process.pid, "lcore-0"))
    try:
        yield
    finally:
        held.release()


@contextlib.contextmanager
def mute_api(daemon):
    """Who connects is taken and never answered."""
    aside = daemon.socket.with_suffix(".aside")
    daemon.socket.rename(aside)
    try:
        with socket.socket(socket.AF_UNIX) as mute:
            mute.bind(str(daemon.socket))
            mute.listen()
            yield
    finally:
        aside.rename(daemon.socket)


def test_watchdog_hears_nothing_while_an_lcore_stands_still(world):
    check_silence(world, held_lcore, "watchdog: lcore 0 (CPU 0) has ended no round", True,
                  "watchdog: lcore 0 (CPU 0) moves again")


def test_watchdog_hears_nothing_while_the_api_answers_nobody(world):
    check_silence(world, mute_api, "watchdog: no ping until the API answers, as it has not for 5000 ms", False,
                  "watchdog: the API answers again")


def test_ordinary_user_with_two_capabilities_has_taps_and_an_uplink(world):
    daemon = world.with_uplink("up0", host_port="host0").as_nobody("net_admin", "net_raw")
    checked = daemon.end("--check")
    check(checked.exit == 0, f"--check: {checked}")
    daemon.start()
    status = pathlib.Path(f"/proc/{daemon.process.pid}/status").read_text()
    check(re.search(r"^Uid:\t65534\t65534\t65534\t65534$", status, re.M), status)
    check(re.search(r"^CapEff:\t0000000000003000$", status, re.M), status)
    daemon.must("nic", "add", "--id", "t1", "--mac", "52:54:00:00:00:01", "--vni", "1", "--type", "tap")
    check({"t1", "host0"} <= set(world.interfaces()), str(world.interfaces()))
    answer = run(sys.executable, PROBE, "p-up0", 0, "192.0.2.9", "192.0.2.1", namespace=world.namespace)
    check(json.loads(answer.stdout)["answered"], f"its address on the uplink answers: {answer.stdout}")
    check(daemon.stop() == 0, daemon.log())


def test_missing_capability_is_named(world):
    check_refused(world.with_uplink("up0").as_nobody(), "uplink 'up0': CAP_NET_RAW is missing", "AmbientCapabilities")
    check_refused(world.with_uplink("up0").as_nobody("net_raw"), "uplink 'up0': CAP_NET_ADMIN is missing")
    check_refused(world.with_uplink("up0").as_nobody("net_admin"), "uplink 'up0': CAP_NET_RAW is missing")
    daemon = world.daemon().as_nobody()
    checked = daemon.end("--check")
    check(checked.exit == 0 and "warning  nics of type tap: CAP_NET_ADMIN is missing" in checked.stdout, str(checked))
    daemon.start()
    answer = daemon.cli("nic", "add", "--id", "t1", "--mac", "52:54:00:00:00:01", "--vni", "1", "--type", "tap")
    check(answer.exit == 1 and "'t1'" in answer.stderr and "CAP_NET_ADMIN" in answer.stderr, str(answer))
    check(daemon.stop() == 0, daemon.log())


def test_socket_of_a_guest_that_may_not_be_used_is_told(world):
    """QEMU makes it with rights of its own: the daemon says once what is wrong, and connects once it may."""
    daemon = world.daemon().as_nobody().start()
    daemon.must("nic", "add", "--id", "g0", "--mac", "52:54:00:00:00:01", "--vni", "1")
    path = daemon.directory / "ports" / "g0.sock"
    with socket.socket(socket.AF_UNIX) as guest:
        guest.bind(str(path))
        path.chmod(0o644)
        guest.listen()
        guest.settimeout(20)
        line = f"port {path}: the socket may not be written to (wanted: "
        wait_until(lambda: line in daemon.log(), 20, "its line in the log")
        path.chmod(0o666)
        guest.accept()[0].close()
        check(daemon.log().count(line) == 1, daemon.log())
    check(daemon.stop() == 0, daemon.log())


def test_check_names_what_an_ordinary_user_may_not(world):
    closed = world.daemon().directory  # root's
    (closed / "ports").mkdir()
    closed.chmod(0o755)
    daemon = world.daemon(daemon={"state": str(closed / "state.db"), "api": f"unix:{closed}/api.sock",
                                  "socket_directory": str(closed / "ports"), "api_group": "users"})
    checked = daemon.end("--check")
    check(checked.exit == 0, f"root may: {checked}")
    checked = daemon.end("--check", "--user", "nobody")
    check("CAP_" not in checked.stdout, f"it has what the unit gives it: {checked}")
    itself = daemon.as_nobody().end("--check")
    check(itself.stdout.splitlines()[:4] == checked.stdout.splitlines()[:4], f"{itself} as {checked}")
    check(checked.exit == 1, str(checked))
    for line in (f"fault    state file '{closed}/state.db': '{closed}': Permission denied",
                 f"fault    API socket '{closed}/api.sock': '{closed}': Permission denied",
                 f"fault    API socket '{closed}/api.sock': cannot be given to group 'users'",
                 f"fault    socket directory '{closed}/ports': belongs to another user"):
        check(line in checked.stdout and "wanted: " in checked.stdout, f"{line} in: {checked.stdout}")
    check(sorted(path.name for path in closed.iterdir()) == ["butterflyd.toml", "ports"], "nothing is made")


def test_hangup_reads_the_file_again(world):
    """What may change does, what waits for a start is named, a bad file changes nothing."""
    daemon = world.daemon(daemon={"log_level": "warning"})
    good = daemon.config.read_text()
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as manager:
        manager.bind(str(daemon.directory / "log.notify"))
        manager.settimeout(20)
        daemon.start([f"NOTIFY_SOCKET={daemon.directory}/log.notify"])
        check(manager.recv(4096) == b"READY=1", "it is up")

        def reload(text):
            daemon.config.write_text(text)
            os.kill(daemon.process.pid, signal.SIGHUP)
            check(manager.recv(4096).startswith(b"RELOADING=1\nMONOTONIC_USEC="), "a reload begins")
            check(manager.recv(4096) == b"READY=1", "and ends")
            return daemon.must("config", "show")

        text = reload(good.replace('"warning"', '"debug"').replace("flows_per_lcore = 4096", "flows_per_lcore = 2048"))
        check(re.search(r'^daemon.log_level +"debug" +file', text, re.M), text)
        check(re.search(r"^dataplane.flows_per_lcore +4096 ", text, re.M), text)
        check('reload: daemon.log_level = "debug"' in daemon.log(), daemon.log())
        check("reload: dataplane.flows_per_lcore: counts from the next start on" in daemon.log(), daemon.log())
        for bad, fault in ((good.replace('"warning"', '"loud"'), ": daemon.log_level = 'loud': unknown word"),
                           (good + "[log]\ndrops = 1\n", ": log.drops = 1: unknown key"),
                           (good + '[daemon]\n', str(daemon.config)),
                           (good.replace('"warning"', '"error"\napi_group = "no-such-group"'), "'no-such-group'")):
            check(reload(bad) == text, "a file with a fault changes nothing")
            check(fault in daemon.log() and "reload: nothing has changed" in daemon.log(), daemon.log())
        daemon.must("config", "set", "daemon.log_level=error", "daemon.api_mode=0600", "daemon.api_group=users")
        check(re.search(r'^daemon.log_level +"error" +run time', daemon.must("config", "show"), re.M), "set")
        facts = daemon.socket.stat()
        check(stat.S_IMODE(facts.st_mode) == 0o600 and facts.st_gid == grp.getgrnam("users").gr_gid, str(facts))
        check(re.search(r'^daemon.api_mode +"0660" +default', reload(good), re.M), "the file counts again")
        check(stat.S_IMODE(daemon.socket.stat().st_mode) == 0o660, "and is followed")
        check(daemon.stop() == 0, daemon.log())


def test_log_lines_for_the_journal_have_priorities(world):
    daemon = world.daemon()
    log = daemon.directory / "log.1"  # of the first start
    log.touch()
    facts = log.stat()
    daemon.start([f"JOURNAL_STREAM={facts.st_dev}:{facts.st_ino}"])
    check(daemon.stop() == 0, daemon.log())
    check("<6>ready: API at " in daemon.log() and "[info]" not in daemon.log(), daemon.log())


def test_interrupt_ends_it_in_order_too(world):
    daemon = world.daemon().start()
    os.kill(daemon.process.pid, 2)
    check(daemon.process.wait(20) == 0, daemon.log())
    check_nothing_left(daemon)


def test_end_takes_its_taps_along(world):
    daemon = world.daemon().start()
    daemon.must("nic", "add", "--id", "gone0", "--mac", "52:54:00:00:00:01", "--vni", "1", "--type", "tap")
    wait_until(lambda: "gone0" in world.interfaces(), 10, "the tap")
    check(daemon.stop() == 0, daemon.log())
    check("gone0" not in world.interfaces(), "the tap is gone with its daemon")

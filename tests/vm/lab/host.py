# SPDX-License-Identifier: Apache-2.0
"""A host: a network namespace with an uplink on the underlay and a butterflyd in it.
`cli` speaks to it as an operator does; all knowledge of the CLI's JSON is in this file."""

import ipaddress
import json
import os
import pathlib
import subprocess
import time

from .guest import GuestNic
from .shell import CommandFailed, ip, run
from .wait import wait_until

START_TIMEOUT = 30  # seconds until the API answers

CONFIG = """\
[daemon]
api = "unix:{directory}/api.sock"
state = "{directory}/state.db"
socket_directory = "{directory}/ports"
log_level = "info"
[dataplane]
lcores = [{lcore}]
mode = "adaptive"
memory_mb = 256
hugepages = "auto"
[uplink]
device = "{device}"
address = "{address}"
"""


class Host:
    def __init__(self, run_directory, name, binaries, underlay, address, lcore=0):
        """`address` is the VTEP with its prefix length; `binaries` the build directory."""
        self.name = name
        self.address = str(ipaddress.ip_interface(address).ip)
        self._run = run_directory
        self._binaries = pathlib.Path(binaries)
        self.directory = run_directory.make_directory(f"host-{name}")
        (self.directory / "ports").mkdir()
        self.namespace = run_directory.make_namespace(name)
        # The address is the daemon's: the kernel must stay silent on the uplink (a tap may speak).
        run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", namespace=self.namespace)
        device = underlay.attach(self.namespace)
        run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=0", namespace=self.namespace)
        self.config = self.directory / "butterflyd.toml"
        self.config.write_text(CONFIG.format(directory=self.directory, lcore=lcore, device=device,
                                             address=address))
        self._process = None

    # --- the daemon ------------------------------------------------------------------------

    def start(self):
        """Starts butterflyd; returns at once. `wait_ready` waits for its API."""
        command = [self._binaries / "butterflyd", "--config", self.config]
        self._process = self._run.spawn(command, self.directory / "butterflyd.log", self.namespace)
        return self

    def wait_ready(self):
        def answers():
            if self._process.poll() is not None:
                raise CommandFailed(f"butterflyd on host {self.name} ended with {self._process.returncode}: "
                                    f"{self.log()[-800:]}")
            return self.cli("status").ok

        wait_until(answers, START_TIMEOUT, f"the API of host {self.name}")
        return self

    def kill(self):
        """kill -9, as a crash would."""
        self._process.kill()
        self._process.wait()

    def stop(self):
        """An orderly end; returns the exit status."""
        self._process.terminate()
        return self._process.wait(20)

    def try_second_daemon(self):
        """Starts another daemon with the same configuration; its Answer, once it gives up."""
        return run(self._binaries / "butterflyd", "--config", self.config, namespace=self.namespace, check=False)

    @property
    def pid(self):
        return self._process.pid

    def log(self):
        try:
            return (self.directory / "butterflyd.log").read_text(errors="replace")
        except OSError:
            return ""

    def cpu_share(self, seconds):
        """Share of one CPU that the daemon uses over the next `seconds`."""
        def ticks():
            fields = pathlib.Path(f"/proc/{self.pid}/stat").read_text().rsplit(")", 1)[1].split()
            return int(fields[11]) + int(fields[12])

        before, since = ticks(), time.monotonic()
        time.sleep(seconds)  # the measurement itself, not a wait for something
        return (ticks() - before) / os.sysconf("SC_CLK_TCK") / (time.monotonic() - since)

    # --- the CLI ---------------------------------------------------------------------------

    def cli_line(self, *arguments):
        return [str(self._binaries / "butterfly"), "--api", f"unix:{self.directory}/api.sock",
                *map(str, arguments)]

    def cli(self, *arguments):
        """Runs `butterfly ...` against this host; Answer(exit, stdout, stderr)."""
        return run(*self.cli_line(*arguments), check=False)

    def must(self, *arguments):
        """As `cli`, but a refusal is a failure. Returns stdout."""
        answer = self.cli(*arguments)
        if not answer.ok:
            raise CommandFailed(f"host {self.name}: butterfly {' '.join(map(str, arguments))}: "
                                f"exit {answer.exit}: {answer.stderr.strip()}")
        return answer.stdout

    def json(self, *arguments):
        text = self.must("-o", "json", *arguments)
        try:
            return json.loads(text)
        except ValueError as error:
            raise CommandFailed(f"host {self.name}: butterfly {' '.join(map(str, arguments))}: "
                                f"no JSON: {text[:300]}") from error

    def add_nic(self, identifier, vni, mac, addresses, groups=(), mtu=1500, gateways=(), options=()):
        """`nic add` for a guest; `addresses` are "A/N". Returns the GuestNic to boot a guest with."""
        words = ["nic", "add", "--id", identifier, "--mac", mac, "--vni", vni, "--type", "vhost-user"]
        for address in addresses:
            words += ["--ip", address.split("/")[0]]
        for group in groups:
            words += ["--sg", group]
        answer = self.json(*words, *options)
        socket = find_objects(answer, "socket")[0]["socket"]
        queues = options[options.index("--queues") + 1] if "--queues" in options else 1
        return GuestNic(socket, mac, list(addresses), list(gateways), mtu, queues, "--vhost-server" in options)

    def add_tap(self, identifier, vni, mac, addresses, groups=()):
        """`nic add --type tap`; the interface, named like the nic, is set up in the host's namespace."""
        words = ["nic", "add", "--id", identifier, "--mac", mac, "--vni", vni, "--type", "tap",
                 "--tap-name", identifier]
        for address in addresses:
            words += ["--ip", address.split("/")[0]]
        for group in groups:
            words += ["--sg", group]
        self.must(*words)
        wait_until(lambda: ip("link", "show", identifier, namespace=self.namespace, check=False).ok, 10,
                   f"the interface {identifier}")
        ip("link", "set", identifier, "address", mac, "mtu", "1500", "up", namespace=self.namespace)
        for address in addresses:
            ip("addr", "add", address, "dev", identifier, "nodad", namespace=self.namespace)

    def add_group(self, name, *rules):
        """`sg add` and its rules; a rule is a string of options, e.g. "--dir in --ip-proto icmp"."""
        self.must("sg", "add", name)
        for rule in rules:
            self.must("sg", "rule", "add", name, *rule.split())

    def rule_ids(self, group):
        """The ids of a group's rules, oldest first."""
        return [str(rule["id"]) for rule in find_objects(self.json("sg", "rule", "list", group), "id")]

    def counters(self):
        """{"brick/out": packets} of `counters`; zeros left out."""
        return read_counters(self.json("counters"))

    def drops(self):
        """{"brick/out": packets} of `counters --drops`, e.g. {"firewall/denied": 3}."""
        return read_counters(self.json("counters", "--drops"))

    def trace(self, nic, count):
        """Starts `trace` in the background; see Trace."""
        return Trace(self._run, self.cli_line("trace", "--nic", nic, "--count", count),
                     self.directory / f"trace-{nic}-{time.monotonic_ns()}.log")


class Trace:
    """A running `butterfly trace`; its text grows as packets pass."""

    def __init__(self, run_directory, command, log):
        self._log = log
        self._process = run_directory.spawn(command, log)

    def text(self):
        return self._log.read_text(errors="replace")

    def stop(self):
        self._process.terminate()
        try:
            self._process.wait(5)
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        return self.text()


def find_objects(value, *keys):
    """All objects within a JSON value that have one of `keys`: the lab is not bound to the nesting."""
    if isinstance(value, list):
        return [found for item in value for found in find_objects(item, *keys)]
    if isinstance(value, dict):
        if any(key in value for key in keys):
            return [value]
        return [found for item in value.values() for found in find_objects(item, *keys)]
    return []


def read_counters(value):
    counters = {}
    for counter in find_objects(value, "packets"):
        words = [str(counter[key]) for key in ("brick", "node", "out", "reason", "name") if counter.get(key)]
        packets = int(counter["packets"])  # protobuf's JSON writes 64-bit numbers as strings
        if packets and words:
            name = "/".join(words)
            counters[name] = counters.get(name, 0) + packets
    return counters

# SPDX-License-Identifier: Apache-2.0
"""A QEMU guest whose only nic is a vhost-user port, or a tap; the host talks to it over a serial line.
Started, rebooted, killed and started again, paused, moved to another host, and made to run commands."""

import dataclasses
import json
import os

from .qmp import qmp
from .serial_line import SerialLine
from .shell import CommandFailed
from .wait import WaitTimeout, wait_until

# Without arch-capabilities QEMU starts under nested KVM, too; rdrand seeds the guest's random pool at once.
CPU = {"kvm": "host,-arch-capabilities", "tcg": "qemu64,+rdrand"}
BOOT_TIMEOUT = 120  # seconds; 4 s alone under TCG, the rest is for busy machines


@dataclasses.dataclass
class GuestNic:
    """What the guest's end of a nic looks like; `addresses` are "A/N" strings, IPv4 or IPv6."""
    socket: str
    mac: str
    addresses: list
    gateways: list = dataclasses.field(default_factory=list)
    mtu: int = 1500
    queues: int = 1  # pairs
    connects: bool = False  # to the switch, which listens; else QEMU does
    device: str = ""  # further properties of QEMU's device, "a=on,b=off"
    tap: str = ""  # an interface of the kernel in the guest's namespace, instead of the socket


class Guest:
    def __init__(self, run, name, image, accelerator, nic=None, incoming=(), namespace=None):
        """`incoming`, when it waits for the memory of one that runs elsewhere: where, and more of QEMU's words.
        `namespace`: where QEMU runs, for a tap."""
        self.name = name
        self.nic = nic
        self._namespace = namespace
        self._run = run
        self._image = image  # (vmlinuz, initrd)
        self._accelerator = accelerator
        self._incoming = incoming
        self._directory = run.make_directory("-".join(["guest", name, *incoming[:1]]))
        self._process = None
        self._line = None

    # --- life ------------------------------------------------------------------------------

    def start(self):
        """Starts QEMU; returns at once. Main thread only (see RunDirectory.spawn)."""
        for leftover in ("command", "console", "qmp"):
            (self._directory / leftover).unlink(missing_ok=True)
        if self.nic and not self.nic.tap and not self.nic.connects and os.path.exists(self.nic.socket):
            os.unlink(self.nic.socket)  # QEMU's own, of a run before a kill
        self._process = self._run.spawn(self._command(), self._directory / "qemu.log", self._namespace)
        try:
            self._line = SerialLine(self._directory / "command", self.is_running)
        except ConnectionError as error:
            raise CommandFailed(f"guest {self.name}: {error}: {self.qemu_log()}") from error
        return self

    def wait_hello(self, timeout=BOOT_TIMEOUT, count=1):
        try:
            self._line.wait_hello(count, timeout, f"the hello of guest {self.name}")
        except WaitTimeout as error:
            raise WaitTimeout(f"{error}; console ends: {self.console_log()[-600:]}; {self.qemu_log()}") from error
        return self

    def reboot(self, timeout=BOOT_TIMEOUT):
        """Reboots from inside and waits for the new hello."""
        hellos = self._line.hellos
        self._line.send("reboot -f")
        self.wait_hello(timeout, hellos + 1)

    def kill(self):
        """Kills QEMU as a crash would."""
        self._process.kill()
        self._process.wait()
        self._line.close()

    def pause(self):
        qmp(self._monitor, "stop")

    def resume(self):
        qmp(self._monitor, "cont")

    def status(self):
        """What QEMU says of the guest, "running" or "paused" for example; nothing before it has begun."""
        try:
            return qmp(self._monitor, "query-status")["status"]
        except OSError:
            return None

    def is_running(self):
        return self._process is not None and self._process.poll() is None

    # --- moving ----------------------------------------------------------------------------

    def prepare_arrival(self, place, nic, paused=False):
        """Starts a second QEMU for this guest, with the same line but for its nic's socket. With `paused` the
        guest stands still there until `resume`."""
        arrival = Guest(self._run, self.name, self._image, self._accelerator, nic, [place, "-S"] if paused else [place])
        arrival.start()
        # It listens for the memory before it answers, and answers once the switch serves its nic.
        wait_until(lambda: arrival.status() == "inmigrate", 20, f"guest {self.name} to be awaited on host {place}")
        return arrival

    def move_to(self, arrival, timeout=60):
        """Copies the memory while the guest runs, in about a second; returns QEMU's account of it once the guest
        is there. `kill` ends what is left here."""
        qmp(self._monitor, "migrate-set-parameters", **{"max-bandwidth": 100 << 20})
        qmp(self._monitor, "migrate", uri=arrival.incoming)
        state = wait_until(lambda: ended(qmp(self._monitor, "query-migrate")), timeout,
                           f"guest {self.name} to be copied")
        # What is sent is not yet taken: the other QEMU ends when it cannot use it.
        wait_until(lambda: not arrival.is_running() or arrival.status() in ("running", "paused"), 20,
                   f"guest {self.name} to have arrived")
        if state["status"] != "completed" or not arrival.is_running():
            raise CommandFailed(f"guest {self.name} was not moved: {state}; there: {arrival.qemu_log()}")
        return state

    @property
    def _monitor(self):
        return self._directory / "qmp"

    @property
    def incoming(self):
        """Where QEMU waits for the memory."""
        return f"unix:{self._directory}/incoming"

    @property
    def pid(self):
        return self._process.pid

    # --- work ------------------------------------------------------------------------------

    def run(self, command, timeout=30):
        """Runs a shell command in the guest; Answer(exit, output)."""
        return self._line.collect(self._line.send(command), timeout, f"`{command}` in guest {self.name}")

    def begin(self, command):
        """Starts a command without waiting; `end` has its Answer."""
        return self._line.send(command), command

    def end(self, begun, timeout=60):
        identifier, command = begun
        return self._line.collect(identifier, timeout, f"`{command}` in guest {self.name}")

    def spawn(self, command):
        """Leaves a command running in the guest's background; its output is dropped."""
        self.run(f"({command}) < /dev/null > /dev/null 2>&1 &")

    def can_ping(self, address, count=1, wait=2, size=56):
        return self.run(f"ping -c {count} -W {wait} -s {size} {address}", timeout=count * wait + 30).ok

    def ping_until(self, address, timeout=30):
        """Pings until an answer comes (ARP, link and reconnects take their time)."""
        wait_until(lambda: self.can_ping(address, wait=1), timeout, f"{self.name} to ping {address}")

    def serve_tcp(self, port, timeout=15):
        """A small web server on `port` whose page is the guest's name."""
        self.spawn(f"httpd -f -p {port} -h /www")
        wait_until(lambda: self.run(f"netstat -lnt | grep -q ':{port} '").ok, timeout,
                   f"port {port} to listen in {self.name}")

    def fetch(self, address, port, wait=3):
        """The page at address:port without its newline, or None if no answer comes within `wait` s."""
        host = f"[{address}]" if ":" in address else address
        # busybox's own `wget -T` crashes in Debian 12's static build.
        answer = self.run(f"timeout {wait} wget -q -O - http://{host}:{port}/", timeout=wait + 30)
        return answer.stdout.strip() if answer.ok else None

    def iperf(self, server, address, seconds=5, options=""):
        """TCP throughput from this guest to `server` in Gbit/s."""
        if not server.run("pidof iperf3").ok:
            server.spawn("iperf3 -s")
            wait_until(lambda: server.run("netstat -lnt | grep -q ':5201 '").ok, 15, "iperf3 to listen")
        answer = self.run(f"iperf3 -J -c {address} -t {seconds} --connect-timeout 5000 {options}",
                          timeout=seconds + 60)
        try:
            report = json.loads(answer.stdout)
            return report["end"]["sum_received"]["bits_per_second"] / 1e9
        except (ValueError, KeyError) as error:
            raise CommandFailed(f"iperf3 {self.name} to {address}: {answer.stdout[-300:]}") from error

    # --- looking inside --------------------------------------------------------------------

    def checksum_errors(self):
        """Wrong checksums that the guest's kernel has found, over IPv4 and IPv6."""
        text = self.run("cat /proc/net/snmp").stdout
        total = 0
        for protocol in ("Tcp:", "Udp:"):
            names, values = [line.split() for line in text.splitlines() if line.startswith(protocol)]
            total += int(values[names.index("InCsumErrors")])
        six = self.run("awk '/InCsumErrors/ { n += $2 } END { print n + 0 }' /proc/net/snmp6").stdout
        return total + int(six)

    @property
    def console_socket(self):
        return self._directory / "console"

    def console_log(self):
        return self._read("console.log")

    def qemu_log(self):
        return self._read("qemu.log")

    def _read(self, name):
        try:
            return (self._directory / name).read_text(errors="replace")
        except OSError:
            return ""

    def _command(self):
        vmlinuz, initrd = self._image
        directory = self._directory
        command = ["qemu-system-x86_64", "-accel", self._accelerator, "-M", "q35", "-m", "256", "-smp", "1",
                   "-nodefaults", "-no-user-config", "-display", "none", "-name", f"lab-{self.name}",
                   "-cpu", CPU[self._accelerator],
                   "-object", "memory-backend-memfd,id=m0,size=256M,share=on", "-numa", "node,memdev=m0",
                   "-chardev", f"socket,id=console,path={directory}/console,server=on,wait=off,"
                               f"logfile={directory}/console.log", "-serial", "chardev:console",
                   # wait=on: nothing the guest says may be missed.
                   "-chardev", f"socket,id=command,path={directory}/command,server=on,wait=on",
                   "-serial", "chardev:command",
                   "-qmp", f"unix:{directory}/qmp,server=on,wait=off",
                   "-kernel", str(vmlinuz), "-initrd", str(initrd), "-append", self._kernel_arguments()]
        if self._incoming:
            command += ["-incoming", self.incoming, *self._incoming[1:]]
        if self.nic:
            # QEMU 7.2 crashes with vhost-user, TCG and MSI-X together.
            more = ",vectors=0" if self._accelerator == "tcg" else ""
            more += ",mq=on" if self.nic.queues > 1 else ""
            more += f",{self.nic.device}" if self.nic.device else ""
            command += [*self._backend(),
                        "-device", f"virtio-net-pci,netdev=n0,mac={self.nic.mac},rx_queue_size=1024,"
                                   f"{self._tx_queue_size()}host_mtu={self.nic.mtu}{more}"]
        return command

    def _backend(self):
        if self.nic.tap:
            return ["-netdev", f"tap,id=n0,ifname={self.nic.tap},script=no,downscript=no,vhost=off"]
        role = "reconnect=1" if self.nic.connects else "server=on,wait=off"
        return ["-chardev", f"socket,id=c0,path={self.nic.socket},{role}",
                "-netdev", f"vhost-user,id=n0,chardev=c0,queues={self.nic.queues}"]

    def _tx_queue_size(self):
        # QEMU itself serves at most 256.
        return "" if self.nic.tap else "tx_queue_size=1024,"

    def _kernel_arguments(self):
        words = ["console=ttyS0", "quiet", "panic=1", "mitigations=off", f"lab.name={self.name}"]
        if self.nic:
            words += [f"lab.ip={','.join(self.nic.addresses)}",
                      f"lab.gateway={','.join(self.nic.gateways)}"]
        return " ".join(words)


def ended(migration):
    """QEMU's account of a migration that is over, one way or the other."""
    return migration if migration.get("status") in ("completed", "failed", "cancelled") else None

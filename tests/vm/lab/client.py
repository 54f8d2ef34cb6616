# SPDX-License-Identifier: Apache-2.0
"""A tap guest with the tools of those who try firewalls: nmap, scapy, sockets used oddly.
What the tools say is read here; tests see plain values."""

import pathlib
import socket
import xml.etree.ElementTree

from .shell import run
from .tap_guest import TapGuest
from .wait import wait_until

HERE = pathlib.Path(__file__).parent
DATAGRAMS, STREAMS, PACKETS = (HERE / name for name in ("datagrams.py", "streams.py", "packets.py"))
SCANNER = ("nmap", "-n", "-Pn", "--max-retries", "3", "--initial-rtt-timeout", "200ms", "--max-rtt-timeout", "500ms",
           "--min-rate", "50", "-oX", "-")


class Client(TapGuest):
    def ask(self, *arguments):
        """A job of datagrams.py or streams.py to its end; what it found out."""
        return self.traffic(*arguments, script=script_of(arguments[0]))

    def start(self, *arguments):
        """The same in the background; see Traffic."""
        return self.start_traffic(*arguments, script=script_of(arguments[0]))

    def serve(self, *arguments):
        """One of their servers, once it listens."""
        server, port = self.start(*arguments), arguments[1]
        kind = {"serve-raw": "-Hlnw", "serve-udp": "-Hlnu"}.get(arguments[0], "-Hlnt")
        # A raw socket's port is its protocol.
        wait_until(lambda: f":{port} " in run("ss", kind, namespace=self.namespace).stdout or
                   kind == "-Hlnw" and run("ss", kind, namespace=self.namespace).stdout, 20,
                   f"{self.name} to listen at {port}")
        return server

    def scan(self, address, *options):
        """{port: state} as nmap sees it; with -sO, {protocol: state}."""
        return read_scan(run(*SCANNER, *(["-6"] if ":" in address else []), *options, address,
                             namespace=self.namespace, timeout=60).stdout)

    def run(self, *command, check=True, timeout=60):
        return run(*command, namespace=self.namespace, check=check, timeout=timeout)


def kernel_has(kind, protocol):
    """Whether sockets of it can be made here; says so when not."""
    try:
        socket.socket(socket.AF_INET, kind, protocol).close()
        return True
    except OSError as error:
        print(f"     left out: the kernel has no sockets of protocol {protocol} ({error})")
        return False


def script_of(job):
    return DATAGRAMS if job.endswith(("-udp", "-raw")) else STREAMS


def send(namespace, interface, expression, count=1):
    """Frames made by scapy (see packets.py), by Debian's Python, which has it."""
    run("/usr/bin/python3", PACKETS, interface, count, expression, namespace=namespace, timeout=60)


def read_scan(text):
    return {int(port.get("portid")): port.find("state").get("state")
            for port in xml.etree.ElementTree.fromstring(text).iter("port")}

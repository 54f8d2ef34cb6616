#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""`make demo`: two hosts, two tenants, four real guests; one line for each thing Butterfly does.
KEEP=1 leaves the lab up and prints how to play with it. Non-zero exit if a line fails.

    tenant red (VNI 100)   red1 10.0.0.1     red2 10.0.0.2     gateway 10.0.0.254
    tenant blue (VNI 200)  blue1 10.0.0.1    blue2 10.0.0.2    (none)

      red1   blue1           red2   blue2          outside 198.51.100.10
       └──┬───┘               └──┬───┘                   │
      butterflyd             butterflyd            Linux router, kernel vxlan (VNI 100)
        host a                 host b                    │
       192.0.2.1 ══ VXLAN ══ 192.0.2.2 ════════════ 192.0.2.254       one underlay
"""

import argparse
import os
import pathlib
import shlex
import signal
import sys
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE))

from image.build import DEFAULT_CACHE, ImageError  # noqa: E402
from lab import drop_reasons  # noqa: E402
from lab.preflight import NotReady  # noqa: E402
from lab.shell import CommandFailed  # noqa: E402
from lab.topology import Lab, mac_of  # noqa: E402
from lab.wait import WaitTimeout, wait_until  # noqa: E402

RED, BLUE = 100, 200
WEB_RULES = ("--dir in --ip-proto icmp", "--dir in --ip-proto icmpv6",
             "--dir in --ip-proto tcp --port 80", "--dir in --ip-proto tcp --port 5201")


class Show:
    """Runs the steps, prints a line each, counts."""

    def __init__(self):
        self.passed = self.failed = 0
        self._began = time.monotonic()

    def say(self, text):
        print(f"  {text}", flush=True)

    def step(self, sentence, action):
        """`action()` returns what was seen (shown) or raises; a false value fails the line."""
        try:
            seen = action()
        except (CommandFailed, WaitTimeout, OSError, ValueError, AssertionError) as error:
            seen, detail = None, str(error)
        else:
            detail = seen if isinstance(seen, str) else ""
        mark = "✔" if seen else "✘"
        if seen:
            self.passed += 1
        else:
            self.failed += 1
        print(f"{mark} {sentence}{': ' + detail if detail else ''}", flush=True)
        return bool(seen)

    def end(self):
        seconds = time.monotonic() - self._began
        print(f"demo: {self.passed} ✔, {self.failed} ✘ in {seconds:.0f} s", flush=True)


class Demo:
    def __init__(self, lab, show):
        self.lab = lab
        self.show = show
        self.router = None

    def build(self):
        """Hosts, groups, nics and guests; whatever fails here ends the demo."""
        lab = self.lab
        lab.make_underlay()
        a, b = lab.add_hosts(a="192.0.2.1/24", b="192.0.2.2/24")
        lab.join_peers(RED, BLUE, others=["192.0.2.254"])
        for host in (a, b):
            host.add_group("web", *WEB_RULES)
            host.add_group("quiet")
        for host, name, vni, number, group in (("a", "red1", RED, 1, "quiet"), ("a", "blue1", BLUE, 1, "quiet"),
                                               ("b", "red2", RED, 2, "web"), ("b", "blue2", BLUE, 2, "web")):
            gateways = ["10.0.0.254", "fd00::fe"] if vni == RED else []
            lab.add_guest(host, name, vni, mac_of(vni, number),
                          [f"10.0.0.{number}/24", f"fd00::{number}/64"], [group], gateways=gateways)
        self.router = lab.add_router("192.0.2.254/24", RED, ["10.0.0.254/24", "fd00::fe/64"])
        self.router.serve_outside()

    def boot(self):
        began = time.monotonic()
        self.lab.wait_guests()
        for guest in self.lab.guests.values():
            guest.serve_tcp(80)
        self.lab.guests["red2"].serve_tcp(81)
        return f"4 guests in {time.monotonic() - began:.0f} s under {self.lab.accelerator.upper()}"

    def run_steps(self):
        red1, red2 = self.lab.guests["red1"], self.lab.guests["red2"]
        blue1 = self.lab.guests["blue1"]
        step = self.show.step
        step("red1 on host a pings red2 on host b through VXLAN, IPv4", lambda: round_trip(red1, "10.0.0.2"))
        step("the same over IPv6", lambda: round_trip(red1, "fd00::2"))
        step("two tenants, the same addresses: 10.0.0.2 is red2 to red1 and blue2 to blue1",
             lambda: red1.fetch("10.0.0.2", 80) == "red2" and blue1.fetch("10.0.0.2", 80) == "blue2")
        step("blue cannot see red: the gateway 10.0.0.254 is there for red1, not for blue1",
             lambda: red1.can_ping("10.0.0.254") and not blue1.can_ping("10.0.0.254"))
        step("red2's group opens TCP port 80", lambda: red1.fetch("10.0.0.2", 80) == "red2")
        step("port 81, where red2 listens too, stays shut",
             lambda: red2.fetch("127.0.0.1", 81) == "red2" and red1.fetch("10.0.0.2", 81) is None)
        step("red1's group opens nothing, so red2 cannot reach its port 80; "
             "yet the replies to red1's own connections pass, for they are tracked",
             lambda: red2.fetch("10.0.0.1", 80) is None and red1.fetch("10.0.0.2", 80) == "red2")
        step("red1 reaches the outside through its tenant's gateway (kernel vxlan)",
             lambda: red1.fetch("198.51.100.10", 80) == "outside" and round_trip(red1, "198.51.100.10"))
        step("TCP throughput from red1 to red2", lambda: f"{red1.iperf(red2, '10.0.0.2', 5):.2f} Gbit/s")
        step("red2 reboots and comes back", self.reboot)
        step("a packet that red1 sends with a foreign address is dropped, and trace says why", self.trace_spoof)
        step("counters name what was refused", self.explain_drops)

    def reboot(self):
        red1, red2 = self.lab.guests["red1"], self.lab.guests["red2"]
        began = time.monotonic()
        red2.reboot()
        red1.ping_until("10.0.0.2")
        return f"answers again after {time.monotonic() - began:.0f} s"

    def trace_spoof(self):
        red1, host = self.lab.guests["red1"], self.lab.hosts["a"]
        red1.run("ip addr add 10.0.0.99/32 dev eth0")
        trace = host.trace("red1", 4)
        try:
            def seen():
                red1.run("ping -c 1 -W 1 -I 10.0.0.99 10.0.0.2")
                reasons = drop_reasons.matching(host.drops(), drop_reasons.SPOOFED)
                return drop_reasons.line_naming(trace.text(), reasons)

            line = wait_until(seen, 15, "the trace of the spoofed packet")
        finally:
            trace.stop()
            red1.run("ip addr del 10.0.0.99/32 dev eth0")
        return line

    def explain_drops(self):
        refused = {}
        for host in self.lab.hosts.values():
            for line in host.must("counters", "--drops").splitlines():
                print(f"    host {host.name}: {line}")
            for name, packets in host.drops().items():
                refused[name] = refused.get(name, 0) + packets
        return drop_reasons.total(refused, drop_reasons.FIREWALL) > 0 and \
            drop_reasons.total(refused, drop_reasons.SPOOFED) > 0


def round_trip(guest, address):
    """Pings until an answer comes, then the round trip of three, e.g. "0.4 ms"."""
    guest.ping_until(address)
    answer = guest.run(f"ping -c 3 -W 2 {address}")
    if not answer.ok:
        return None
    average = answer.stdout.rsplit("=", 1)[1].split("/")[1]
    return f"{float(average):.1f} ms"


def print_how_to_play(lab):
    print("\nThe lab is up. Try, from another terminal:")
    for host in lab.hosts.values():
        line = shlex.join(host.cli_line())
        print(f"\n  host {host.name}:  {line} status")
        print(f"           {line} nic list")
        print(f"           {line} counters --drops")
        print(f"           its network namespace: ip netns exec {host.namespace} sh")
        print(f"           its log: {host.directory}/butterflyd.log")
    print()
    for name, guest in lab.guests.items():
        print(f"  console of {name}:  {HERE}/console.py {guest.console_socket}      (Ctrl-] leaves)")
    print("\nTo end it and remove everything: Ctrl-C here"
          f", or kill {os.getpid()}.", flush=True)
    try:
        while True:
            signal.pause()
    except KeyboardInterrupt:
        print("\nremoving the lab")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", default="build/release", help="where butterflyd and butterfly are")
    parser.add_argument("--image-cache", default=DEFAULT_CACHE, help="where the guest image is kept")
    arguments = parser.parse_args()
    show = Show()
    try:
        lab = Lab(arguments.build_dir, arguments.image_cache, show.say)
    except (NotReady, ImageError) as error:
        sys.exit(f"demo: cannot run here:\n{error}")
    try:
        with lab:
            demo = Demo(lab, show)
            show.say("starting two hosts and four guests")
            if show.step("two butterflyd run, their API answers, groups and nics are configured",
                         lambda: demo.build() or True) and show.step("guests boot", demo.boot):
                demo.run_steps()
            show.end()
            if os.environ.get("KEEP") == "1":
                print_how_to_play(lab)
    except KeyboardInterrupt:
        sys.exit("demo: interrupted; everything was removed")
    sys.exit(1 if show.failed else 0)


if __name__ == "__main__":
    main()

# SPDX-License-Identifier: Apache-2.0
"""Underlays that are not plain: VLAN 100 of a trunk, with jumbo frames. Taps instead of guests.

      a1 10.0.0.1  MTU 8950              b1 10.0.0.2  MTU 8950
          │                                  │
        host a 192.0.2.1 ═══ VXLAN ═══ host b 192.0.2.2        VLAN 100, MTU 9000
                                │
                         a station
"""

import json
import pathlib
import sys

from checks import OPEN_TO_PINGS, check
from lab import drop_reasons
from lab.host import Host
from lab.shell import run
from lab.tap_guest import TapGuest
from lab.topology import mac_of
from lab.wait import wait_until

VNI, VLAN, MTU = 100, 100, 9000
INNER = MTU - 50
PROBE = pathlib.Path(__file__).parent / "lab" / "vlan_probe.py"
OTHER_VLANS = r"^parse-outer/vlan-tag"


def build_lab(lab):
    lab.make_underlay(mtu=MTU)
    for number, name in enumerate(("a", "b"), 1):
        host = Host(lab.run, name, lab.binaries, lab.underlay, f"192.0.2.{number}/24", lcore=number - 1)
        host.config.write_text(host.config.read_text() + f"vlan = {VLAN}\n")
        lab.hosts[name] = host.start()
    for host in lab.hosts.values():
        host.wait_ready()
        host.add_group("open", *OPEN_TO_PINGS, "--dir in --ip-proto tcp")
    lab.join_peers(VNI)
    lab.taps = {}
    for number, (host, name) in enumerate((("a", "a1"), ("b", "b1")), 1):
        lab.taps[name] = TapGuest(lab.run, lab.hosts[host], name, VNI, mac_of(VNI, number),
                                  [f"10.0.0.{number}/24", f"fd00::{number}/64"], ["open"],
                                  options=["--mtu", INNER], mtu=INNER)
    lab.station = lab.run.make_namespace("station")
    lab.underlay.attach(lab.station)
    return lab


def ask(lab, vlan):
    """For the MAC of host a's endpoint, in that VLAN, by a station on the underlay."""
    answer = run(sys.executable, PROBE, "up0", vlan, "192.0.2.9", "192.0.2.1", namespace=lab.station)
    return json.loads(answer.stdout)


def test_an_endpoint_answers_in_its_vlan_and_nowhere_else(lab):
    answer = ask(lab, VLAN)
    check(answer == {"answered": True, "vlan": VLAN}, f"host a answers in VLAN {VLAN}: {answer}")
    for vlan in (0, VLAN + 1):
        before = drop_reasons.total(lab.hosts["a"].drops(), OTHER_VLANS)
        check(not ask(lab, vlan)["answered"], f"host a answers in VLAN {vlan}")
        check(drop_reasons.total(lab.hosts["a"].drops(), OTHER_VLANS) > before,
              f"frames of VLAN {vlan} are dropped by name: {lab.hosts['a'].drops()}")


def test_the_status_tells_the_size_of_the_underlay(lab):
    check(f"MTU {MTU}, inner MTU {INNER}" in lab.hosts["a"].must("status"), lab.hosts["a"].must("status"))


def test_jumbo_frames_cross_the_tunnel_whole(lab):
    a1 = lab.taps["a1"]
    a1.ping_until("10.0.0.2")
    a1.ping_until("fd00::2")
    for address, headers in (("10.0.0.2", 28), ("fd00::2", 48)):
        answer = run("ping", "-n", "-M", "do", "-c", 3, "-W", 2, "-s", INNER - headers, address,
                     namespace=a1.namespace, check=False)
        check(answer.ok and " 0% packet loss" in answer.stdout, f"{INNER} bytes to {address}: {answer.stdout}")


def test_tcp_uses_jumbo_frames(lab):
    a1, b1 = lab.taps["a1"], lab.taps["b1"]
    server = b1.serve(5000)
    counts = lab.hosts["b"].json("status")["uplink"]
    a1.traffic("transfer", "10.0.0.2", 5000, 4)
    after = lab.hosts["b"].json("status")["uplink"]
    server.stop()
    size, packets = (int(after[key]) - int(counts[key]) for key in ("rx_bytes", "rx_packets"))
    check(size > 4 << 20 and size / packets > 2000, f"{size} bytes in {packets} packets from the wire")


def test_hosts_in_one_vlan_keep_their_buffers(lab):
    """What was dropped for its VLAN, and what was long, has gone back."""
    for host in lab.hosts.values():
        wait_until(lambda h=host: int(h.json("status")["buffers_used"]) < 600, 10, "buffers to be back")

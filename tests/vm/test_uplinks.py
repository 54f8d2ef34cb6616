# SPDX-License-Identifier: Apache-2.0
"""Underlays that are not plain: VLAN 100 of a trunk, with jumbo frames; two links; LACP; AF_XDP. Taps
instead of guests.

      a1 10.0.0.1  MTU 8950     b1 10.0.0.2  MTU 8950   c1 10.0.0.3  MTU 1500    d1 10.0.0.4  MTU 8950
          │                         │                     │                        │
        host a 192.0.2.1          host b 192.0.2.2      host c 192.0.2.3         host d 192.0.2.4
         │ a backup                 │                     │ AF_XDP, MTU 1600       ║ LACP
         │                          │                     │                      switch
         └───────────────────── VLAN 100, MTU 9000 ───────┴────────────────────────┘
                                │
                         a station
"""

import json
import pathlib
import sys

from checks import OPEN_TO_PINGS, check
from lab import drop_reasons
from lab.aggregate import Aggregate
from lab.host import Host
from lab.shell import ip, run
from lab.tap_guest import TapGuest
from lab.topology import mac_of
from lab.wait import wait_until

HOSTS = ("a", "b", "c", "d")
VNI, VLAN, MTU = 100, 100, 9000
INNER = MTU - 50
PROBE = pathlib.Path(__file__).parent / "lab" / "vlan_probe.py"
OTHER_VLANS = r"^parse-outer/vlan-tag"


def link_of(lab, host, interface):
    """The underlay's end of it: what the host sees when that is set down is a cable that is out."""
    peers = json.loads(run("ip", "-j", "link", "show", "dev", interface, namespace=host.namespace).stdout)
    index = peers[0]["link_index"]
    ports = json.loads(run("ip", "-j", "link", namespace=lab.underlay.namespace).stdout)
    return next(port["ifname"] for port in ports if port["ifindex"] == index)


def uplink_events_of(host):
    """What has happened to its links, in order: "uplink-down", "uplink-member-up member up1"."""
    return [line.split(" ", 2)[2] for line in host.must("events").splitlines() if " uplink-" in line]


def make_special(lab, host):
    """What of an uplink is not as others have it; its lines of the configuration."""
    if host.name == "a":
        run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", namespace=host.namespace)
        lab.underlay.attach(host.namespace, "up1")
        run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=0", namespace=host.namespace)
        return 'backup = "up1"\n'
    if host.name == "d":
        return 'bond = "lacp"\nbond_with = ["up1"]\n'
    if host.name == "c":
        # What a veth takes XDP for: pages of 4 KiB on both sides, and tags in the frames themselves.
        port = link_of(lab, host, "up0")
        run("ethtool", "-K", port, "txvlan", "off", namespace=lab.underlay.namespace)
        ip("link", "set", port, "mtu", "1600", namespace=lab.underlay.namespace)
        ip("link", "set", "up0", "mtu", "1600", namespace=host.namespace)
    return 'kernel_driver = "af_xdp"\n'


def build_lab(lab):
    lab.make_underlay(mtu=MTU)
    lab.switch = Aggregate(lab.run, lab.underlay)
    for number, name in enumerate(HOSTS, 1):
        underlay = lab.switch if name == "d" else lab.underlay
        host = Host(lab.run, name, lab.binaries, underlay, f"192.0.2.{number}/24", lcore=(number - 1) % 2)
        host.config.write_text(host.config.read_text() + f"vlan = {VLAN}\n" + make_special(lab, host))
        lab.hosts[name] = host.start()
    for host in lab.hosts.values():
        host.wait_ready()
        host.add_group("open", *OPEN_TO_PINGS, "--dir in --ip-proto tcp")
    lab.join_peers(VNI)
    lab.taps = {}
    for number, host in enumerate(HOSTS, 1):
        inner = 1500 if host == "c" else INNER
        lab.taps[f"{host}1"] = TapGuest(lab.run, lab.hosts[host], f"{host}1", VNI, mac_of(VNI, number),
                                        [f"10.0.0.{number}/24", f"fd00::{number}/64"], ["open"],
                                        options=["--mtu", inner], mtu=inner)
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


def test_an_uplink_in_a_vlan_warns_that_a_veth_has_unfinished_checksums(lab):
    warnings = " ".join(lab.hosts["a"].json("status")["warnings"])
    for device in ("up0", "up1"):
        check(f"uplink '{device}' is a veth" in warnings and "tx off tso off gso off" in warnings, warnings)


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


def test_the_backup_takes_over_when_a_link_is_lost(lab):
    host, a1 = lab.hosts["a"], lab.taps["a1"]
    check("up0 and up1 (up0 in use) up, by net_af_packet" in host.must("status"), host.must("status"))
    check("up1: standby, by net_af_packet" in host.must("status"), host.must("status"))
    for lost, other in (("up0", "up1"), ("up1", "up0")):
        cable = link_of(lab, host, lost)
        a1.ping_until("10.0.0.2")
        ip("link", "set", cable, "down", namespace=lab.underlay.namespace)
        wait_until(lambda active=other: host.json("status")["uplink"]["active"] == active, 10,
                   f"{other} to be in use")
        a1.ping_until("10.0.0.2")
        a1.ping_until("fd00::2")
        ip("link", "set", cable, "up", namespace=lab.underlay.namespace)
        check(host.json("status")["uplink"]["active"] == other, "the one that is back does not interrupt")
    check("uplink 'up0': no link; 'up1' carries" in host.log(), host.log()[-600:])
    check("uplink-member-down member up1" in uplink_events_of(host), uplink_events_of(host))


def test_a_link_that_is_lost_is_told(lab):
    """Of a kernel interface, whose driver in DPDK says that it is up whatever it is."""
    host = lab.hosts["b"]
    cable = link_of(lab, host, "up0")
    check(host.json("status")["uplink"]["link_up"], host.json("status"))
    ip("link", "set", cable, "down", namespace=lab.underlay.namespace)
    wait_until(lambda: "up0 down, by net_af_packet" in host.must("status"), 10, "the status to tell of the loss")
    wait_until(lambda: uplink_events_of(host)[-1] == "uplink-down", 10, "an event")
    check("uplink 'up0' has no link" in host.log(), host.log()[-600:])
    ip("link", "set", cable, "up", namespace=lab.underlay.namespace)
    wait_until(lambda: host.json("status")["uplink"].get("link_up"), 10, "the link to be back")
    wait_until(lambda: uplink_events_of(host)[-2:] == ["uplink-down", "uplink-up"], 10, "an event")
    wait_until(lambda: "uplink 'up0' has its link again" in host.log(), 10, "a line in the log")
    lab.taps["a1"].ping_until("10.0.0.2")


def test_lacp_carries_over_all_links_that_the_switch_agrees_on(lab):
    host, d1 = lab.hosts["d"], lab.taps["d1"]
    lab.switch.wait_agreed(["up0", "up1"])
    status = host.must("status")
    for link in lab.switch.links:
        check(f"{link}: in use, by net_af_packet, partner 02:00:00:00:53:00" in status, status)
    d1.ping_until("10.0.0.1")
    d1.ping_until("fd00::2")
    before = lab.switch.state()
    for number in range(1, 33):  # each is a flow of the tunnel
        run("ping", "-n", "-c", 1, "-W", 2, f"10.0.0.{1 + number % 2}", namespace=d1.namespace, check=False)
    server = lab.taps["b1"].serve(5001)
    check(d1.traffic("transfer", "10.0.0.2", 5001, 1)["same"], "bytes arrive as they were")
    server.stop()
    after = lab.switch.state()
    for link in lab.switch.links:
        grown = after[link]["received"] - before[link]["received"]
        check(grown > 0, f"packets by {link}: {before} {after}")
    shares = [int(member["tx_packets"]) for member in host.json("status")["uplink"]["members"]]
    check(all(share > 0 for share in shares), f"packets by each link: {shares}")


def test_lacp_goes_on_with_the_links_that_are_left(lab):
    host, d1 = lab.hosts["d"], lab.taps["d1"]
    lab.switch.wait_agreed(["up0", "up1"])
    for lost, left in (("up0", "up1"), ("up1", "up0")):
        d1.ping_until("10.0.0.1")
        pings = [d1.start_traffic("ping", address, 50) for address in ("10.0.0.1", "fd00::2")]
        lab.switch.set_cable(lost, is_in=False)
        lab.switch.wait_agreed([left])
        wait_until(lambda name=lost: f"{name}: not used, no link" in host.must("status"), 10, "the status to say so")
        check(f"uplink '{lost}': no link; '{left}' carries" in host.log(), host.log()[-600:])
        d1.ping_until("10.0.0.2")
        lab.switch.set_cable(lost, is_in=True)
        lab.switch.wait_agreed(["up0", "up1"])
        wanted = [f"uplink-member-down member {lost}", f"uplink-member-up member {lost}"]
        wait_until(lambda told=wanted: uplink_events_of(host)[-2:] == told, 10, "events")
        for ping in pings:
            result = ping.stop()
            check(result["sent"] - result["lost"] > 0 and result["lost"] <= 20,
                  f"a second of pings at most is lost: {result}")


def test_af_xdp_carries_a_tunnel_or_says_why_not(lab):
    host, c1 = lab.hosts["c"], lab.taps["c1"]
    status = host.json("status")
    driver, warnings = status["uplink"]["driver"], " ".join(status.get("warnings", []))
    check((driver == "net_af_xdp") != ("af_packet drives it instead of af_xdp" in warnings),
          f"driven by {driver}: {warnings}")
    for address, headers in (("10.0.0.1", 28), ("fd00::1", 48)):
        c1.ping_until(address)
        answer = run("ping", "-n", "-M", "do", "-c", 20, "-i", 0.05, "-W", 2, "-s", 1500 - headers, address,
                     namespace=c1.namespace, check=False)
        check(answer.ok and " 0% packet loss" in answer.stdout, f"1,500 bytes to {address}: {answer.stdout}")


def test_jumbo_frames_are_too_much_for_af_xdp_and_it_says_so(lab):
    status = lab.hosts["b"].json("status")
    check(status["uplink"]["driver"] == "net_af_packet", status)
    check("its MTU of 9000 is too large for af_xdp (wanted at most 2030)" in " ".join(status["warnings"]), status)


def test_hosts_in_one_vlan_keep_their_buffers(lab):
    """What was dropped for its VLAN, and what was long, has gone back; rings of AF_XDP hold some."""
    for host in lab.hosts.values():
        most = 600 + (2048 if host.json("status")["uplink"]["driver"] == "net_af_xdp" else 0)
        wait_until(lambda h=host, m=most: int(h.json("status")["buffers_used"]) < m, 10, "buffers to be back")

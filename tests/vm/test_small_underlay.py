# SPDX-License-Identifier: Apache-2.0
"""An underlay of MTU 1500 carries inner packets of 1450 bytes; guests with MTU 1500 must be told.

      one 10.0.0.1  MTU 1500        two 10.0.0.2  MTU 1500
          │                             │
        host a 192.0.2.1 ═══ VXLAN ═══ host b 192.0.2.2          MTU 1500
"""

from checks import WEB, check, check_pings
from lab import drop_reasons
from lab.topology import mac_of

VNI = 400


def build_lab(lab):
    lab.make_underlay(mtu=1500)
    for host in lab.add_hosts(a="192.0.2.1/24", b="192.0.2.2/24"):
        host.add_group("web", *WEB)
    lab.join_peers(VNI)
    for number, (host, name) in enumerate((("a", "one"), ("b", "two")), 1):
        lab.add_guest(host, name, VNI, mac_of(VNI, number),
                      [f"10.0.0.{number}/24", f"fd00::{number}/64"], ["web"])
    lab.wait_guests()
    return lab


def icmp_counter(guest, table, name):
    """A counter of the guest's kernel, e.g. ("snmp6", "Icmp6InPktTooBigs")."""
    if table == "snmp6":
        return int(guest.run(f"awk '$1 == \"{name}\" {{ print $2 }}' /proc/net/snmp6").stdout or 0)
    header, values = [line.split() for line in guest.run("grep ^Icmp: /proc/net/snmp").stdout.splitlines()]
    return int(values[header.index(name)])


def check_told(lab, address, size, table, counter):
    """The first packet that does not fit is answered, and counted by name."""
    one, host = lab.guests["one"], lab.hosts["a"]
    check_pings(one, address)
    heard = icmp_counter(one, table, counter)
    answered = drop_reasons.total(host.counters(), drop_reasons.TOO_BIG_ANSWERED)
    one.can_ping(address, size=size)
    check(icmp_counter(one, table, counter) > heard, f"guest one is told that {size} bytes do not fit")
    check(drop_reasons.total(host.counters(), drop_reasons.TOO_BIG_ANSWERED) > answered,
          f"host a counts the packet that does not fit: {host.counters()}")


def test_largest_packet_that_fits_passes(lab):
    check_pings(lab.guests["one"], "10.0.0.2", "fd00::2")
    check(lab.guests["one"].can_ping("10.0.0.2", size=1450 - 28), "1450 bytes over IPv4")
    check(lab.guests["one"].can_ping("fd00::2", size=1450 - 48), "1450 bytes over IPv6")


def test_too_long_ipv4_packet_is_answered_fragmentation_needed(lab):
    check_told(lab, "10.0.0.2", 1500 - 28, "snmp", "InDestUnreachs")


def test_too_long_ipv6_packet_is_answered_packet_too_big(lab):
    check_told(lab, "fd00::2", 1500 - 48, "snmp6", "Icmp6InPktTooBigs")


def test_tcp_works_though_guests_believe_in_1500_bytes(lab):
    one, two = lab.guests["one"], lab.guests["two"]
    one.run("ip route flush cache; ip -6 route flush cache")
    for address in ("10.0.0.2", "fd00::2"):
        rate = one.iperf(two, address, 3)
        print(f"     {rate:.2f} Gbit/s to {address} ({lab.accelerator})")
        check(rate > 0.01, f"only {rate:.3f} Gbit/s to {address}")


def test_daemon_says_that_the_underlay_is_small(lab):
    for host in lab.hosts.values():
        said = (host.log() + host.must("status")).lower()
        check("mtu" in said and "1450" in said, f"host {host.name} names the MTU that is left for guests")

# SPDX-License-Identifier: Apache-2.0
"""VXLAN over an IPv6 underlay, to another Butterfly and to the kernel's vxlan.

      one 10.0.0.1            two 10.0.0.2          outside 198.51.100.10, 2001:db8:51::10
          │                       │                     │
        host a                  host b                router
     2001:db8::1 ═══ VXLAN ═══ 2001:db8::2 ══════ 2001:db8::fe           MTU 1600
"""

from checks import WEB, check, check_page, check_pings, check_shut
from lab.router import OUTSIDE, OUTSIDE6
from lab.topology import mac_of

VNI = 300


def build_lab(lab):
    lab.make_underlay()
    for host in lab.add_hosts(a="2001:db8::1/64", b="2001:db8::2/64"):
        host.add_group("web", *WEB)
    lab.join_peers(VNI, others=["2001:db8::fe"])
    for number, (host, name) in enumerate((("a", "one"), ("b", "two")), 1):
        lab.add_guest(host, name, VNI, mac_of(VNI, number),
                      [f"10.0.0.{number}/24", f"fd00::{number}/64"], ["web"], gateways=["10.0.0.254", "fd00::fe"])
    lab.router = lab.add_router("2001:db8::fe/64", VNI, ["10.0.0.254/24", "fd00::fe/64"])
    lab.router.serve_outside()
    lab.wait_guests()
    lab.guests["two"].serve_tcp(80)
    lab.guests["two"].serve_tcp(81)
    return lab


def test_guests_ping_over_an_ipv6_underlay(lab):
    check_pings(lab.guests["one"], "10.0.0.2", "fd00::2")
    check(lab.guests["one"].can_ping("10.0.0.2", size=1472), "1,500 bytes fit into 1,600 over IPv6")


def test_security_group_holds_over_an_ipv6_underlay(lab):
    check_page(lab.guests["one"], "10.0.0.2", 80, "two")
    check_shut(lab.guests["one"], "10.0.0.2", 81)


def test_iperf_runs_over_an_ipv6_underlay(lab):
    rate = lab.guests["one"].iperf(lab.guests["two"], "10.0.0.2", 3)
    print(f"     {rate:.2f} Gbit/s ({lab.accelerator})")
    check(rate > 0.01, f"only {rate:.3f} Gbit/s")


def test_kernel_vxlan_router_works_over_an_ipv6_underlay(lab):
    check_pings(lab.guests["one"], OUTSIDE, OUTSIDE6)
    check_page(lab.guests["one"], OUTSIDE, 80, "outside")
    check(lab.router.fetch_from_outside("10.0.0.2", 80) == "two", "the outside reads two's page")


def test_daemon_restart_over_an_ipv6_underlay(lab):
    lab.hosts["b"].kill()
    lab.hosts["b"].start().wait_ready()
    check_pings(lab.guests["one"], "10.0.0.2", "fd00::2")

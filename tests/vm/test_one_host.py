# SPDX-License-Identifier: Apache-2.0
"""Guests of one tenant on one host, a tap nic beside them; antispoof.

      one 10.0.0.1     two 10.0.0.2     tap0 10.0.0.3 (kernel interface in the host's namespace)
          └───────────────┬────────────────┘
                        host a                 VNI 100
"""

from checks import OPEN_TO_PINGS, WEB, check, check_page, check_pings, check_silent, wait_for_drops
from lab import drop_reasons
from lab.shell import run
from lab.topology import mac_of
from lab.wait import wait_until

VNI = 100


def build_lab(lab):
    lab.make_underlay()
    host, = lab.add_hosts(a="192.0.2.1/24")
    host.add_group("web", *WEB)
    for number, name in ((1, "one"), (2, "two")):
        lab.add_guest("a", name, VNI, mac_of(VNI, number),
                      [f"10.0.0.{number}/24", f"fd00::{number}/64"], ["web"])
    lab.wait_guests()
    lab.guests["two"].serve_tcp(80)
    return lab


def check_refused(lab, prepare, attempt, repair):
    """`attempt` (a shell command in guest one) must get no answer and be counted as spoofed."""
    one, host = lab.guests["one"], lab.hosts["a"]
    check_pings(one, "10.0.0.2", "fd00::2")
    before = drop_reasons.total(host.drops(), drop_reasons.SPOOFED)
    try:
        prepared = one.run(prepare)
        check(prepared.ok, f"`{prepare}` said: {prepared.stdout}")
        answer = one.run(attempt)
        check(not answer.ok, f"`{attempt}` got an answer: {answer.stdout}")
        wait_for_drops(host, drop_reasons.SPOOFED, before, f"`{attempt}`, which said {answer.stdout!r},")
    finally:
        one.run(repair)
    check_pings(one, "10.0.0.2", "fd00::2")


def test_guests_on_one_host_ping(lab):
    check_pings(lab.guests["one"], "10.0.0.2", "fd00::2")
    check_page(lab.guests["one"], "10.0.0.2", 80, "two")


def test_iperf_runs_on_one_host(lab):
    rate = lab.guests["one"].iperf(lab.guests["two"], "10.0.0.2", 3)
    print(f"     {rate:.2f} Gbit/s ({lab.accelerator})")
    check(rate > 0.01, f"only {rate:.3f} Gbit/s")


def test_foreign_source_mac_is_refused_and_counted(lab):
    mac = lab.guests["one"].nic.mac
    # The neighbour entry is pinned: this is about an IP packet, not about ARP.
    check_refused(lab,
                  f"arp -s 10.0.0.2 {mac_of(VNI, 2)} && "
                  "ip link set eth0 address 52:54:00:ff:ff:01",
                  "ping -c 2 -W 1 10.0.0.2",
                  f"ip link set eth0 address {mac}; arp -d 10.0.0.2")


def test_foreign_source_ipv4_is_refused_and_counted(lab):
    check_refused(lab, "ip addr add 10.0.0.99/32 dev eth0", "ping -c 2 -W 1 -I 10.0.0.99 10.0.0.2",
                  "ip addr del 10.0.0.99/32 dev eth0")


def test_foreign_source_ipv6_is_refused_and_counted(lab):
    check_refused(lab, "echo 0 > /proc/sys/net/ipv6/conf/eth0/accept_dad && ip addr add fd00::99/128 dev eth0",
                  "ping -6 -c 2 -W 1 -I fd00::99 fd00::2",
                  "ip addr del fd00::99/128 dev eth0; echo 1 > /proc/sys/net/ipv6/conf/eth0/accept_dad")


def test_arp_for_a_foreign_address_is_refused_and_counted(lab):
    check_refused(lab, "ip addr add 10.0.0.99/32 dev eth0",
                  "arping -c 2 -w 2 -I eth0 -s 10.0.0.99 10.0.0.2",
                  "ip addr del 10.0.0.99/32 dev eth0")


def test_nic_without_antispoof_may_use_other_addresses(lab):
    host, one, two = lab.hosts["a"], lab.guests["one"], lab.guests["two"]
    two.kill()
    host.must("nic", "del", "two")
    host.add_nic("two", VNI, mac_of(VNI, 2), ["10.0.0.2/24", "fd00::2/64"], ["web"], options=["--no-antispoof"])
    two.start().wait_hello()
    two.run("ip addr add 10.0.0.77/24 dev eth0")
    wait_until(lambda: two.can_ping("10.0.0.1"), 20, "two to answer again")
    check_pings(one, "10.0.0.77")


def test_tap_nic_and_guest_reach_each_other(lab):
    host, one = lab.hosts["a"], lab.guests["one"]
    host.add_group("pings", *OPEN_TO_PINGS)
    host.add_tap("tap0", VNI, mac_of(VNI, 3), ["10.0.0.3/24", "fd00::3/64"], ["pings"])
    check_pings(one, "10.0.0.3", "fd00::3")
    for address in ("10.0.0.1", "fd00::1"):
        wait_until(lambda a=address: run("busybox", "ping", "-c", 1, "-W", 1, a, namespace=host.namespace,
                                         check=False).ok, 15, f"the tap to ping {address}")
    host.must("nic", "del", "tap0")
    check_silent(one, "10.0.0.3")
    check(not run("ip", "link", "show", "tap0", namespace=host.namespace, check=False).ok,
          "the interface goes with its nic")


def test_nic_without_group_lets_nothing_in_and_everything_out(lab):
    host, one = lab.hosts["a"], lab.guests["one"]
    host.must("nic", "sg", "set", "one")
    check_pings(one, "10.0.0.2", "fd00::2")
    check_silent(lab.guests["two"], "10.0.0.1")
    host.must("nic", "sg", "set", "one", "web")
    check_pings(lab.guests["two"], "10.0.0.1")

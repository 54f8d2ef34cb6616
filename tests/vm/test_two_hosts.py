# SPDX-License-Identifier: Apache-2.0
"""Two hosts, two tenants with the same IP and MAC addresses, and a router behind a kernel vxlan.

    red  (VNI 100)  red1  10.0.0.1 fd00::1      red2  10.0.0.2 fd00::2      gateway 10.0.0.254 fd00::fe
    blue (VNI 200)  blue1 10.0.0.1 fd00::1      blue2 10.0.0.2 fd00::2

      red1   blue1           red2   blue2          outside 198.51.100.10, 2001:db8:51::10
       └──┬───┘               └──┬───┘                   │
        host a                 host b                  router
      192.0.2.1 ═══ VXLAN ═══ 192.0.2.2 ════════════ 192.0.2.254        one underlay, MTU 1600

red1 and blue1 are in group "quiet", which opens nothing; red2 and blue2 in "web": ping, TCP 80 and 5201.
"""

from checks import WEB, check, check_page, check_pings, check_shut, check_silent, wait_for_drops
from lab import drop_reasons
from lab.host import find_objects
from lab.router import OUTSIDE, OUTSIDE6
from lab.topology import mac_of
from lab.wait import wait_until

RED, BLUE = 100, 200


def build_lab(lab):
    lab.make_underlay()
    for host in lab.add_hosts(a="192.0.2.1/24", b="192.0.2.2/24"):
        host.add_group("web", *WEB)
        host.add_group("quiet")
    lab.join_peers(RED, BLUE, others=["192.0.2.254"])
    for host, tenant, vni, number, group in (("a", "red", RED, 1, "quiet"), ("a", "blue", BLUE, 1, "quiet"),
                                             ("b", "red", RED, 2, "web"), ("b", "blue", BLUE, 2, "web")):
        lab.add_guest(host, f"{tenant}{number}", vni, mac_of(RED, number),
                      [f"10.0.0.{number}/24", f"fd00::{number}/64"], [group],
                      gateways=["10.0.0.254", "fd00::fe"] if tenant == "red" else [])
    lab.router = lab.add_router("192.0.2.254/24", RED, ["10.0.0.254/24", "fd00::fe/64"])
    lab.router.serve_outside()
    lab.wait_guests()
    for guest in lab.guests.values():
        guest.serve_tcp(80)
        guest.serve_tcp(81)
    return lab


def test_guests_on_two_hosts_ping_over_ipv4(lab):
    check_pings(lab.guests["red1"], "10.0.0.2")
    check(lab.guests["red1"].can_ping("10.0.0.2", count=5), "five pings more")


def test_guests_on_two_hosts_ping_over_ipv6(lab):
    check_pings(lab.guests["red1"], "fd00::2")


def test_full_size_packets_cross_a_large_enough_underlay(lab):
    check(lab.guests["red1"].can_ping("10.0.0.2", size=1472), "1,500 bytes over IPv4")
    check(lab.guests["red1"].can_ping("fd00::2", size=1452), "1,500 bytes over IPv6")


def test_tenants_with_equal_addresses_are_separate(lab):
    red1, blue1 = lab.guests["red1"], lab.guests["blue1"]
    for address in ("10.0.0.2", "fd00::2"):
        check_page(red1, address, 80, "red2")
        check_page(blue1, address, 80, "blue2")
    check_pings(red1, "10.0.0.254")
    check_silent(blue1, "10.0.0.254")


def test_group_opens_one_port_and_leaves_others_shut(lab):
    red1, host = lab.guests["red1"], lab.hosts["b"]
    before = drop_reasons.total(host.drops(), drop_reasons.FIREWALL)
    for address in ("10.0.0.2", "fd00::2"):
        check_page(red1, address, 80, "red2")
        check_shut(red1, address, 81)
    wait_for_drops(host, drop_reasons.FIREWALL, before, "the refused connection")


def test_reply_passes_since_the_connection_is_tracked(lab):
    red1, red2 = lab.guests["red1"], lab.guests["red2"]
    check_shut(red2, "10.0.0.1", 80)
    check_silent(red2, "10.0.0.1")
    check_page(red1, "10.0.0.2", 80, "red2")
    check_pings(red1, "10.0.0.2", "fd00::2")


def test_rule_is_added_and_removed_while_in_use(lab):
    red1, host = lab.guests["red1"], lab.hosts["b"]
    host.add_group("extra")
    old = set(host.rule_ids("extra"))
    host.must("nic", "sg", "set", "red2", "web", "extra")
    check_shut(red1, "10.0.0.2", 81)
    host.must("sg", "rule", "add", "extra", "--dir", "in", "--ip-proto", "tcp", "--port", "81")
    check_page(red1, "10.0.0.2", 81, "red2")
    new = set(host.rule_ids("extra")) - old
    check(len(new) == 1, f"one rule more, not {new}")
    host.must("sg", "rule", "del", "extra", new.pop())
    check_shut(red1, "10.0.0.2", 81)
    host.must("nic", "sg", "set", "red2", "web")
    host.must("sg", "del", "extra")


def test_group_is_removed_while_in_use(lab):
    red1, host = lab.guests["red1"], lab.hosts["b"]
    host.add_group("extra", "--dir in --ip-proto tcp --port 81")
    host.must("nic", "sg", "set", "red2", "web", "extra")
    check_page(red1, "10.0.0.2", 81, "red2")
    refused = host.cli("sg", "del", "extra")
    check(refused.exit != 0 and "extra" in refused.stderr, f"removal without --force is refused: {refused}")
    host.must("sg", "del", "extra", "--force")
    check_shut(red1, "10.0.0.2", 81)
    check_page(red1, "10.0.0.2", 80, "red2")
    host.must("nic", "sg", "set", "red2", "web")


def test_guest_reaches_the_outside_through_the_kernel_vxlan_router(lab):
    red1 = lab.guests["red1"]
    check_pings(red1, OUTSIDE, OUTSIDE6)
    check_page(red1, OUTSIDE, 80, "outside")
    check_page(red1, OUTSIDE6, 80, "outside")


def test_outside_reaches_what_a_group_opens(lab):
    router = lab.router
    for address in ("10.0.0.2", "fd00::2"):
        wait_until(lambda a=address: router.ping_from_outside(a), 20, f"the outside to ping {address}")
        check(router.fetch_from_outside(address, 80) == "red2", f"the outside reads the page of {address}")
        check(router.fetch_from_outside(address, 81) is None, f"the outside cannot reach port 81 of {address}")


def test_iperf_runs_between_hosts(lab):
    red1, red2 = lab.guests["red1"], lab.guests["red2"]
    for address in ("10.0.0.2", "fd00::2"):
        rate = red1.iperf(red2, address, 3)
        print(f"     {rate:.2f} Gbit/s to {address} ({lab.accelerator})")
        check(rate > 0.01, f"only {rate:.3f} Gbit/s to {address}")


def test_paused_guest_leaves_others_alone(lab):
    red1, blue1, red2 = lab.guests["red1"], lab.guests["blue1"], lab.guests["red2"]
    red2.pause()
    try:
        flood = red1.begin("for i in 1 2 3 4 5; do ping -c 200 -i 0.005 -W 1 -s 1400 10.0.0.2 & done; wait")
        check(blue1.can_ping("10.0.0.2", count=5), "blue2 answers while red2 reads nothing")
        check_page(blue1, "10.0.0.2", 80, "blue2")
    finally:
        red2.resume()
    red1.end(flood)
    check_pings(red1, "10.0.0.2")


def test_guest_reboots_and_comes_back(lab):
    lab.guests["red2"].reboot()
    lab.guests["red2"].serve_tcp(80)
    check_pings(lab.guests["red1"], "10.0.0.2", "fd00::2")
    check_page(lab.guests["red1"], "10.0.0.2", 80, "red2")


def test_qemu_is_killed_under_load_and_started_again(lab):
    red1, red2, blue1 = lab.guests["red1"], lab.guests["red2"], lab.guests["blue1"]
    red2.spawn("iperf3 -s")
    wait_until(lambda: red2.run("netstat -lnt | grep -q ':5201 '").ok, 15, "iperf3 to listen")
    load = red1.begin("timeout 20 iperf3 -c 10.0.0.2 -t 10 --connect-timeout 3000")
    wait_until(lambda: red1.run("netstat -nt | grep -q ':5201 .*ESTABLISHED'").ok, 15, "iperf3 to be under way")
    red2.kill()
    check_pings(blue1, "10.0.0.2")
    red2.start().wait_hello()
    red2.serve_tcp(80)
    red2.serve_tcp(81)
    red1.end(load)
    check_pings(red1, "10.0.0.2", "fd00::2")
    check_page(red1, "10.0.0.2", 80, "red2")


def test_daemon_is_killed_and_comes_back_with_its_intent(lab):
    host, red1, blue1 = lab.hosts["b"], lab.guests["red1"], lab.guests["blue1"]
    host.kill()
    host.start().wait_ready()
    text = host.must("nic", "list")
    check("red2" in text and "blue2" in text, f"nics are back: {text}")
    check_pings(red1, "10.0.0.2", "fd00::2")
    check_page(red1, "10.0.0.2", 80, "red2")
    check_page(blue1, "10.0.0.2", 80, "blue2")
    check_shut(red1, "10.0.0.2", 81)


def test_daemon_stops_in_order_and_comes_back(lab):
    host, red1 = lab.hosts["a"], lab.guests["red1"]
    status = host.stop()
    check(status == 0, f"exit status 0 on SIGTERM, not {status}")
    host.start().wait_ready()
    check_pings(red1, "10.0.0.2")
    check_shut(lab.guests["red2"], "10.0.0.1", 80)


def test_second_daemon_on_the_same_files_is_refused(lab):
    host = lab.hosts["a"]
    answer = host.try_second_daemon()
    check(answer.exit != 0, "a second daemon ends non-zero")
    check(answer.stderr.strip(), "and says why")
    check_pings(lab.guests["red1"], "10.0.0.2")


def test_trace_and_counters_name_why_a_packet_was_dropped(lab):
    red1, host = lab.guests["red1"], lab.hosts["a"]
    red1.run("ip addr add 10.0.0.99/32 dev eth0")
    trace = host.trace("red1", 20)
    try:
        def named():
            red1.run("ping -c 1 -W 1 -I 10.0.0.99 10.0.0.2")
            reasons = drop_reasons.matching(host.drops(), drop_reasons.SPOOFED)
            return drop_reasons.line_naming(trace.text(), reasons)

        wait_until(named, 15, "a trace that names the drop's counter")
    finally:
        trace.stop()
        red1.run("ip addr del 10.0.0.99/32 dev eth0")


def test_every_drop_has_a_sentence(lab):
    for host in lab.hosts.values():
        counters = find_objects(host.json("counters", "--drops"), "packets")
        bare = [counter for counter in counters if not any(" " in str(value) for value in counter.values())]
        check(not bare, f"drops without a sentence: {bare}")


def test_idle_daemon_uses_less_than_one_percent_of_a_cpu(lab):
    for host in lab.hosts.values():
        shares = []

        def is_idle(host=host, shares=shares):
            shares.append(host.cpu_share(5))
            return shares[-1] < 0.01

        wait_until(is_idle, 25, f"host {host.name} to be idle, five seconds at a time: {shares}")
        print(f"     host {host.name}: {shares[-1] * 100:.2f} % of a CPU")

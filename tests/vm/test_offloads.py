# SPDX-License-Identifier: Apache-2.0
"""What guests leave to their devices: checksums and TCP segmentation, on one host and across hosts.
What comes from another host is merged for guests that take super-frames. `one` has three queue pairs.
`plain` takes neither (QEMU masks it), so its packets are finished and cut for it; its QEMU connects to the
switch, and tells it an MTU of its own.

      one 10.0.0.1   two 10.0.0.2   plain 10.0.0.4          three 10.0.0.3
          └──────────────┼──────────────┘                       │
                 host a 192.0.2.1 ═════════ VXLAN ════════ host b 192.0.2.2       VNI 500
"""

from checks import OPEN_TO_PINGS, check, check_ledger, check_pings
from lab.host import find_objects
from lab.topology import mac_of
from lab.wait import wait_until

VNI = 500
MEGABYTES = 8
MTU_OF_PLAIN = 1400
# What was merged at all: how much lies together when the switch looks depends on how busy the machine is.
SOME_MERGED = 1600
OPTIONS = {"one": ["--queues", 3], "plain": ["--vhost-server", "--mtu", MTU_OF_PLAIN]}
OPEN = (*OPEN_TO_PINGS, "--dir in --ip-proto tcp", "--dir in --ip-proto udp")
NO_RECEIVE_OFFLOADS = "guest_csum=off,guest_tso4=off,guest_tso6=off,guest_ecn=off,guest_ufo=off"


def build_lab(lab):
    lab.make_underlay()
    for host in lab.add_hosts(a="192.0.2.1/24", b="192.0.2.2/24"):
        host.add_group("open", *OPEN)
    lab.join_peers(VNI)
    for number, (host, name, device) in enumerate((("a", "one", ""), ("a", "two", ""), ("b", "three", ""),
                                                   ("a", "plain", NO_RECEIVE_OFFLOADS)), 1):
        lab.add_guest(host, name, VNI, mac_of(VNI, number),
                      [f"10.0.0.{number}/24", f"fd00::{number}/64"], ["open"], device=device,
                      mtu=MTU_OF_PLAIN if name == "plain" else 1500,
                      options=OPTIONS.get(name, []))
    lab.wait_guests()
    serve_data(lab.guests["one"])
    return lab


def received(guest):
    """(packets, bytes) that came to the guest's nic; a super-frame is one packet."""
    fields = guest.run("grep eth0: /proc/net/dev").stdout.split(":")[1].split()
    return int(fields[1]), int(fields[0])


def check_checksums(*guests):
    for guest in guests:
        count = guest.checksum_errors()
        check(count == 0, f"{guest.name} found {count} wrong checksums")


def check_transfer(source, target, ipv4, least_bytes_a_packet=0, most_bytes_a_packet=65536):
    """A file crosses unharmed; its packets have so many bytes on average."""
    for address in (ipv4, f"fd00::{ipv4.rsplit('.', 1)[1]}"):
        check_pings(target, address)
        host = f"[{address}]" if ":" in address else address
        packets, size = received(target)
        answer = target.run(f"wget -q -O - http://{host}:8080/data | sha256sum", timeout=120)
        check(answer.stdout.split()[0] == source.digest, f"{target.name} read other bytes from {address}: {answer}")
        packets, size = received(target)[0] - packets, received(target)[1] - size
        print(f"     {size // packets} bytes a packet from {source.name} to {target.name} ({address})")
        check(least_bytes_a_packet <= size / packets <= most_bytes_a_packet, f"{size} bytes came in {packets} packets")
    check_checksums(target)


def serve_data(guest):
    """Random bytes behind a web server."""
    guest.run(f"dd if=/dev/urandom of=/www/data bs=1M count={MEGABYTES}", timeout=120)
    guest.digest = guest.run("sha256sum /www/data", timeout=60).stdout.split()[0]
    guest.serve_tcp(8080)


def test_linux_negotiates_checksums_and_segmentation(lab):
    answer = lab.guests["one"].run("ethtool -k eth0").stdout
    for feature in ("tx-checksum-ip-generic", "tx-tcp-segmentation", "tx-tcp6-segmentation", "rx-checksumming"):
        check(f"{feature}: on" in answer, f"{feature} is not on: {answer}")
    for feature in ("tx-tcp-ecn-segmentation: on", "tx-udp-segmentation: on"):
        check(feature not in answer, f"{feature}, which nobody carries")


def test_super_frames_cross_one_host_whole(lab):
    check_transfer(lab.guests["one"], lab.guests["two"], "10.0.0.1", 5000)
    counters = lab.hosts["a"].counters()
    check(counters.get("offload-to-guest/passed-on", 0) > 0, f"passed on: {counters}")
    check("offload-to-guest/made" not in counters, f"nothing was cut: {counters}")


def merged(host):
    return host.counters().get("port-out/merged", 0)


def test_super_frames_are_cut_for_the_tunnel_and_merged_behind_it(lab):
    a, b = lab.hosts["a"], lab.hosts["b"]
    made, before = a.counters().get("offload-to-wire/made", 0), merged(b)
    check_transfer(lab.guests["one"], lab.guests["three"], "10.0.0.1", SOME_MERGED)
    made, joined = a.counters().get("offload-to-wire/made", 0) - made, merged(b) - before
    check(made > MEGABYTES * 2 * 700, f"only {made} segments were made")
    check(joined > made / 20, f"only {joined} of {made} were merged")
    check_ledger(b)


def test_merging_can_be_switched_off_and_on(lab):
    three, b = lab.guests["three"], lab.hosts["b"]
    b.must("switch", "set", "merge_tcp=off")
    before = merged(b)
    check_transfer(lab.guests["one"], three, "10.0.0.1", most_bytes_a_packet=1514)
    check(merged(b) == before, "something was merged all the same")
    b.must("switch", "set", "merge_tcp=on")
    check_transfer(lab.guests["one"], three, "10.0.0.1", SOME_MERGED)


def test_data_from_afar_is_not_merged_for_a_guest_without_receive_offloads(lab):
    three, before = lab.guests["three"], merged(lab.hosts["a"])
    serve_data(three)
    check_transfer(three, lab.guests["plain"], "10.0.0.3", most_bytes_a_packet=1514)
    check(merged(lab.hosts["a"]) == before, "packets for plain were merged")
    check_transfer(three, lab.guests["two"], "10.0.0.3", SOME_MERGED)
    check(merged(lab.hosts["a"]) > before, "packets for two were not merged")


def test_a_trace_names_what_was_merged(lab):
    three = lab.guests["three"]
    trace = lab.hosts["b"].trace("three", 200)
    try:
        load = three.begin("for i in 1 2 3; do wget -q -O /dev/null http://10.0.0.1:8080/data; done")
        wait_until(lambda: "a part of the packet" in trace.text(), 20, "a trace of a merged packet")
        three.end(load)
    finally:
        trace.stop()


def test_a_guest_without_receive_offloads_gets_finished_packets(lab):
    check_transfer(lab.guests["one"], lab.guests["plain"], "10.0.0.1")
    counters = lab.hosts["a"].counters()
    check(counters.get("offload-to-guest/made", 0) > 0, f"cut for it: {counters}")
    check(counters.get("offload-to-guest/finished", 0) > 0, f"finished for it: {counters}")


def test_a_guest_learns_its_mtu_from_qemu(lab):
    for name, mtu in (("one", 1500), ("plain", MTU_OF_PLAIN)):
        said = lab.guests[name].run("cat /sys/class/net/eth0/mtu").stdout.strip()
        check(said == str(mtu), f"the MTU of {name} is {said}")
        state = find_objects(lab.hosts["a"].json("nic", "show", name), "guest_mtu")[0]
        check((state["mtu"], state["guest_mtu"]) == (mtu, mtu), f"the switch knows: {state}")


def test_a_guest_uses_more_of_its_queues(lab):
    one, two, host = lab.guests["one"], lab.guests["two"], lab.hosts["a"]
    for queues in (3, 2, 1, 3):
        answer = one.run(f"ethtool -L eth0 combined {queues}")
        check(answer.ok, f"ethtool: {answer.stdout}")
        wait_until(lambda n=queues: find_objects(host.json("nic", "show", "one"), "queue_pairs")[0]["queue_pairs"] == n,
                   10, f"{queues} queue pairs in use")
        check_pings(one, "10.0.0.2")
    check_transfer(one, two, "10.0.0.1", 5000)
    one.iperf(two, "10.0.0.2", 2, "-P 6")
    check_checksums(one, two)
    sent = one.run("ls -d /sys/class/net/eth0/queues/tx-*").stdout.split()
    check(len(sent) == 3, f"queues: {sent}")


def test_udp_arrives_with_good_checksums(lab):
    one = lab.guests["one"]
    for name in ("two", "plain", "three"):
        guest = lab.guests[name]
        for address in (address.split("/")[0] for address in guest.nic.addresses):
            packets = received(guest)[0]
            one.iperf(guest, address, 2, "-u -b 1M -l 999")
            check(received(guest)[0] - packets > 100, f"{name} got datagrams at {address}")
        check_checksums(guest)


def test_iperf_runs_between_all_of_them(lab):
    one = lab.guests["one"]
    for name, address in (("two", "10.0.0.2"), ("two", "fd00::2"), ("three", "10.0.0.3"), ("three", "fd00::3"),
                          ("plain", "10.0.0.4")):
        rate = one.iperf(lab.guests[name], address, 3)
        print(f"     {rate:.2f} Gbit/s to {name} at {address} ({lab.accelerator})")
        check_checksums(lab.guests[name])


def test_a_reboot_negotiates_anew(lab):
    two = lab.guests["two"]
    two.reboot()
    check_pings(lab.guests["one"], "10.0.0.2")
    check_transfer(lab.guests["one"], two, "10.0.0.1", 5000)


def test_a_restart_of_the_daemon_takes_no_offload_away(lab):
    host, one, two = lab.hosts["a"], lab.guests["one"], lab.guests["two"]
    host.kill()
    host.start().wait_ready()
    wait_until(lambda: one.can_ping("10.0.0.2"), 30, "one to ping two again")
    wait_until(lambda: one.can_ping("10.0.0.4"), 30, "one to ping plain, whose QEMU connects by itself")
    check_transfer(one, two, "10.0.0.1", 5000)

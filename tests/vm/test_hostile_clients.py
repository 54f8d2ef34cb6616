# SPDX-License-Identifier: Apache-2.0
"""Attackers, by hping3 and scapy, in the way of connections that must go on. They sit at the router, whose frames
nobody has judged yet. The picture is in lab/client_world.py."""

import collections
import contextlib

from checks import OPEN_TO_PINGS, check, check_ledger
from lab.client import send
from lab.client_world import ClientWorld, at_once, pair_of
from lab.shell import run
from lab.tap_guest import TapGuest
from lab.wait import wait_until

SERVER, NEAR, FAR = pair_of("server"), pair_of("near"), pair_of("far")
PORT, MANY, STREAM = 7000, 7001, 7002


def build_lab(lab):
    talk = (*OPEN_TO_PINGS, "--dir in --ip-proto tcp")
    world = ClientWorld(lab, {"talk": talk, "pings": OPEN_TO_PINGS})
    world.join("a", "server", "talk")
    world.join("a", "near", "pings")
    world.join("b", "far", "pings")
    world.server.serve("serve-orders", PORT)
    world.server.serve("serve-many", MANY)
    TapGuest.serve(world.server, STREAM)
    for client in (world.near, world.far):
        for address in SERVER:
            client.ping_until(address)
    return world


def ways(world):
    """Each client with each address of the server."""
    return [(client, address) for client in (world.near, world.far) for address in SERVER]


def hold_all(world):
    """A connection of each client over each family: [(client, client's address, server's address, what holds it)]."""
    held = [(client, own[SERVER.index(address)], address, client.start("hold", address, PORT))
            for client, own in ((world.near, NEAR), (world.far, FAR)) for address in SERVER]
    return [(*one, one[-1].first_line()) for one in held]


def check_all_go_on(held):
    for client, _, address, connection, _ in held:
        result = connection.stop()
        check(result["goes_on"], f"{client.name} to {address}: {result}")


def attack(world, expressions, count=1):
    """Frames that scapy makes, sent by the router into the segment."""
    send(world.router.namespace, "vx0", f"[{', '.join(expressions)}]", count)


def frame(to, source, destination, rest):
    ip = "IPv6" if ":" in source else "IP"
    return f"Ether(dst='{to.mac}')/{ip}(src='{source}',dst='{destination}')/{rest}"


FLAGS = ("-S", "-A", "-R", "-F", "-SA", "-RA", "-FA", "-PA", "-SF", "-SR", "-FPU", "-SFRPAU", "-XY", "")


def test_floods_of_any_flags_harm_no_connection(world):
    """In the names of both ends, numbers at random: of idle connections and of busy ones. (hping3 is for IPv4.)"""
    held = hold_all(world)
    streams = {client: client.start_traffic("steady", SERVER[0], STREAM) for client in (world.near, world.far)}
    attacked = [(own, n["port"], address, PORT) for _, own, address, _, n in held if ":" not in own]
    attacked += [(own, port_of(client, STREAM), SERVER[0], STREAM) for client, own in zip(streams, (NEAR[0], FAR[0]))]
    floods = {(*ends, flags): lambda e=ends, f=flags: run(
        "hping3", "-q", "-c", 300, "-i", "u100", *f.split(), "-a", e[0], "-s", e[1], "-k", "-p", e[3], e[2],
        namespace=world.router.namespace, check=False)
              for one in attacked for ends in (one, one[2:] + one[:2]) for flags in FLAGS}
    with world.dropping("record/tcp-illegal-flags", "record/tcp-out-of-window", "record/tcp-bad-rst", at_least=300):
        at_once(floods, width=28)
    for client, stream in streams.items():
        result = stream.stop()
        check(result["kilobytes"] > 64 and result["longest_pause_s"] < 5, f"{client.name}: {result}")
    check_all_go_on(held)


def port_of(client, server_port):
    """Of its own end of its connection to that port."""
    def found():
        ends = client.run("ss", "-Htn", "state", "established", f"dport = :{server_port}").stdout.split()
        return ends and int(ends[2].rsplit(":", 1)[1])
    return wait_until(found, 20, f"{client.name} to connect to port {server_port}")


def test_forgeries_near_the_mark_harm_no_connection(world):
    """By who can guess more than anybody should: segments in the window, but not right."""
    held = hold_all(world)
    for client, own, address, _, n in held:
        mine, theirs, port = n["send"], n["receive"], n["port"]
        to_server = f"TCP(sport={port},dport={PORT},seq={{0}}%2**32,ack={{1}}%2**32,flags='{{2}}')"
        to_client = f"TCP(sport={PORT},dport={port},seq={{0}}%2**32,ack={{1}}%2**32,flags='{{2}}')"
        forged = [frame(to, source, target, shape.format(*values))
                  for to, source, target, shape, seq, ack in
                  ((world.server, own, address, to_server, mine, theirs),
                   (client, address, own, to_client, theirs, mine))
                  for values in ((seq + 1000, 0, "R"), (seq + 1000, ack, "RA"), (seq - 5, ack, "RA"),
                                      (seq + 20, 0, "S"), (seq, 0, "S"), (seq + 2**30, ack, "S"),
                                      (seq + 2**30, ack, "A"), (seq, ack + 2**20, "A"), (seq, ack + 2**30, "PA"),
                                      (seq + 2**29, ack, "FA"), (seq, ack, ""), (seq, ack, "SF"))]
        with world.dropping("record/tcp-out-of-window", "record/tcp-bad-ack", "record/tcp-bad-rst",
                            "record/tcp-illegal-flags", at_least=2):
            attack(world, forged)
    check_all_go_on(held)


def test_forged_icmp_errors_harm_no_connection(world):
    held = hold_all(world)
    for client, own, address, _, numbers in held:
        def about(seq):
            family = "IPv6" if ":" in own else "IP"
            return f"{family}(src='{own}',dst='{address}')/TCP(sport={numbers['port']},dport={PORT},seq={seq}%2**32)"
        wrong, right = about(numbers["send"] + 2**30), about(numbers["send"])
        six = ":" in own
        router = "fd00::fe" if six else "10.0.0.254"
        if six:
            errors = [f"ICMPv6DestUnreach(code=4)/{wrong}", f"ICMPv6PacketTooBig(mtu=1280)/{wrong}",
                      f"ICMPv6DestUnreach(code=1)/{right}", f"ICMPv6ParamProblem(code=1)/{wrong}",
                      f"ICMPv6TimeExceeded()/{wrong}"]
        else:
            errors = [f"ICMP(type=3,code=3)/{wrong}", f"ICMP(type=3,code=4,nexthopmtu=68)/{wrong}",
                      f"ICMP(type=3,code=2)/{wrong}", f"ICMP(type=3,code=1)/{right}", f"ICMP(type=11)/{wrong}",
                      f"ICMP(type=5,code=1,gw='10.0.0.66')/{right}", f"ICMP(type=4)/{right}"]
        with world.dropping("firewall-to/error-unrelated", *(() if six else ("firewall-to/redirect",
                                                                            "firewall-to/source-quench"))):
            attack(world, [frame(client, router, own, error) for error in errors], 3)
    check_all_go_on(held)


# What is wrong with it, and the name by which it is dropped.
MALFORMED = {
    "IP(src=P,dst=S,len=4000)/TCP(dport=7000)": "bad-ip-length",
    "IP(src=P,dst=S,len=10)/TCP(dport=7000)": "bad-ip-length",
    "IP(src=P,dst=S,ihl=15)/TCP(dport=7000)": "truncated-ip",
    "IP(src=P,dst=S,version=7)/TCP(dport=7000)": "bad-ip-version",
    "IP(src='224.0.0.1',dst=S)/TCP(dport=7000)": "bad-ip-address",
    "IP(src=P,dst=S)/TCP(dport=7000,dataofs=3)": "bad-transport-length",
    "IP(src=P,dst=S)/TCP(dport=7000,dataofs=15)": "bad-transport-length",
    "IP(src=P,dst=S)/UDP(dport=7000,len=500)/b'x'": "bad-transport-length",
    "IP(src=P,dst=S,proto=6)/b'12345678'": "truncated-transport",
    "IP(src=P,dst=S)/ICMP(type=3,code=1)/b'too little'": "bad-quote",
    "IP(src=P,dst=S)/ICMP(type=3)/IP(src=S,dst=P)/ICMP(type=3)/IP(src=P,dst=S)/UDP()": "error-about-error",
    "Dot1Q(vlan=5)/IP(src=P,dst=S)/TCP(dport=7000)": "vlan-tag",
    "IPv6(src=P6,dst=S6,plen=4000)/TCP(dport=7000)": "bad-ip-length",
    "IPv6(src=P6,dst=S6,nh=0)/b'\\x06\\xff'": "bad-extension",
    "IPv6(src=P6,dst=S6)/IPv6ExtHdrRouting(type=0,addresses=['fd00::9'])/TCP(dport=7000)": "routing-header",
    "IPv6(src=P6,dst=S6,nh=58)/b'\\x80'": "truncated-transport",
}


def test_malformed_packets_reach_nobody(world):
    names = collections.Counter(MALFORMED.values())
    addresses = {"P": NEAR[0], "S": SERVER[0], "P6": NEAR[1], "S6": SERVER[1]}
    values = ", ".join(f"{name}='{address}'" for name, address in addresses.items())
    with contextlib.ExitStack() as drops:
        for name, count in names.items():
            drops.enter_context(world.dropping(f"parse-inner/{name}", at_least=count * 5))
        frames = ", ".join(f"Ether(dst='{world.server.mac}')/{packet}" for packet in MALFORMED)
        send(world.router.namespace, "vx0", f"(lambda {values}: [{frames}])()", 5)


def test_fragments_that_no_host_sends_harm_no_connection(world):
    """A hole filled twice, a ping longer than any packet, a TCP header in two pieces."""
    held = hold_all(world)
    to_server = f"Ether(dst='{world.server.mac}')/IP(src='{NEAR[0]}',dst='{SERVER[0]}',"
    with world.dropping("fragments/overlap", "parse-inner/oversized-fragment", "parse-inner/tiny-fragment"):
        attack(world, [f"{to_server}proto=1,id=9,flags='MF')/bytes(ICMP()/(b'x'*1000))",
                       f"{to_server}proto=1,id=9,frag=100)/(b'y'*1000)",
                       f"{to_server}proto=1,id=10,flags='MF')/bytes(ICMP()/(b'x'*1000))",
                       f"{to_server}proto=1,id=10,frag=8189)/(b'y'*1000)",
                       f"{to_server}proto=6,id=11,flags='MF')/bytes(TCP(dport={PORT}))[:8]",
                       f"{to_server}proto=6,id=11,frag=1)/bytes(TCP(dport={PORT}))[8:]"])
    check_all_go_on(held)


def test_a_host_is_not_made_to_talk_to_itself(world):
    """Land: source and destination are the same. Hosts drop it; we stay well."""
    attack(world, [frame(world.server, address, address, rest) for address in SERVER
                   for rest in (*(f"TCP(sport={PORT},dport={PORT},flags='{flags}')" for flags in ("S", "SA", "A")),
                                "UDP(sport=7,dport=7)")], 50)
    for client, address in ways(world):
        check(client.ask("ask-tcp", address, PORT, "close") == {"bytes": 0, "reset": False}, "connections are made")


def test_no_guest_amplifies_pings(world):
    """Smurf: a broadcast ping in another's name, to a kernel that would answer it."""
    world.server.run("sysctl", "-qw", "net.ipv4.icmp_echo_ignore_broadcasts=0")
    world.far.run("sysctl", "-qw", "net.ipv4.icmp_echo_ignore_broadcasts=0")

    def answers():
        return int(world.near.run("nstat", "-asz", "IcmpInEchoReps").stdout.split("IcmpInEchoReps")[1].split()[0])

    got = answers()
    with world.dropping("firewall-from/no-connection", at_least=100):
        attack(world, [f"Ether(dst='ff:ff:ff:ff:ff:ff')/IP(src='{NEAR[0]}',dst='10.0.0.255')/ICMP(id=7)"], 50)
    check(answers() == got, "the victim got an answer")


def test_a_flood_of_new_connections_leaves_room_for_others(world):
    held = hold_all(world)
    line = ["hping3", "-q", "-c", "30000", "-i", "u20", "-S", "--rand-source", "-p", PORT, SERVER[0]]
    flood = world.lab.run.spawn(line, world.router.www / "flood", world.router.namespace)
    for client, address in ways(world):
        result = client.ask("many", address, MANY, 200)
        check(result["answered"] == 200, f"{client.name} to {address}: {result}")
    flood.terminate()
    flood.wait(10)
    check_all_go_on(held)


def test_after_all_that_every_packet_has_a_fate(world):
    for host in world.hosts():
        check_ledger(host)
        wait_until(lambda h=host: h.json("status")["buffers_used"] < 2000, 10,
                   f"buffers of host {host.name} to come back")

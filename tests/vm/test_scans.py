# SPDX-License-Identifier: Apache-2.0
"""Scanners, and sockets of odd protocols, against a guest with a few open ports, from its own host and through the
tunnel: they find what its groups, and those who listen, say. The picture is in lab/client_world.py."""

import socket

from checks import OPEN_TO_PINGS, check, check_ledger
from lab.client import kernel_has
from lab.client_world import ClientWorld, at_once, pair_of

SERVER = pair_of("server")
# 22 and 80 are open and served, 81 is open with nobody there, 443 is served and shut; 53, 54, 123 likewise.
OF_TCP = {22: "open", 80: "open", 81: "closed", 443: "filtered", 8080: "filtered"}
OF_UDP = {53: "open", 54: "closed", 67: "open|filtered", 68: "open|filtered", 123: "open|filtered"}
TCP, UDP = "-p " + ",".join(map(str, OF_TCP)), "-p " + ",".join(map(str, OF_UDP))
UDP_LITE = 136
ODD = {"GRE": 47, "ESP": 50, "AH": 51, "SCTP": 132}  # all but AH have a rule
FEW = (*OPEN_TO_PINGS, *(f"--dir in --ip-proto tcp --port {port}" for port in (22, 80, 81)),
       *(f"--dir in --ip-proto udp --port {port}" for port in (53, 54)),
       *(f"--dir in --ip-proto {protocol}" for protocol in (47, 50, UDP_LITE)), "--dir in --ip-proto sctp --port 5000")


def build_lab(lab):
    world = ClientWorld(lab, {"few": FEW, "pings": OPEN_TO_PINGS})
    world.join("a", "server", "few")
    world.join("a", "near", "pings")
    world.join("a", "shut")
    world.join("b", "far")
    for port in (22, 80, 443):
        world.server.serve("serve-orders", port)
    world.server.serve("serve-udp", 53, 123)
    for protocol in ODD.values():
        world.server.serve("serve-raw", protocol)
    for client in (world.near, world.far):
        for address in SERVER:
            client.ping_until(address)
    return world


def check_scans(world, *scans):
    """Each is (options, what nmap's table shall be); from both clients over both families."""
    wanted = dict(scans)
    jobs = {(options, client.name, address): lambda c=client, a=address, o=options: c.scan(a, *o.split())
            for options in wanted for client in (world.near, world.far) for address in SERVER}
    for what, ports in at_once(jobs).items():
        check(ports == wanted[what[0]], f"{what}: {ports}, not {wanted[what[0]]}")


# --- scans ---------------------------------------------------------------------------------------

def test_scans_find_what_is_open(world):
    check_scans(world, (f"-sS {TCP}", OF_TCP), (f"-sT {TCP}", OF_TCP), (f"-sU {UDP}", OF_UDP))


def test_scans_without_a_syn_find_nothing(world):
    nothing, silence = dict.fromkeys(OF_TCP, "open|filtered"), dict.fromkeys(OF_TCP, "filtered")
    for reason, scans in (("tcp-illegal-flags", {"-sF": nothing, "-sN": nothing, "-sX": nothing}),
                          ("tcp-mid-stream", {"-sM": nothing, "-sA": silence, "-sW": silence})):
        # Each port, from both clients over both families, at least once.
        with world.dropping(f"record/{reason}", at_least=len(scans) * len(OF_TCP) * 4):
            check_scans(world, *((f"{kind} {TCP}", wanted) for kind, wanted in scans.items()))


def test_source_ports_of_old_friends_open_nothing(world):
    with world.dropping("firewall-from/rogue-dhcp-server"):  # from port 67 to port 68
        check_scans(world, *((f"-sS -g {port} {TCP}", OF_TCP) for port in (20, 53, 67, 68)),
                    *((f"-sU -g {port} {UDP}", OF_UDP) for port in (53, 67, 68)))


def test_odd_lengths_and_options_change_nothing(world):
    check_scans(world, (f"-sS --data-length 1400 {TCP}", OF_TCP))
    # A wrong checksum is for the receiver to see. nmap has these for IPv4.
    for options, wanted in (("--ip-options R", OF_TCP), ("--ttl 2", OF_TCP),
                            ("--badsum", dict.fromkeys(OF_TCP, "filtered"))):
        found = world.far.scan(SERVER[0], "-sS", *options.split(), *TCP.split())
        check(found == wanted, f"{options}: {found}")


def test_fragments_change_nothing_of_what_is_open(world):
    """nmap cuts IPv4 packets; a first fragment that does not show the whole TCP header opens nothing at all."""
    listening = {port: state for port, state in OF_TCP.items() if state != "closed"}
    scans = {f"-sS --mtu 24 --data-length 200 -p {','.join(map(str, listening))}": listening,
             f"-sU -f --data-length 100 {UDP}": OF_UDP, f"-sS -f {TCP}": dict.fromkeys(OF_TCP, "filtered")}
    with world.dropping("parse/tiny-fragment", at_least=2 * len(OF_TCP)):
        found = at_once({(client.name, options): lambda c=client, o=options: c.scan(SERVER[0], *o.split())
                         for client in (world.near, world.far) for options in scans})
    for what, ports in found.items():
        check(ports == scans[what[1]], f"{what}: {ports}")


def test_datagrams_in_fragments_go_where_whole_ones_do(world):
    for client in (world.near, world.far):
        for address in SERVER:
            check(client.run("ping", "-n", "-c", "3", "-i", "0.2", "-W", "5", "-s", "6000", address).ok, "ping")
            answer = client.ask("ask-udp", address, 53, 10, "large")
            check(answer["answered"], f"{client.name} to {address}: {answer}")
            with world.dropping("firewall-to/first-refused"):
                check(not client.ask("ask-udp", address, 123, 0.2, "large")["answered"], "a port that is shut")


def test_decoys_are_not_let_out(world):
    with world.dropping("antispoof/wrong-source-ip", at_least=2 * len(OF_TCP)):
        found = world.near.scan(SERVER[0], "-sS", "-D", "10.0.0.77,10.0.0.3,ME", *TCP.split())
    check(found == OF_TCP, f"with decoys: {found}")


def test_a_scan_of_protocols_finds_only_what_rules_name(world):
    numbers = (1, 2, 4, 6, 17, 41, 47, 50, 51, 58, 89, 103, 115, 132)
    found = world.near.scan(SERVER[0], "-sO", "-p", ",".join(map(str, numbers)))
    answered = {number for number, state in found.items() if state not in ("open|filtered", "filtered")}
    # GRE and ESP are echoed. 58 is ICMPv6, and its rule of IPv6 only.
    check(answered == {1, 47, 50}, f"protocols that answered: {found}")


# --- protocols -----------------------------------------------------------------------------------

def test_protocols_without_ports_pass_by_their_number(world):
    asked = at_once({(client.name, address, name): lambda c=client, a=address, p=protocol: c.ask("ask-raw", a, p, 3)
                     for client in (world.near, world.far) for address in SERVER for name, protocol in ODD.items()})
    for what, answer in asked.items():
        check(answer["answered"] == (what[2] != "AH"), f"{what}: {answer}")


def test_udp_lite_passes_by_its_number(world):
    for address in SERVER if kernel_has(socket.SOCK_DGRAM, UDP_LITE) else ():
        answer = world.far.ask("ask-udp", address, 53, 10, "lite")
        check(answer["answered"], f"UDP-Lite to {address}: {answer}")


def test_a_guest_without_ingress_rules_gets_answers_to_any_protocol(world):
    """Whom it asks has rules; it has none, as what comes back belongs to what it sent."""
    for address in SERVER:
        for protocol in (47, 50, 132):
            answer = world.shut.ask("ask-raw", address, protocol, 10)
            check(answer["answered"], f"protocol {protocol} to {address}: {answer}")
    for asking, address in ((world.near, pair_of("shut")[0]), (world.far, pair_of("shut")[1])):
        check(not asking.can_ping(address), f"{asking.name} got an answer from {address}")


def test_extension_headers_and_options_hide_no_port(world):
    for client in (world.near, world.far):
        for address, option in ((SERVER[1], "hop-by-hop"), (SERVER[1], "destination"), (SERVER[0], "record-route")):
            answer = client.ask("ask-udp", address, 53, 10, option)
            check(answer["answered"], f"{option} of {client.name}: {answer}")
            with world.dropping("firewall-to/denied"):
                check(not client.ask("ask-udp", address, 123, 0.2, option)["answered"], f"{option} opened a port")


# --- in the end ----------------------------------------------------------------------------------

def test_every_packet_has_a_fate(world):
    for host in world.hosts():
        check_ledger(host)

# SPDX-License-Identifier: Apache-2.0
"""Real tools against a guest with a few open ports, from its own host and through the tunnel: they find what
its groups, and those who listen, say. The picture is in lab/client_world.py."""

import socket
import sys

from checks import OPEN_TO_PINGS, check, check_ledger
from lab.client import kernel_has, send
from lab.client_world import NARROW, ClientWorld, at_once, pair_of
from lab.router import OUTSIDE, OUTSIDE6
from lab.shell import ip, run
from lab.tap_guest import TRAFFIC
from lab.wait import wait_until

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
    world = ClientWorld(lab, {"few": FEW, "pings": OPEN_TO_PINGS, "all": ("--dir in --ip-proto all",)})
    world.join("a", "server", "few")
    world.join("a", "near", "pings")
    world.join("a", "shut")
    world.join("b", "far")
    world.join("b", "mallory", "all")
    for port in (22, 80, 443):
        world.server.serve("serve-orders", port)
    world.server.serve("serve-udp", 53, 123)
    for protocol in ODD.values():
        world.server.serve("serve-raw", protocol)
    for client in (world.near, world.far):
        for address in (*SERVER, OUTSIDE, OUTSIDE6):
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


# --- ways ----------------------------------------------------------------------------------------

def hops(text):
    """The addresses, or *, of traceroute's lines."""
    return [line.split()[1] for line in text.splitlines()[1:] if len(line.split()) > 1]


def test_traceroute_of_every_kind_sees_the_way_out(world):
    ways = {(family, kind): lambda f=family, k=kind: hops(world.far.run(
        "traceroute", f, "-n", "-q", "1", "-w", "5", "-m", "4", *k.split(), OUTSIDE if f == "-4" else OUTSIDE6).stdout)
            for family in ("-4", "-6") for kind in ("-I", "-T -p 80", "-U -p 33434", "")}
    for (family, kind), way in at_once(ways).items():
        wanted = ["10.0.0.254", OUTSIDE] if family == "-4" else ["fd00::fe", OUTSIDE6]
        check(way == wanted, f"traceroute {family} {kind}: {way}")


def test_traceroute_towards_a_guest_ends_where_its_groups_do(world):
    def trace(*options):
        return hops(run("traceroute", "-n", "-q", "1", "-w", "1", "-m", "2", *options,
                        namespace=world.router.outside, timeout=60).stdout)

    for address, router in zip(SERVER, ("198.51.100.1", "2001:db8:51::1")):
        for open_way in (("-I",), ("-T", "-p", "80"), ("-U", "-p", "54")):
            way = trace(*open_way, address)
            check(way == [router, address], f"{open_way} to {address}: {way}")
        for shut_way in (("-T", "-p", "443"), ("-U", "-p", "123")):
            way = trace(*shut_way, address)
            check(way == [router, "*"], f"{shut_way} to {address}: {way}")


def test_a_narrow_link_on_the_way_makes_tcp_send_less(world):
    """"Fragmentation needed" and "packet too big" of a router reach a guest that has no ingress rule."""
    server = run_outside(world, "serve", 5000)
    for client in (world.far, world.near, world.shut):
        for address, family in ((OUTSIDE, "-4"), (OUTSIDE6, "-6")):
            result = client.traffic("transfer", address, 5000, 1)
            check(result["same"], f"{client.name} to {address}: {result}")
            route = ip(family, "route", "get", address, namespace=client.namespace).stdout
            check(f"mtu {NARROW}" in route, f"{client.name} has learnt the way's MTU: {route}")
    server.terminate()
    server.wait(10)


def run_outside(world, *job):
    log = world.router.www / "traffic"
    process = world.lab.run.spawn([sys.executable, TRAFFIC, *job], log, world.router.outside)
    wait_until(lambda: run("ss", "-Hltn", f"sport = :{job[1]}", namespace=world.router.outside).stdout, 20,
               "a server outside")
    return process


# --- always right, and never without leave -------------------------------------------------------

def test_a_guest_without_any_rule_gets_an_address_by_dhcp(world):
    directory = world.lab.run.make_directory("dhcp")
    start_dhcp_server(world, directory, "vx0", world.router.namespace, 4, 4)
    wait_until(lambda: ask_dhcp(world.shut) == pair_of("shut")[0], 20, "a lease from the router")


def test_a_guest_is_no_dhcp_server(world):
    world.router.dhcp.terminate()
    world.router.dhcp.wait(10)
    start_dhcp_server(world, world.lab.run.make_directory("rogue"), "mallory", world.mallory.namespace,
                      80, 90)
    for asking in (world.near, world.far):
        with world.dropping("firewall-from/rogue-dhcp-server"):
            check(ask_dhcp(asking) is None, f"{asking.name} got a lease from a guest")
    with world.dropping("firewall-from/rogue-dhcp-server"):
        send_from(world.mallory, f"Ether(dst='{world.near.mac}')/IPv6(src='{world.mallory.addresses[1]}',"
                  f"dst='{world.near.addresses[1]}')/UDP(sport=547,dport=546)/b'x'")


def send_from(client, expression, count=1):
    send(client.namespace, client.name, expression, count)


def start_dhcp_server(world, directory, interface, namespace, first, last):
    (directory / "leases").touch()
    (directory / "conf").write_text(f"interface {interface}\nstart 10.0.0.{first}\nend 10.0.0.{last}\n"
                                    f"lease_file {directory}/leases\npidfile {directory}/pid\n"
                                    "option subnet 255.255.255.0\n")
    world.router.dhcp = world.lab.run.spawn(["busybox", "udhcpd", "-f", directory / "conf"], directory / "log",
                                            namespace)
    wait_until(lambda: ":67 " in run("ss", "-Hlnu", namespace=namespace).stdout, 10, "the DHCP server to listen")


def ask_dhcp(client):
    answer = client.run("busybox", "udhcpc", "-f", "-n", "-q", "-t", "2", "-T", "1", "-i", client.name, "-s",
                        "/bin/true", check=False)
    leases = [line.split("lease of ")[1].split()[0] for line in answer.stderr.splitlines() if "lease of " in line]
    return leases[0] if answer.ok else None


def test_a_guest_is_no_router(world):
    """A router's advertisement makes a default route; a guest's makes none."""
    advertise = "Ether(dst='33:33:00:00:00:01')/IPv6(src='{0}',dst='ff02::1')/ICMPv6ND_RA(routerlifetime=600)"
    run("sysctl", "-qw", "net.ipv6.conf.far.accept_ra=2", namespace=world.far.namespace)

    def advertised():
        return "proto ra" in ip("-6", "route", "show", "default", namespace=world.far.namespace).stdout

    with world.dropping("firewall-from/rogue-router"):
        send_from(world.near, advertise.format(link_local(world.near.namespace, "near")))
    check(not advertised(), "a guest became a router")
    send(world.router.namespace, "vx0", advertise.format(link_local(world.router.namespace, "vx0")))
    wait_until(advertised, 10, "the router's advertisement to count")


def link_local(namespace, interface):
    text = ip("-6", "-o", "addr", "show", "dev", interface, "scope", "link", namespace=namespace).stdout
    return text.split("inet6 ")[1].split("/")[0]


def test_nobody_takes_the_address_of_another_by_arp(world):
    """The guest takes the gateway's address, as an attacker does, and shouts so."""
    neighbour = ip("neigh", "show", "10.0.0.254", namespace=world.far.namespace).stdout
    ip("addr", "add", "10.0.0.254/32", "dev", "near", namespace=world.near.namespace)
    for kind in ("-U", "-A"):
        with world.dropping("antispoof/arp-sender-ip"):
            world.near.run("arping", "-c", "1", "-w", "1", kind, "-I", "near", "10.0.0.254", check=False)
    ip("addr", "del", "10.0.0.254/32", "dev", "near", namespace=world.near.namespace)
    after = ip("neigh", "show", "10.0.0.254", namespace=world.far.namespace).stdout
    check(neighbour.split("lladdr ")[1].split()[0] in after, f"was {neighbour}, is {after}")
    world.far.ping_until(OUTSIDE)


def test_nobody_takes_the_address_of_another_by_neighbour_discovery(world):
    """It claims the gateway's address, for its own MAC and for another's, and says that a way leads by itself."""
    mine = world.near.addresses[1]
    frame = f"Ether(dst='{world.far.mac}')/IPv6(src='{mine}',dst='{world.far.addresses[1]}')"
    option = f"ICMPv6NDOptDstLLAddr(lladdr='{world.near.mac}')"
    with world.dropping("antispoof/nd-target", "antispoof/nd-link-layer", "firewall-from/redirect"):
        send_from(world.near, f"[{frame}/ICMPv6ND_NA(tgt='fd00::fe',R=1,S=0,O=1)/{option},"
                  f"{frame}/ICMPv6ND_NA(tgt='{mine}')/ICMPv6NDOptDstLLAddr(lladdr='02:00:00:00:00:01'),"
                  f"{frame}/ICMPv6ND_Redirect(tgt='{mine}',dst='{OUTSIDE6}')/{option}]")
    world.far.ping_until(OUTSIDE6)


def test_duplicate_addresses_are_found_without_any_rule(world):
    """Two nics with the same address: whose kernel asks second keeps away from it. Neither has a rule."""
    for host, name, is_free in (("a", "twin", True), ("b", "other", False)):
        client = world.join(host, name, options=("--ip", "fd00::99"))
        ip("addr", "add", "fd00::99/64", "dev", name, namespace=client.namespace)

        def settled(c=client):
            text = ip("-6", "-o", "addr", "show", "dev", c.name, "to", "fd00::99", namespace=c.namespace).stdout
            return text if "tentative" not in text or "dadfailed" in text else None
        text = wait_until(settled, 20, f"{name} to know whether its address is free")
        check(("dadfailed" in text) != is_free, f"{name}: {text}")


def test_every_packet_has_a_fate(world):
    for host in world.hosts():
        check_ledger(host)

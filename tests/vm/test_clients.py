# SPDX-License-Identifier: Apache-2.0
"""Clients as there are: they look for ways and addresses, and use TCP as few do. Through the firewall they see what
they see without it. The picture is in lab/client_world.py."""

import socket
import sys
import time

from checks import OPEN_TO_PINGS, check, check_ledger
from lab.client import kernel_has, send
from lab.client_world import NARROW, ClientWorld, at_once, pair_of
from lab.router import OUTSIDE, OUTSIDE6
from lab.shell import ip, run
from lab.endpoint import TRAFFIC
from lab.wait import wait_until

SERVER, NEAR, FAR = pair_of("server"), pair_of("near"), pair_of("far")
PORT, MANY, SHUT = 7000, 7001, 7002  # of TCP; the server listens at all
UDP_OPEN, UDP_SHUT = 54, 123
CROWD = 10_000
MPTCP = 262


def build_lab(lab):
    few = (*OPEN_TO_PINGS, *(f"--dir in --ip-proto tcp --port {port}" for port in (PORT, MANY)),
           f"--dir in --ip-proto udp --port {UDP_OPEN}")
    world = ClientWorld(lab, {"few": few, "pings": OPEN_TO_PINGS, "later": (), "all": ("--dir in --ip-proto all",)})
    world.join("a", "server", "few")
    world.join("a", "near", "pings")
    world.join("a", "shut")
    world.join("b", "far", "pings")
    world.join("b", "mallory", "all")
    world.server.serve("serve-orders", PORT)
    world.server.serve("serve-many", MANY)
    world.server.serve("serve-orders", SHUT)
    for client in (world.near, world.far):
        for address in (*SERVER, OUTSIDE, OUTSIDE6):
            client.ping_until(address)
    return world


def ways(world):
    """Each client with each address of the server."""
    return [(client, address) for client in (world.near, world.far) for address in SERVER]


# --- unusual connections -------------------------------------------------------------------------

def test_ten_thousand_connections_at_once(world):
    for client, address in ((world.near, SERVER[0]), (world.far, SERVER[1])):
        result = client.ask("many", address, MANY, CROWD)
        print(f"     {client.name}: {result}")
        check(result["open"] == result["answered"] == CROWD, str(result))


def test_a_port_is_used_again_at_once(world):
    """After FIN of the server, RST of the server, RST of the client: the same five-tuple, twenty times each."""
    for client, address in ways(world):
        for order in ("close", "reset", "abort"):
            result = client.ask("reuse", address, PORT, order, 20)
            check(result["done"] == 20, f"{order}, {client.name} to {address}: {result}")


def test_both_ends_open_at_once_when_rules_let_them(world):
    """Both have tried, and were refused, when the rule comes: then two SYNs cross."""
    twins = [world.join("a", name, "later") for name in ("twin", "other")]
    for left, right in zip(pair_of("twin"), pair_of("other")):
        with world.dropping("firewall-to/denied", at_least=2):
            meeting = [twins[0].start("meet", 6000, left, right, 30), twins[1].start("meet", 6000, right, left, 30)]
        rule = twins[0].host.must("sg", "rule", "add", "later", "--ip-proto", "tcp").strip()
        for met in meeting:
            check(met.result(30)["met"], f"{left} and {right} meet")
        twins[0].host.must("sg", "rule", "del", "later", rule)


def test_both_ends_open_at_once_without_a_rule(world):
    """Through the tunnel each has sent a SYN past its own host before the other's comes: an answer."""
    for left, right in zip(NEAR, FAR):
        meeting = [world.near.start("meet", 6001, left, right, 30), world.far.start("meet", 6001, right, left, 30)]
        for met in meeting:
            check(met.result(30)["met"], f"{left} and {right} meet")


def test_data_comes_with_the_syn(world):
    for client, address in ways(world):
        result = client.ask("fast-open", address, PORT)
        check(result["second"], f"fast open, {client.name} to {address}: {result}")


def test_what_both_ends_can_they_agree_upon(world):
    for client in (world.server, world.near, world.far):
        client.run("sysctl", "-qw", "net.ipv4.tcp_ecn=1", "net.mptcp.enabled=1")
    for client, address in ways(world):
        for protocol in ("tcp", "mptcp") if kernel_has(socket.SOCK_STREAM, MPTCP) else ("tcp",):
            result = client.ask("agree", address, PORT, protocol)
            check(all(result.values()) and ("mptcp" in result or protocol == "tcp"),
                  f"{protocol}, {client.name} to {address}: {result}")


def test_half_a_connection_carries_on(world):
    for client, address in ways(world):
        result = client.ask("ask-tcp", address, PORT, "late")
        check(result == {"bytes": 300_000, "reset": False}, f"{client.name} to {address}: {result}")


def test_an_idle_connection_lives_by_its_keep_alives(world):
    """Established ones are forgotten after three idle seconds; a keep-alive each second keeps one."""
    for host in world.hosts():
        host.must("firewall", "set", "tcp_established_s=3")
    began = time.monotonic()
    kept = [client.start("hold", address, PORT, 1) for client, address in ways(world)]
    idle = [client.start("hold", address, PORT) for client, address in ways(world)]
    for connection in kept + idle:
        connection.first_line()
    # Nothing else tells that they were idle for long enough.
    wait_until(lambda: time.monotonic() > began + 8, 20, "the time to pass")
    with world.dropping("record/tcp-mid-stream", at_least=len(idle)):
        results = at_once({connection: connection.stop for connection in kept + idle})
    for host in world.hosts():
        host.must("firewall", "reset")
    check(all(results[connection]["goes_on"] for connection in kept), f"with keep-alive segments: {results}")
    check(not any(results[connection]["goes_on"] for connection in idle), f"without: {results}")


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
        for open_way in (("-I",), ("-T", "-p", str(PORT)), ("-U", "-p", str(UDP_OPEN))):
            way = trace(*open_way, address)
            check(way == [router, address], f"{open_way} to {address}: {way}")
        for shut_way in (("-T", "-p", str(SHUT)), ("-U", "-p", str(UDP_SHUT))):
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
    for host, name, is_free in (("a", "first", True), ("b", "second", False)):
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

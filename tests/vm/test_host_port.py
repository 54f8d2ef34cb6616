# SPDX-License-Identifier: Apache-2.0
"""Servers with one network card: their own address lives on the host port, beside the tunnel.

      a1 10.0.0.1                        b1 10.0.0.2
          │                                  │
        host a 192.0.2.1 ═══ VXLAN ═══ host b 192.0.2.2          MTU 1600
      host0 192.0.2.11          │    host0 192.0.2.2 (the endpoint's)
                         admin 192.0.2.8
"""

from checks import OPEN_TO_PINGS, check
from lab.endpoint import Endpoint
from lab.host import Host
from lab.shell import ip, run
from lab.tap_guest import TapGuest
from lab.topology import mac_of
from lab.wait import wait_until

VNI = 100
OWN = {"a": "192.0.2.11", "b": "192.0.2.2"}


def build_lab(lab):
    lab.make_underlay()
    for number, name in enumerate(("a", "b"), 1):
        host = Host(lab.run, name, lab.binaries, lab.underlay, f"192.0.2.{number}/24", lcore=number - 1)
        host.config.write_text(host.config.read_text() + 'host_port = "host0"\n')
        lab.hosts[name] = host.start()
    for name, host in lab.hosts.items():
        host.wait_ready()
        host.add_group("open", *OPEN_TO_PINGS, "--dir in --ip-proto tcp")
        ip("addr", "add", f"{OWN[name]}/24", "dev", "host0", namespace=host.namespace)
    lab.join_peers(VNI)
    lab.taps = {}
    for number, (host, name) in enumerate((("a", "a1"), ("b", "b1")), 1):
        lab.taps[name] = TapGuest(lab.run, lab.hosts[host], name, VNI, mac_of(VNI, number),
                                  [f"10.0.0.{number}/24"], ["open"])
    namespace = lab.run.make_namespace("admin")
    lab.underlay.attach(namespace)
    ip("addr", "add", "192.0.2.8/24", "dev", "up0", namespace=namespace)
    lab.admin = Endpoint(lab.run, "admin", namespace)
    lab.servers = {name: Endpoint(lab.run, f"server-{name}", host.namespace) for name, host in lab.hosts.items()}
    lab.taps["a1"].ping_until("10.0.0.2")
    return lab


def test_the_host_port_has_the_macs_and_the_size_of_the_uplink(lab):
    for host in lab.hosts.values():
        links = ip("-br", "link", "show", namespace=host.namespace).stdout.split("\n")
        macs = {line.split("@")[0].split()[0]: line.split()[2] for line in links if line}
        check(macs["host0"] == macs["up0"], f"one MAC: {macs}")
        check("mtu 1600" in ip("link", "show", "host0", namespace=host.namespace).stdout, "the underlay's MTU")


def test_a_server_answers_at_its_own_address(lab):
    for address in (*OWN.values(), "192.0.2.1"):
        wait_until(lambda a=address: lab.admin.can_ping(a), 15, f"admin to ping {address}")


def test_connections_to_and_from_a_server_work_while_tunnels_do(lab):
    a1, b1 = lab.taps["a1"], lab.taps["b1"]
    guests = b1.serve(5000)
    load = a1.start_traffic("steady", "10.0.0.2", 5000)
    for name, server in lab.servers.items():
        listening = server.serve(22)
        check(lab.admin.traffic("transfer", OWN[name], 22, 4)["same"], f"a transfer to the server of host {name}")
        listening.stop()
    listening = lab.admin.serve(22)
    for name, server in lab.servers.items():
        check(server.traffic("transfer", "192.0.2.8", 22, 4)["same"], f"a transfer from the server of host {name}")
    listening.stop()
    seen = load.stop()
    check(seen["kilobytes"] > 100, f"the tunnel carried data meanwhile: {seen}")
    guests.stop()
    a1.ping_until("10.0.0.2")


def test_servers_of_two_hosts_reach_each_other(lab):
    check(lab.servers["a"].can_ping(OWN["b"]), "host a pings the server of host b")
    listening = lab.servers["b"].serve(22)
    check(lab.servers["a"].traffic("transfer", OWN["b"], 22, 2)["same"], "and talks with it")
    listening.stop()


def test_nothing_of_the_kernels_enters_the_graph(lab):
    before = lab.hosts["a"].counters()
    lab.admin.can_ping(OWN["a"])
    server = lab.servers["a"].serve(23)
    lab.admin.traffic("transfer", OWN["a"], 23, 1)
    server.stop()
    after = lab.hosts["a"].counters()
    check(after.get("vtep/not-our-address", 0) - before.get("vtep/not-our-address", 0) < 20, f"{before} {after}")


def test_a_name_that_is_taken_is_refused(lab):
    host = lab.hosts["a"]
    host.stop()
    ip("link", "add", "taken", "type", "bridge", namespace=host.namespace)
    text = host.config.read_text()
    host.config.write_text(text.replace('host_port = "host0"', 'host_port = "taken"'))
    answer = host.try_second_daemon()
    check(answer.exit == 1 and "host port: tap 'taken'" in answer.stderr, f"{answer}")
    host.config.write_text(text)
    host.start().wait_ready()
    ip("addr", "add", f"{OWN['a']}/24", "dev", "host0", namespace=host.namespace)
    wait_until(lambda: lab.admin.can_ping(OWN["a"]), 20, "the server is back")
    check(run("ip", "link", "show", "host0", namespace=host.namespace, check=False).ok, "host0 is there")

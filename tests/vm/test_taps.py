# SPDX-License-Identifier: Apache-2.0
"""Tap nics in namespaces instead of guests: the whole switch without QEMU, under changes and under attack.

      a1 a2  VNI 100   b1                 c1  VNI 300   d1
      am     VNI 101   bm                 cs  VNI 300   ds (shut)
       └──┬──┘          │                  │             │
        host a ═ VXLAN ═ host b          host c ═ VXLAN ═ host d      a, b and c in a full mesh: VNI 400
        2 lcores         2 lcores        1 lcore          1 lcore
"""

import json
import os
import signal
import time

from checks import OPEN_TO_PINGS, check, check_ledger
from lab import drop_reasons
from lab.host import Host
from lab.shell import ip, run
from lab.tap_guest import TapGuest
from lab.topology import mac_of
from lab.wait import wait_until

TWO, OTHER, ONE = 100, 101, 300  # VNIs: two lcores, another tenant there, one lcore
MESH, GROUP = 400, 401  # on three hosts; on host a and behind a group of the underlay
MANY = 1000
QUOTA = 256  # nic_macs


class World:
    def __init__(self, lab):
        self.lab = lab
        self.taps = {}
        lab.make_underlay()
        for number, (name, lcores) in enumerate((("a", "0, 1"), ("b", "0, 1"), ("c", "0"), ("d", "1")), 1):
            host = Host(lab.run, name, lab.binaries, lab.underlay, f"192.0.2.{number}/24", lcore=lcores)
            # Four daemons would need more hugepages than the lab sets up.
            host.config.write_text(host.config.read_text().replace('hugepages = "auto"', 'hugepages = "off"'))
            lab.hosts[name] = host.start()
        for host in lab.hosts.values():
            host.wait_ready()
            host.add_group("open", *OPEN_TO_PINGS, "--dir in --ip-proto tcp")
            host.add_group("pings", *OPEN_TO_PINGS)
        for one, two, vnis in (("a", "b", (TWO, OTHER)), ("c", "d", (ONE,))):
            for host, peer in ((one, two), (two, one)):
                lab.hosts[host].must("peer", "add", "--ip", lab.hosts[peer].address,
                                     *[word for vni in vnis for word in ("--vni", vni)])
        for host, name, vni, number in (("a", "a1", TWO, 1), ("b", "b1", TWO, 2), ("a", "a2", TWO, 3),
                                        ("a", "am", OTHER, 1), ("b", "bm", OTHER, 2),
                                        ("c", "c1", ONE, 1), ("d", "d1", ONE, 2)):
            self.add(host, name, vni, number, ["open"])

    def add(self, host, name, vni, number, groups, options=()):
        addresses = [f"10.0.0.{number}/24", f"fd00::{number}/64"]
        self.taps[name] = TapGuest(self.lab.run, self.lab.hosts[host], name, vni, mac_of(vni, number), addresses,
                                   groups, options)
        return self.taps[name]

    def __getattr__(self, name):
        """world.a1 is the tap a1."""
        if name in self.__dict__.get("taps", ()):
            return self.taps[name]
        raise AttributeError(name)


def build_lab(lab):
    return World(lab)


def status(host):
    return host.json("status")


def fd_count(host):
    return len(os.listdir(f"/proc/{host.pid}/fd"))


def check_no_loss(result, what):
    check(result["lost"] == 0 and result["sent"] > 0, f"{what}: {result}")


# --- carrying ------------------------------------------------------------------------------------

def test_two_lcores_carry_pings_of_both_families(world):
    for _ in range(10):
        for address in ("10.0.0.2", "fd00::2"):
            world.a1.ping_until(address)
    check(len(status(world.a1.host)["lcores"]) == 2, "host a has two lcores")


def test_one_lcore_carries_pings_of_both_families(world):
    for address in ("10.0.0.2", "fd00::2"):
        world.c1.ping_until(address)
    check(len(status(world.c1.host)["lcores"]) == 1, "host c has one lcore")


def test_kernel_finishes_checksums_towards_a_tap_without_vnet_headers(world):
    for tap in (world.a1, world.b1):
        features = run("ethtool", "-k", tap.name, namespace=tap.namespace).stdout
        for feature in ("tx-checksumming", "tcp-segmentation-offload"):
            line = next(line for line in features.splitlines() if line.startswith(feature))
            check(": off" in line, f"{tap.name}: {line}")


def check_transfers(client, server, megabytes):
    running = server.serve(5000)
    for address in server.addresses:
        client.ping_until(address)
        result = client.traffic("transfer", address, 5000, megabytes)
        print(f"     {megabytes} MB to {address} and back in {result['seconds']} s")
        check(result["same"], f"{client.name} to {address}: {result}")
    running.stop()


def test_bytes_arrive_unchanged_between_hosts_with_two_lcores(world):
    def handed_over():
        return sum(drop_reasons.total(world.lab.hosts[name].counters(), "flow/elsewhere") for name in "ab")

    before = handed_over()
    check_transfers(world.a1, world.b1, 16)
    check_transfers(world.b1, world.a1, 16)
    check(handed_over() > before, "packets were handed over between lcores, which this is about")
    for name in "ab":
        check_ledger(world.lab.hosts[name])


def test_bytes_arrive_unchanged_between_hosts_with_one_lcore(world):
    check_transfers(world.c1, world.d1, 16)
    for name in "cd":
        check_ledger(world.lab.hosts[name])


def test_bytes_arrive_unchanged_on_one_host_with_two_lcores(world):
    check_transfers(world.a1, world.a2, 16)


# --- changes -------------------------------------------------------------------------------------

def test_a_thousand_nics_come_and_go_in_one_change(world):
    host, before = world.c1.host, json.loads(world.c1.host.must("dump"))
    fds, nics = fd_count(host), status(host)["nics"]
    wanted = {**before, "nics": before["nics"] + [
        {"id": f"many{number}", "mac": f"52:54:01:00:{number >> 8:02x}:{number & 255:02x}", "vni": 5000 + number % 50,
         "type": "NIC_TYPE_TAP", "addresses": [f"10.1.{number >> 8}.{number & 255}"], "groups": ["pings"]}
        for number in range(MANY)]}
    files = []
    for name, intent in (("many.json", wanted), ("few.json", before)):
        files.append(host.directory / name)
        files[-1].write_text(json.dumps(intent))
    pinging = world.c1.start_traffic("ping", "10.0.0.2", 20)
    for file, count in zip(files, (nics + MANY, nics)):
        began = time.monotonic()
        run(*host.cli_line("--timeout", 200_000, "apply", file), timeout=200)
        print(f"     {'1,000 added' if count > nics else '1,000 removed'} in {time.monotonic() - began:.2f} s")
        now = status(host)
        check(now["nics"] == count and now["nics_connected"] == count, f"status: {now}")
        links = ip("-br", "link", namespace=host.namespace).stdout.count("many")
        check(links == count - nics, f"{links} interfaces")
    check_no_loss(pinging.stop(), "the pair that was there all the time")
    check(fd_count(host) == fds, f"open files: {fds} before, {fd_count(host)} after")
    check(json.loads(host.must("dump")) == before, "the intent is as before")
    world.c1.ping_until("10.0.0.2")


def test_a_nic_that_comes_and_goes_costs_no_other_a_packet(world):
    host = world.a1.host
    fds = fd_count(host)
    pinging = [tap.start_traffic("ping", address, 10)
               for tap, address in ((world.a1, "10.0.0.2"), (world.am, "fd00::2"))]
    began = time.monotonic()
    for _ in range(100):
        host.must("nic", "add", "--id", "guest0", "--mac", mac_of(TWO, 99), "--vni", TWO, "--type", "tap",
                  "--ip", "10.0.0.99", "--sg", "open")
        host.must("nic", "del", "guest0")
    seconds = time.monotonic() - began
    results = [ping.stop() for ping in pinging]
    print(f"     200 changes in {seconds:.1f} s, pings: {results}")
    for result in results:
        check_no_loss(result, "ping beside changing nics")
    check(fd_count(host) == fds, f"open files: {fds} before, {fd_count(host)} after")


def test_rule_changes_do_not_disturb_a_running_transfer(world):
    for client, server in ((world.a1, world.b1), (world.c1, world.d1)):
        running = server.serve(5001)
        transfer = client.start_traffic("steady", server.addresses[0], 5001)
        for host in (client.host, server.host):
            for number in range(50):
                rule = host.must("sg", "rule", "add", "open", "--ip-proto", "udp", "--port", 7000 + number)
                host.must("sg", "rule", "del", "open", rule.strip())
        check(transfer.is_running(), "the transfer goes on")
        result = transfer.stop()
        print(f"     200 changes, {result}")
        # An lcore that sleeps through its packets until its next tick gets 3 MB through.
        check(result["kilobytes"] > 8192 and result["longest_pause_s"] < 2, str(result))
        running.stop()


# --- services ------------------------------------------------------------------------------------

UDHCPC_SCRIPT = """#!/bin/sh
env | sort > "$1.$$" && mv "$1.$$" "{directory}/$1"
[ "$1" = deconfig ] && exit 0
busybox ip addr flush dev "$interface" && busybox ip addr add "$ip/$mask" dev "$interface"
"""


class DhcpClient:
    """busybox udhcpc on a tap; what it was told at each event lies in a file of that name."""

    def __init__(self, world, tap, *options):
        self.directory = world.lab.run.make_directory(f"dhcp-{tap.name}")
        script = self.directory / "script"
        script.write_text(UDHCPC_SCRIPT.format(directory=self.directory))
        script.chmod(0o755)
        wanted = ("subnet", "router", "dns", "hostname", "domain", "mtu", "search", "staticroutes", "lease", "serverid")
        self.process = world.lab.run.spawn(
            ["busybox", "udhcpc", "-f", "-i", tap.name, "-s", script, "-t", "3", "-T", "1",
             *[word for name in wanted for word in ("-O", name)], *options], self.directory / "log", tap.namespace)

    def told(self, event, timeout=20):
        file = self.directory / event
        wait_until(file.exists, timeout, f"udhcpc to say {event}; {(self.directory / 'log').read_text()[-300:]}")
        return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)

    def renew(self):
        """Now, instead of after half the lease."""
        self.process.send_signal(signal.SIGUSR1)

    def end(self):
        self.process.terminate()
        self.process.wait()


def test_a_guest_gets_address_and_settings_by_dhcp_and_renews_them(world):
    host = world.a1.host
    host.must("subnet", "set", "lan", "--prefix", "10.0.0.0/24", "--gateway", "10.0.0.254", "--server", "10.0.0.253",
              "--dns", "10.0.0.3", "--domain", "example.org", "--route", "10.9.0.0/16,10.0.0.9", "--lease-s", "10")
    tap = TapGuest(world.lab.run, host, "adhcp", TWO, mac_of(TWO, 50), [], ["open"],
                   ["--ip", "10.0.0.50", "--subnet", "lan", "--hostname", "web-1"])
    client = DhcpClient(world, tap)
    try:
        told = client.told("bound")
        wanted = {"ip": "10.0.0.50", "mask": "24", "router": "10.0.0.254", "dns": "10.0.0.3", "hostname": "web-1",
                  "domain": "example.org", "search": "example.org", "mtu": "1500", "lease": "10",
                  "serverid": "10.0.0.253", "staticroutes": "10.9.0.0/16 10.0.0.9 0.0.0.0/0 10.0.0.254"}
        check({key: told.get(key, "").strip() for key in wanted} == wanted, f"told: {told}")
        tap.ping_until("10.0.0.2")
        client.renew()
        check(client.told("renew")["ip"] == "10.0.0.50", "renewed by unicast, after half the lease")
        requests = drop_reasons.total(host.counters(), "guest-services/arp")
        check(requests > 0, "the client asked for the server's MAC to renew")
        host.must("nic", "update", "--id", "adhcp", "--ip", "10.0.0.51")
        client.renew()
        check(client.told("nak") is not None, "an address that is not the nic's any more is refused")
        wait_until(lambda: tap.can_ping("10.0.0.2"), 20, "the client to have its new address")
    finally:
        client.end()
    host.must("nic", "del", "adhcp")
    host.must("subnet", "del", "lan")


class Dhcp6Client:
    """dhclient on a tap; what it was told at each event lies in a file of that name. An address is somebody
    else's, by what it is told, while there is a file `taken`."""

    def __init__(self, world, tap, taken=False):
        self.directory = world.lab.run.make_directory(f"dhcp6-{tap.name}")
        script = self.directory / "script"
        script.write_text(f'#!/bin/sh\nenv | sort > "{self.directory}/$reason.$$"\n'
                          f'mv "{self.directory}/$reason.$$" "{self.directory}/$reason"\n'
                          f'[ "$reason" != BOUND6 ] || ! rm "{self.directory}/taken" 2>/dev/null || exit 3\n')
        script.chmod(0o755)
        (self.directory / "conf").write_text("")
        if taken:
            (self.directory / "taken").touch()
        self.command = ["dhclient", "-6", "-d", "-sf", script, "-cf", self.directory / "conf", "-lf",
                        self.directory / "leases", "-pf", self.directory / "pid", tap.name]
        self.namespace = tap.namespace
        self.process = world.lab.run.spawn(self.command, self.directory / "log", tap.namespace)

    def told(self, event, timeout=30):
        file = self.directory / event
        wait_until(file.exists, timeout, f"dhclient to say {event}; {(self.directory / 'log').read_text()[-300:]}")
        return dict(line.split("=", 1) for line in file.read_text().splitlines() if "=" in line)

    def says(self, text, timeout=20):
        wait_until(lambda: text in (self.directory / "log").read_text(), timeout, f"dhclient to say '{text}'")

    def answered(self, message):
        """Before anything else was sent."""
        def after():
            return (self.directory / "log").read_text().split(message)[-1]
        wait_until(lambda: "RCV: " in after() or "XMT: " in after(), 20, f"an answer to {message}")
        check("XMT: " not in after().split("RCV: Reply message")[0], f"after {message}: {after()}")

    def release(self):
        """What the client says meanwhile; it ends."""
        said = run(*self.command, "-r", namespace=self.namespace, timeout=30)
        self.process.wait(20)
        return said.stdout + said.stderr

    def end(self):
        self.process.terminate()
        self.process.wait()


def link_local_of(tap):
    """Its link-local address, once the kernel has made sure that it is free."""
    for entry in json.loads(run("ip", "-j", "-6", "addr", "show", "dev", tap.name, "scope", "link",
                                namespace=tap.namespace).stdout):
        for address in entry.get("addr_info", []):
            # Addresses that were filtered out are there as well, empty.
            if "local" in address and not address.get("tentative") and not address.get("dadfailed"):
                return address["local"]
    return None


def test_a_guest_learns_its_ipv6_network_from_the_switch(world):
    host = world.a1.host
    host.must("subnet", "set", "six", "--prefix", "fd00:7::/64", "--gateway", "fe80::1", "--dns", "fd00:7::53",
              "--domain", "example.org", "--autonomous", "--lease-s", "1800", "--mtu", "1400")
    mac = mac_of(TWO, 51)
    made_of_mac = "fd00:7::5054:ff:fe" + mac[9:11] + ":" + mac[12:14] + mac[15:17]
    tap = TapGuest(world.lab.run, host, "asix", TWO, mac, [], ["open"],
                   ["--ip", "fd00:7::51", "--ip", made_of_mac, "--subnet", "six"])

    def routes():
        return run("ip", "-6", "route", namespace=tap.namespace).stdout

    wait_until(lambda: "default via fe80::1 dev asix proto ra" in routes(), 20, f"a default route: {routes()}")
    check("fd00:7::/64 dev asix proto" in routes(), f"the prefix is on link: {routes()}")
    mtu = run("sysctl", "-n", "net.ipv6.conf.asix.mtu", namespace=tap.namespace).stdout.strip()
    check(mtu == "1400", f"the MTU is {mtu}")
    wait_until(lambda: made_of_mac.replace(":0", ":") in run("ip", "-6", "addr", namespace=tap.namespace).stdout
               or made_of_mac in run("ip", "-6", "addr", namespace=tap.namespace).stdout, 20,
               "an address that the kernel has made of the prefix")
    wait_until(lambda: link_local_of(tap), 20, "a link-local address")
    client = Dhcp6Client(world, tap)
    try:
        told = client.told("BOUND6")
        wanted = {"new_ip6_address": "fd00:7::51", "new_dhcp6_name_servers": "fd00:7::53",
                  "new_max_life": "1800", "new_dhcp6_domain_search": "example.org."}
        check({key: told.get(key, "").strip() for key in wanted} == wanted, f"told: {told}")
        for answer in ("dhcp6-advertise", "dhcp6-reply", "router"):
            check(drop_reasons.total(host.counters(), f"guest-services/{answer}") > 0, f"{answer} is counted")
        check(drop_reasons.total(host.counters(), "guest-services/dhcp6-malformed") == 0, "nothing was malformed")
    finally:
        client.end()
    host.must("nic", "del", "asix")
    host.must("subnet", "del", "six")


def test_a_guest_renews_rebinds_declines_and_releases_its_ipv6_address(world):
    host = world.a1.host
    host.must("subnet", "set", "brief", "--prefix", "fd00:8::/64", "--gateway", "fe80::1", "--lease-s", "10")
    taps = [TapGuest(world.lab.run, host, name, TWO, mac_of(TWO, number), [], ["open"],
                     ["--ip", f"fd00:8::{number}", "--subnet", "brief"])
            for name, number in (("arenews", 52), ("arebinds", 53))]
    for tap in taps:
        wait_until(lambda tap=tap: link_local_of(tap), 20, "a link-local address")
    renews, rebinds = (Dhcp6Client(world, tap, taken=tap.name == "arenews") for tap in taps)
    try:
        # The server is gone when half the time is over, and back before the client asks anybody: which dhclient
        # does ten seconds after it has asked the server, or when its address expires.
        rebinds.told("BOUND6")
        host.must("nic", "update", "--id", "arebinds", "--no-subnet")
        renews.says("XMT: Decline on arenews")
        renews.says("Flag address declined:fd00:8::52")
        check(renews.told("RENEW6")["new_ip6_address"] == "fd00:8::52", "declined, asked for again, renewed")
        rebinds.says("XMT: Renew on arebinds")
        host.must("nic", "update", "--id", "arebinds", "--subnet", "brief")
        rebinds.says("XMT: Rebind on arebinds")
        rebinds.answered("XMT: Rebind on arebinds")
        host.must("nic", "update", "--id", "arebinds", "--no-subnet")  # the only other one who asks
        replies = drop_reasons.total(host.counters(), "guest-services/dhcp6-reply")
        said = renews.release()
        check("XMT: Release on arenews" in said, said)
        wait_until(lambda: drop_reasons.total(host.counters(), "guest-services/dhcp6-reply") == replies + 1, 20,
                   "the answer, which dhclient does not wait for")
        check(drop_reasons.total(host.counters(), "guest-services/dhcp6-malformed") == 0, "nothing was malformed")
    finally:
        for client in (renews, rebinds):
            client.end()
    for tap in taps:
        host.must("nic", "del", tap.name)
    host.must("subnet", "del", "brief")


def test_a_guest_with_a_random_link_local_address_is_heard(world):
    tap = world.add("a", "arandom", TWO, 61, ["open"])
    ip("link", "set", tap.name, "down", namespace=tap.namespace)
    ip("link", "set", tap.name, "addrgenmode", "random", namespace=tap.namespace)
    ip("link", "set", tap.name, "up", namespace=tap.namespace)
    own = wait_until(lambda: link_local_of(tap), 20, "a link-local address")
    check("ff:fe" not in own, f"{own} is not made of the MAC")
    there = wait_until(lambda: link_local_of(world.b1), 20, "the other's link-local address")
    for one, address in ((tap, there), (world.b1, own)):
        wait_until(lambda one=one, address=address: one.can_ping(f"{address}%{one.name}"), 20,
                   f"{one.name} to ping {address}")
    taken = drop_reasons.total(tap.host.counters(), "claims/taken")
    thief = world.add("a", "athief", TWO, 62, ["open"])
    ip("addr", "add", f"{own}/64", "dev", thief.name, "nodad", namespace=thief.namespace)
    check(not run("ping", "-n", "-c", 1, "-W", 1, "-I", own, f"{there}%{thief.name}", namespace=thief.namespace,
                  check=False).ok, "another guest of the host cannot use it")
    check(drop_reasons.total(tap.host.counters(), "claims/taken") > taken, "and is refused by name")
    for nic in ("arandom", "athief"):
        tap.host.must("nic", "del", nic)


# --- addresses that several nics use -------------------------------------------------------------

VRRP = """
vrrp_instance {name} {{
  state BACKUP
  interface {interface}
  virtual_router_id {number}
  priority {priority}
  advert_int 0.2
  {extra}
  virtual_ipaddress {{
    {address}/24
  }}
}}
"""
SHARED_MAC = "00:00:5e:00:01:33"  # of virtual router 51


class Keepalived:
    """Of a tap: one virtual router with a MAC of its own and one without."""

    def __init__(self, world, tap, priority):
        directory = world.lab.run.make_directory(f"keepalived-{tap.name}")
        config = directory / "keepalived.conf"
        routers = (("with_mac", 51, "10.0.0.100", "use_vmac"), ("without_mac", 52, "10.0.0.101", ""))
        config.write_text("".join(
            VRRP.format(name=name, interface=tap.name, number=number, priority=priority, extra=extra, address=address)
            for name, number, address, extra in routers))
        self._log = directory / "log"
        world.lab.run.spawn(["keepalived", "--dont-fork", "--log-console", "--log-detail", "--vrrp",
                             "--use-file", config, "--pid", directory / "pid", "--vrrp_pid", directory / "vrrp.pid"],
                            self._log, tap.namespace)

    def is_master(self):
        states = {}
        for line in self._log.read_text(errors="replace").splitlines():
            for router in ("with_mac", "without_mac"):
                if f"({router}) Entering " in line:
                    states[router] = "MASTER" in line
        return states == {"with_mac": True, "without_mac": True}


def place_of(host, mac):
    """Where a host's table has the MAC: "nic k1", "peer 192.0.2.2", or None."""
    for line in host.must("fdb", "list", "--learnt", "--mac", mac).splitlines()[1:]:
        return " ".join(line.split()[2:4])
    return None


def test_a_keepalived_pair_fails_over(world):
    host_a, host_b = world.lab.hosts["a"], world.lab.hosts["b"]
    for host in (host_a, host_b):
        host.add_group("vrrp", "--dir in --ip-proto 112")
    allowed = ["--allow", f"10.0.0.100,{SHARED_MAC}", "--allow", "10.0.0.101"]
    first = world.add("a", "k1", TWO, 31, ["open", "vrrp"], allowed)
    second = world.add("b", "k2", TWO, 32, ["open", "vrrp"], allowed)
    running = [tap.serve(5000) for tap in (first, second)]
    pair = Keepalived(world, first, 150), Keepalived(world, second, 100)

    def check_reachable(when):
        for client in (world.a2, world.b1):
            for address in ("10.0.0.100", "10.0.0.101"):
                client.ping_until(address)
                check(client.traffic("connect", address, 5000, 2)["open"], f"{client.name} to {address} {when}")

    def check_at(nic, peer, when):
        places = place_of(host_a, SHARED_MAC), place_of(host_b, SHARED_MAC)
        check(places == (nic, peer), f"{when} the shared MAC is at {places}")

    wait_until(lambda: pair[0].is_master() and not pair[1].is_master(), 20, "the first alone to be master")
    check_reachable("before")
    check_at("nic k1", "peer 192.0.2.1", "before")
    ip("link", "set", "k1", "down", namespace=first.namespace)
    wait_until(pair[1].is_master, 20, "the second to take over")
    check_reachable("after the first died")
    check_at("peer 192.0.2.2", "nic k2", "after")
    ip("link", "set", "k1", "up", namespace=first.namespace)
    wait_until(pair[0].is_master, 20, "the first to take over again")
    wait_until(lambda: not pair[1].is_master(), 20, "the second to give way")
    check_reachable("when the first is back")
    check_at("nic k1", "peer 192.0.2.1", "at the end")
    world.b1.host.must("nic", "update", "--id", "k2", "--no-allow")
    ip("link", "set", "k1", "down", namespace=first.namespace)
    wait_until(pair[1].is_master, 20, "the second to believe that it is master")
    check(not world.b1.can_ping("10.0.0.101"), "what its nic does not list it cannot use")
    for server in running:
        server.stop()
    for name, tap in (("a", first), ("b", second)):
        world.lab.hosts[name].must("nic", "del", tap.name)


def test_a_nic_routes_for_a_pod_network(world):
    node = world.add("a", "node", TWO, 41, ["open"], ["--allow", "10.244.1.0/24"])
    pod = world.lab.run.make_namespace("pod")
    ip("link", "add", "pods", "type", "veth", "peer", "name", "eth0", "netns", pod, namespace=node.namespace)
    ip("addr", "add", "10.244.1.1/24", "dev", "pods", namespace=node.namespace)
    ip("link", "set", "pods", "up", namespace=node.namespace)
    ip("addr", "add", "10.244.1.7/24", "dev", "eth0", namespace=pod)
    ip("link", "set", "eth0", "up", namespace=pod)
    ip("route", "add", "default", "via", "10.244.1.1", namespace=pod)
    run("sysctl", "-qw", "net.ipv4.ip_forward=1", namespace=node.namespace)
    ip("route", "add", "10.244.1.0/24", "via", "10.0.0.41", namespace=world.b1.namespace)

    def pod_pings():
        return run("ping", "-n", "-c", 1, "-W", 1, "10.0.0.2", namespace=pod, check=False).ok

    wait_until(pod_pings, 20, "the pod to ping a guest of the other host")
    world.b1.ping_until("10.244.1.7")
    node.host.must("nic", "update", "--id", "node", "--no-allow")
    check(not pod_pings(), "what its nic does not list, its pods cannot use")
    node.host.must("nic", "del", "node")


# --- more hosts ----------------------------------------------------------------------------------

def test_three_hosts_in_a_full_mesh_hear_everything_once(world):
    hosts = {name: world.lab.hosts[name] for name in "abc"}
    shared = {("a", "b"): (TWO, OTHER), ("b", "a"): (TWO, OTHER)}
    for name, host in hosts.items():
        for other, peer in hosts.items():
            if other != name:
                host.must("peer", "add", "--ip", peer.address,
                          *[word for vni in (*shared.get((name, other), ()), MESH) for word in ("--vni", vni)])
    taps = [world.add(name, f"{name}mesh", MESH, number, ["open"]) for number, name in enumerate(hosts, 1)]
    for tap in taps:
        for number in range(1, 4):
            for address in (f"10.0.0.{number}", f"fd00::{number}"):
                if address in tap.addresses:
                    continue
                tap.ping_until(address)
                # Were anything passed on by a third host, it would come twice: its sender has told everybody.
                answer = run("ping", "-n", "-c", 3, "-i", 0.2, address, namespace=tap.namespace).stdout
                check("3 received" in answer and "DUP" not in answer, f"{tap.name} to {address}: {answer}")
    for name, host in hosts.items():
        host.must("nic", "del", f"{name}mesh")
        for other, peer in hosts.items():
            if other == name:
                continue
            if (name, other) in shared:
                host.must("peer", "add", "--ip", peer.address,
                          *[word for vni in shared[name, other] for word in ("--vni", vni)])
            else:
                host.must("peer", "del", "--ip", peer.address)


def test_a_segment_in_a_group_speaks_with_a_kernels_vxlan(world):
    """The bridge between them passes a group on to its members only, so we must have said that we are one."""
    host, underlay = world.lab.hosts["a"], world.lab.underlay
    ip("link", "set", "br0", "type", "bridge", "mcast_snooping", "1", "mcast_querier", "1", "mcast_query_interval", "200",
       namespace=underlay.namespace)
    kernel = world.lab.run.make_namespace("kernel-vxlan")
    underlay.attach(kernel)
    ip("addr", "add", "192.0.2.200/24", "dev", "up0", namespace=kernel)
    ip("link", "add", "vx0", "type", "vxlan", "id", GROUP, "group", "239.1.1.7", "dev", "up0", "dstport", "4789",
       "ttl", "4", namespace=kernel)
    ip("addr", "add", "10.0.0.200/24", "dev", "vx0", namespace=kernel)
    ip("link", "set", "vx0", "mtu", "1450", "up", namespace=kernel)
    host.must("segment", "set", "--vni", GROUP, "--group", "239.1.1.7", "--learn-peers")
    tap = TapGuest(world.lab.run, host, "agroup", GROUP, mac_of(GROUP, 1), ["10.0.0.1/24"], ["open"])

    def members():
        return run("bridge", "mdb", "show", "dev", "br0", namespace=underlay.namespace).stdout.count("239.1.1.7")

    wait_until(lambda: members() == 2, 20, f"both to be members, there are {members()}")
    wait_until(lambda: run("ping", "-n", "-c", 1, "-W", 1, "10.0.0.1", namespace=kernel, check=False).ok, 20,
               "the kernel to ping the guest")
    peers = host.must("peer", "list")
    check("192.0.2.200" in peers and "yes" in peers, f"the kernel's endpoint is a learnt peer: {peers}")
    # Anew, from our side: the question goes to the group.
    ip("neigh", "flush", "all", namespace=tap.namespace)
    copies = drop_reasons.total(host.counters(), "flood/copy-tunnel")
    tap.ping_until("10.0.0.200")
    check(drop_reasons.total(host.counters(), "flood/copy-tunnel") > copies, "the group was asked")
    host.must("nic", "del", "agroup")
    host.must("segment", "del", "--vni", GROUP)
    wait_until(lambda: members() == 1, 20, "us to have left the group")
    ip("link", "set", "br0", "type", "bridge", "mcast_snooping", "0", "mcast_querier", "0", namespace=underlay.namespace)


# --- attacks -------------------------------------------------------------------------------------

def flooded_macs(host):
    """How many of the MACs that flood-macs makes up are in the host's table, which also learns of others' guests."""
    lines = host.must("fdb", "list", "--learnt", "--vni", TWO).splitlines()[1:]
    return sum(line.split()[1].startswith("02:") for line in lines)


def test_a_flood_of_source_macs_harms_only_its_author(world):
    flooder = world.add("a", "aflood", TWO, 66, ["open"], ["--no-antispoof"])
    world.a1.ping_until("10.0.0.2")
    pinging = [tap.start_traffic("ping", "10.0.0.2", 20) for tap in (world.am, world.a1)]
    flooder.traffic("flood-macs", "aflood", 5000)
    # The kernel may have spoken before the tap had its MAC, from another one: that counts, too.
    wait_until(lambda: len(world.a1.host.must("fdb", "list", "--learnt", "--nic", "aflood").splitlines()) > QUOTA, 10,
               "the nic's quota to be used up")
    other, same = (ping.stop() for ping in pinging)
    print(f"     pings of another tenant: {other}, of the same: {same}")
    check_no_loss(other, "another tenant")
    for name in "ab":
        learnt = flooded_macs(world.lab.hosts[name])
        check(learnt <= QUOTA, f"host {name} has learnt {learnt}")
    check(drop_reasons.total(world.a1.host.counters(), "switch/nic-macs") > 1000, "what is more goes nowhere")
    world.a1.ping_until("10.0.0.2")
    world.am.ping_until("10.0.0.2")
    world.a1.host.must("nic", "del", "aflood")
    wait_until(lambda: flooded_macs(world.a1.host) == 0, 10, "the MACs to go with the nic behind which they were")
    check_ledger(world.a1.host)


def test_a_flood_of_connections_harms_nobody_but_its_author(world):
    flooder = world.add("c", "cs", ONE, 10, ["open"])
    world.add("d", "ds", ONE, 20, [])  # shut: nobody answers the flood, so its flows stay
    host, running = world.c1.host, world.d1.serve(5002)
    flooder.traffic("connect", "10.0.0.20", 9, 1)  # ARP
    established = world.c1.start_traffic("steady", "10.0.0.2", 5002)
    flood = flooder.start_traffic("flood-syns", "10.0.0.10", "10.0.0.20", 200_000)

    def made_way():
        return sum(int(lcore["flows_evicted"]) for lcore in status(host)["lcores"])

    wait_until(lambda: made_way() > 1000, 120, "the flood to have all that is not others' share")
    opened = world.c1.traffic("connect", "10.0.0.2", 5002, 2)
    check(flood.is_running(), "the flood outlasts the attempt")
    check(opened["open"], "a new connection of another nic opens all the while")
    result = flood.result(180)
    lcore = status(host)["lcores"][0]
    share = int(lcore["flow_capacity"]) * 7 // 8
    print(f"     {result}, {lcore['flows']} of {lcore['flow_capacity']} flows, {made_way()} made way")
    check(share - 2_000 <= int(lcore["flows"]) <= share + 2_000, f"all but the last eighth is full: {lcore}")
    check(established.is_running(), "the established connection goes on")
    result = established.stop()
    check(result["kilobytes"] > 64 and result["longest_pause_s"] < 5, f"established: {result}")
    running.stop()
    for name in "cd":
        check_ledger(world.lab.hosts[name])


def test_nothing_was_lost_on_the_way(world):
    """After all of the above: buffers come back, every packet has a fate."""
    for host in world.lab.hosts.values():
        check_ledger(host)
        wait_until(lambda h=host: status(h)["buffers_used"] < 2000, 10, f"buffers of host {host.name} to come back")
        check(int(host.json("counters")["ledger"]["no_buffer"]) == 0, "no packet went for want of a buffer")

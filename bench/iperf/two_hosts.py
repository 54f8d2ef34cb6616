# SPDX-License-Identifier: Apache-2.0
"""Two hosts on the ends of a veth pair, each a namespace with its own switch and one guest, a tunnel
between them. The pair is the same for all switches: frames of the wire's size, checksums written."""

import dataclasses

from lab.guest import GuestNic
from lab.shell import ip, run
from peers import network
from peers.butterfly_rig import ButterflyRig
from peers.ovs_rig import OvsChain, OvsVxlan
from peers.processes import freeze, thaw
from peers.rig import SWITCH_CPU

UPLINK = "up0"
UNDERLAY_MTU = 1500  # DPDK's af_packet tells Open vSwitch that it can no more
GUEST_MTU = 1450
AF_PACKET = f"net_af_packet0,iface={UPLINK},framesz=2048,blocksz=4096,framecnt=1024"  # as butterflyd has it
PREFIX = 16  # holds both guests' addresses, of either family


@dataclasses.dataclass(frozen=True)
class Place:
    """One of the two hosts and its guest."""
    name: str
    vtep: str
    vtep_mac: str
    guest_mac: str
    addresses: dict  # of the guest, by family


NEAR = Place("near", network.VTEP, "52:54:00:02:00:01", network.GUEST_MAC, network.GUEST_ADDRESSES)
FAR = Place("far", network.PEER, network.PEER_MAC, network.FAR_MACS[0],
            {family: addresses[0] for family, addresses in network.FAR_ADDRESSES.items()})


class ButterflyHost(ButterflyRig):
    """The whole chain: antispoof, stateful firewall, switch, VXLAN."""

    mode = "adaptive"
    uplink = f'[uplink]\ndevice = "{UPLINK}"\naddress = "{{vtep}}/24"\n'

    def settle(self, namespace, here, there):
        self.namespace, self.here, self.there, self.vtep = namespace, here, there, here.vtep

    def intent(self):
        here, there = self.here, self.there
        nic = {"id": "guest", "mac": here.guest_mac, "vni": network.VNI, "groups": ["servers"],
               "addresses": list(here.addresses.values()), "antispoof": True}
        return {"nics": [nic], "groups": super().intent()["groups"],
                "peers": [{"address": there.vtep, "vnis": [network.VNI]}],
                "fdb": [{"vni": network.VNI, "mac": there.guest_mac, "peer": there.vtep}]}


class UnmergedHost(ButterflyHost):
    def start_switch(self):
        super().start_switch()
        self.cli("switch", "set", "merge_tcp=off")


class OnVeth:
    """What Open vSwitch needs to know of a place."""

    def settle(self, namespace, here, there):
        self.namespace = namespace
        self.guest_mac, self.far_macs = here.guest_mac, [there.guest_mac]
        self.vtep, self.own_mac = here.vtep, here.vtep_mac
        self.peer, self.peer_mac = there.vtep, there.vtep_mac

    def _add_uplink(self):
        self._vsctl("add-port", "br-phy", "uplink", "--", "set", "Interface", "uplink", "type=dpdk",
                    f'options:dpdk-devargs="{AF_PACKET}"')


# Two that poll would take the one CPU from each other for milliseconds.
SLEEPS = ("other_config:pmd-maxsleep=50",)


class OvsVxlanHost(OnVeth, OvsVxlan):
    settings = SLEEPS


class OvsChainHost(OnVeth, OvsChain):
    settings = SLEEPS


class OvsPollingHost(OnVeth, OvsVxlan):
    """As it comes."""


class KernelHost:
    """A bridge with the guest's tap and a vxlan device; the kernel merges what comes from that."""

    hugepages = 0
    switch = None
    guest_socket = ""

    def __init__(self, run_directory, binaries):
        pass

    def settle(self, namespace, here, there):
        def link(*words):
            ip("link", *words, namespace=namespace)

        ip("addr", "add", f"{here.vtep}/24", "dev", UPLINK, namespace=namespace)
        ip("neigh", "add", there.vtep, "lladdr", there.vtep_mac, "dev", UPLINK, namespace=namespace)
        link("add", "br0", "type", "bridge", "mcast_snooping", "0")
        link("add", "vx0", "type", "vxlan", "id", str(network.VNI), "dstport", "4789", "local", here.vtep,
             "remote", there.vtep, "dev", UPLINK)
        ip("tuntap", "add", "dev", "tap0", "mode", "tap", "vnet_hdr", namespace=namespace)
        for device in ("vx0", "tap0"):
            link("set", device, "mtu", str(GUEST_MTU), "master", "br0", "up")
        link("set", "br0", "up")

    def start_switch(self):
        pass

    def stop(self):
        pass


class TwoHosts:
    """Subclasses set `name` and `host`. For the rest of this folder it is one switch."""

    name = ""
    host = None

    def __init__(self, run_directory, binaries):
        self.hosts = []
        number = run_directory.next_number()
        namespaces = [run_directory.make_namespace(f"{place.name}{number}") for place in (NEAR, FAR)]
        join(*namespaces)
        for namespace, here, there in zip(namespaces, (NEAR, FAR), (FAR, NEAR)):
            host = self.host(run_directory, binaries)
            host.settle(namespace, here, there)
            self.hosts.append(host)
        self._namespaces = namespaces

    def guests(self):
        """[(nic, namespace)] of the near guest and the far one."""
        for namespace, host, place in zip(self._namespaces, self.hosts, (NEAR, FAR)):
            addresses = [f"{address}/{PREFIX}" for address in place.addresses.values()]
            if host.guest_socket:
                yield GuestNic(str(host.guest_socket), place.guest_mac, addresses, mtu=GUEST_MTU), None
            else:
                yield GuestNic("", place.guest_mac, addresses, mtu=GUEST_MTU, tap="tap0"), namespace

    def start_switch(self):
        for host in self.hosts:
            host.start_switch()

    def stop(self):
        for host in self.hosts:
            if host.switch:
                thaw(host.switch)
            host.stop()

    def processes(self):
        return [host.switch for host in self.hosts if host.switch]

    def freeze(self):
        for process in self.processes():
            freeze(process)

    def thaw(self):
        for process in self.processes():
            thaw(process)

    def far_address(self, family):
        return FAR.addresses[family]


def join(near, far):
    """A wire between two namespaces. What the kernel receives by it is worked on where the switches are."""
    ip("link", "add", UPLINK, "address", NEAR.vtep_mac, "mtu", str(UNDERLAY_MTU), "type", "veth", "peer", "name",
       UPLINK, "address", FAR.vtep_mac, "mtu", str(UNDERLAY_MTU), "netns", far, namespace=near)
    for namespace in (near, far):
        run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", "net.ipv6.conf.all.disable_ipv6=1",
            namespace=namespace)
        run("ethtool", "-K", UPLINK, "tx", "off", "tso", "off", "gso", "off", namespace=namespace)
        ip("link", "set", UPLINK, "up", namespace=namespace)
        run("sh", "-c", f"echo {1 << SWITCH_CPU:x} > /sys/class/net/{UPLINK}/queues/rx-0/rps_cpus",
            namespace=namespace)


def two_hosts(name, host):
    return type(name, (TwoHosts,), {"name": name, "host": host, "hugepages": 2 * host.hugepages})


SWITCHES = {name: two_hosts(name, host) for name, host in {
    "butterfly": ButterflyHost, "kernel": KernelHost, "ovs-vxlan": OvsVxlanHost, "ovs-chain": OvsChainHost,
    "ovs-vxlan-poll": OvsPollingHost, "butterfly-unmerged": UnmergedHost}.items()}

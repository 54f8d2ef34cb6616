# SPDX-License-Identifier: Apache-2.0
"""The kernel, for orientation: a namespace that routes between a veth and a vxlan device, with
stateful nftables. Its generator drives veths through af_packet, so its figures stand apart."""

from lab.shell import CommandFailed, ip, run

from . import network
from .generator import Generator
from .processes import schedule_of, waited_share
from .rig import GENERATOR_CPU, SWITCH_CPU, Rig

GUEST_HOP = "52:54:00:03:00:01"  # the router's ends
FAR_HOP = "52:54:00:03:00:02"
VTEP_MAC = "52:54:00:02:00:01"
RULES = """\
table inet bench {
  chain forward {
    type filter hook forward priority 0; policy drop;
    ct state established,related accept
    iifname "guest" accept
    tcp dport { 22, 80, 443 } accept
    meta l4proto { icmp, ipv6-icmp } accept
  }
}
"""
PACKET_OPTIONS = "qpairs=1,framesz=2048,blocksz=4096,framecnt=1024,qdisc_bypass=1"


class KernelRig(Rig):
    name = "kernel"
    is_tunnelled = True
    hugepages = 64
    quiet_ms = 200

    def start(self):
        self.router = self.run.make_namespace("router")
        self.ends = self.run.make_namespace("ends")
        for namespace in (self.router, self.ends):
            self._sysctl(namespace, "net.ipv6.conf.default.disable_ipv6=1")
        self._add_veth("guest", GUEST_HOP)
        self._add_veth("wire", VTEP_MAC)
        self._route()
        run("nft", "-f", "-", namespace=self.router, text_in=RULES)
        self.generator = Generator(
            self.run, self.binaries / "load_generator", self.directory, GENERATOR_CPU,
            f"net_af_packet0,iface=guest-end,{PACKET_OPTIONS}", f"net_af_packet1,iface=wire-end,{PACKET_OPTIONS}",
            "vxlan", f"guest-hop={GUEST_HOP}", f"far-hop={FAR_HOP}", namespace=self.ends)
        self.generator.wait_ready()
        self.generator.ask("vtep", mac=VTEP_MAC)
        return self

    @staticmethod
    def _sysctl(namespace, *settings):
        run("sysctl", "-qw", *settings, namespace=namespace)

    def _add_veth(self, name, mac):
        """A veth whose one end is the router's, whose other end is the generator's."""
        ip("link", "add", name, "address", mac, "type", "veth", "peer", "name", f"{name}-end", "netns", self.ends,
           namespace=self.router)
        for namespace, device in ((self.router, name), (self.ends, f"{name}-end")):
            run("ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", "gro", "off", namespace=namespace)
            ip("link", "set", device, "up", namespace=namespace)
        # What the generator sends is forwarded on the switch's CPU, as it is with the other rigs.
        script = f"echo {1 << SWITCH_CPU:x} > /sys/class/net/{name}/queues/rx-0/rps_cpus"
        run("sh", "-c", script, namespace=self.router)

    def _route(self):
        here = {"namespace": self.router}
        ip("addr", "add", f"{network.VTEP}/24", "dev", "wire", **here)
        ip("neigh", "add", network.PEER, "lladdr", network.PEER_MAC, "dev", "wire", **here)
        ip("link", "add", "vxlan", "address", FAR_HOP, "type", "vxlan", "id", network.VNI, "dstport", 4789,
           "local", network.VTEP, "remote", network.PEER, "dev", "wire", **here)
        for device in ("guest", "vxlan"):
            self._sysctl(self.router, f"net.ipv6.conf.{device}.disable_ipv6=0")
            ip("link", "set", device, "up", **here)
        run("ethtool", "-K", "vxlan", "tx", "off", "tso", "off", "gso", "off", namespace=self.router)
        self._sysctl(self.router, "net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1")
        for family, (gateway, far_gateway, length) in {4: ("10.0.0.254", "10.0.1.254", 24),
                                                       6: ("fd00::fe", "fd00:1::fe", 64)}.items():
            ip("addr", "add", f"{gateway}/{length}", "dev", "guest", *(["nodad"] if family == 6 else []), **here)
            ip("addr", "add", f"{far_gateway}/{length}", "dev", "vxlan", *(["nodad"] if family == 6 else []), **here)
            ip("neigh", "add", network.GUEST_ADDRESSES[family], "lladdr", network.GUEST_MAC, "dev", "guest", **here)
            for address, mac in zip(network.FAR_ADDRESSES[family], network.FAR_MACS):
                ip("neigh", "add", address, "lladdr", mac, "dev", "vxlan", **here)

    def stop(self):
        if self.generator:
            self.generator.quit()

    # The kernel does not poll: it need not be frozen.
    def freeze(self):
        self.is_frozen = True

    def thaw(self):
        self.is_frozen = False

    def _watched(self, verb, **words):
        before = schedule_of(self.generator.process.pid)
        answer = self.generator.ask(verb, timeout=120, **words)
        answer["waited"] = waited_share(before, schedule_of(self.generator.process.pid))
        return answer

    def drops(self):
        raise CommandFailed("the kernel does not name all its drops")

    def memory(self):
        raise CommandFailed("the kernel's memory is everybody's")

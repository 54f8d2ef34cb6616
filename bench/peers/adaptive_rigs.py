# SPDX-License-Identifier: Apache-2.0
"""Butterfly that sleeps when nothing comes: the whole chain, two guests of one host, and chains whose
uplink is an interface of the kernel, or a DPDK device without interrupts."""

from lab.shell import ip, run

from . import network
from .butterfly_local_rig import ButterflyLocalRig
from .butterfly_rig import ButterflyRig
from .kernel_rig import PACKET_OPTIONS


class AdaptiveRig(ButterflyRig):
    # Its uplink, net_vhost, has receive interrupts, as network cards do.
    name = "butterfly-adaptive"
    mode = "adaptive"


class AdaptiveLocalRig(ButterflyLocalRig):
    name = "butterfly-adaptive-local"
    mode = "adaptive"
    flows = ButterflyRig.flows


class AdaptiveKernelRig(AdaptiveRig):
    """The uplink is a veth, through af_packet; its other end is the generator's."""

    name = "butterfly-adaptive-kernel"
    quiet_ms = 200
    uplink = """\
[uplink]
device = "wire"
address = "{vtep}/24"
"""

    def start(self):
        self.namespace = self.run.make_namespace("uplink")
        run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", namespace=self.namespace)
        ip("link", "add", "wire", "type", "veth", "peer", "name", "wire-end", "address", network.PEER_MAC,
           namespace=self.namespace)
        for device in ("wire", "wire-end"):
            run("ethtool", "-K", device, "tx", "off", "tso", "off", "gso", "off", namespace=self.namespace)
            ip("link", "set", device, "up", namespace=self.namespace)
        return super().start()

    def wire_device(self):
        return f"net_af_packet0,iface=wire-end,{PACKET_OPTIONS}"


class AdaptiveTapRig(AdaptiveRig):
    """The uplink is a DPDK device that has no receive interrupts: a tap."""

    name = "butterfly-adaptive-tap"
    quiet_ms = 200
    uplink = """\
[uplink]
device = "net_tap0,iface=wire"
address = "{vtep}/24"
"""

    def start(self):
        self.namespace = self.run.make_namespace("tap")
        run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", namespace=self.namespace)
        return super().start()

    def wire_device(self):
        return f"net_af_packet0,iface=wire,{PACKET_OPTIONS}"

# SPDX-License-Identifier: Apache-2.0
"""The switches between two guests. Each is the rig of bench/peers with QEMU guests in the place of its
generator: `guest_socket` is the near guest's, `wire_socket` the far guest's."""

from lab.guest import GuestNic
from peers import network
from peers.butterfly_rig import ButterflyRig
from peers.ovs_rig import OvsConntrack, OvsL2
from peers.testpmd_rig import TestpmdRig

NEAR_MAC, FAR_MAC = network.GUEST_MAC, network.FAR_MACS[0]
NEAR_ADDRESS, FAR_ADDRESS = network.GUEST_ADDRESSES[4], network.FAR_ADDRESSES[4][0]
PREFIX = 16  # holds both


class OneHost:
    """What Pair asks of a switch, for rigs."""

    def guests(self):
        """[(nic, namespace of its QEMU)] of the near guest and the far one."""
        yield GuestNic(str(self.guest_socket), NEAR_MAC, [f"{NEAR_ADDRESS}/{PREFIX}"]), None
        yield GuestNic(str(self.wire_socket), FAR_MAC, [f"{FAR_ADDRESS}/{PREFIX}"]), None

    def far_address(self, _family):
        return FAR_ADDRESS

    def processes(self):
        return [self.switch]


class Butterfly(OneHost, ButterflyRig):
    """Antispoof and a security group at both nics; sleeps when nothing comes, as it does by default."""

    name = "butterfly"
    is_tunnelled = False
    mode = "adaptive"
    uplink = ""

    def __init__(self, run, binaries):
        super().__init__(run, binaries)
        self.wire_socket = self.directory / "ports" / "wire.sock"

    def intent(self):
        intent = super().intent()
        far = {"id": "wire", "mac": FAR_MAC, "vni": network.VNI, "groups": ["servers"], "addresses": [FAR_ADDRESS],
               "antispoof": True}
        return {"nics": [*intent["nics"], far], "groups": intent["groups"]}


class ButterflyPoll(Butterfly):
    """The same, polling as the other switches do."""

    name = "butterfly-poll"
    mode = "poll"


class Testpmd(OneHost, TestpmdRig):
    """Copies from port to port. In the modern way of flags a request for a checksum or for
    segmentation is taken off at the first port; in the legacy one it is passed on with the packet."""

    name = "testpmd"
    vhost_options = ",tso=1,legacy-ol-flags=1"


class OvsLocal(OneHost, OvsL2):
    """As it comes."""


class OvsLocalConntrack(OneHost, OvsConntrack):
    """By a security group's rules."""


class OvsTso(OvsLocal):
    """With TSO, which Open vSwitch calls experimental and has off by default."""

    name = "ovs-l2-tso"
    settings = ("other_config:userspace-tso-enable=true",)


SWITCHES = {switch.name: switch for switch in (Butterfly, Testpmd, OvsLocal, OvsLocalConntrack, OvsTso, ButterflyPoll)}

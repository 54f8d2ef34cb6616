# SPDX-License-Identifier: Apache-2.0
"""Butterfly between two guests of one host: antispoof, stateful firewall, switch; no tunnel."""

from . import network
from .butterfly_rig import ButterflyRig


class ButterflyLocalRig(ButterflyRig):
    name = "butterfly-local"
    is_tunnelled = False
    flows = 4_194_304
    uplink = ""

    def __init__(self, run, binaries):
        super().__init__(run, binaries)
        self.wire_socket = self.directory / "ports" / "wire.sock"

    def intent(self):
        intent = super().intent()
        anyone = [{"direction": direction, "family": family}
                  for direction in ("DIRECTION_INGRESS", "DIRECTION_EGRESS") for family in ("FAMILY_V4", "FAMILY_V6")]
        # One nic plays all far guests, so it may not be held to one address.
        intent["nics"].append({"id": "wire", "mac": network.PEER_MAC, "vni": network.VNI, "groups": ["anyone"],
                               "antispoof": False})
        intent["groups"].append({"name": "anyone", "rules": anyone})
        return {**intent, "peers": [], "fdb": []}

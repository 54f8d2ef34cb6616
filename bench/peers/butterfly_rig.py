# SPDX-License-Identifier: Apache-2.0
"""Butterfly's rig: the real daemon, one vhost-user nic, the uplink another vhost-user port."""

import json

from lab.shell import CommandFailed, run
from lab.wait import wait_until

from . import network
from .rig import SWITCH_CPU, Rig

CONFIG = """\
[daemon]
api = "unix:{directory}/api.sock"
state = "{directory}/state.db"
socket_directory = "{directory}/ports"
log_level = "{log_level}"
[dataplane]
lcores = [{cpu}]
mode = "{mode}"
memory_mb = {memory_mb}
hugepages = "on"
flows_per_lcore = {flows}
"""
UPLINK = """\
[uplink]
device = "net_vhost0,iface={directory}/wire.sock,client=1"
address = "{vtep}/24"
"""


class ButterflyRig(Rig):
    """The whole chain: antispoof, stateful firewall, switch, VXLAN."""

    name = "butterfly"
    hugepages = 180
    is_tunnelled = True
    uplink = UPLINK
    mode = "poll"
    memory_mb = 256
    log_level = "warning"
    flows = 262_144  # room for the sets of up to 100,000 flows, of both families
    vtep = network.VTEP

    def start_switch(self):
        config = self.directory / "butterflyd.toml"
        config.write_text((CONFIG + self.uplink).format(directory=self.directory, cpu=SWITCH_CPU, vtep=self.vtep,
                                                        flows=self.flows, mode=self.mode, memory_mb=self.memory_mb,
                                                        log_level=self.log_level))
        self.switch = self.run.spawn_bench([self.binaries / "butterflyd", "--config", config],
                                           self.directory / "switch.log", self.namespace)
        wait_until(self._answers, 30, "butterflyd's API")
        self.cli("apply", "-", text_in=json.dumps(self.intent()))

    def _answers(self):
        if self.switch.poll() is not None:
            raise CommandFailed(f"butterflyd ended with {self.switch.returncode}: {self.switch_log()[-800:]}")
        return self._cli("status").ok

    def intent(self):
        def allowed(protocol, port=None):
            rule = {"direction": "DIRECTION_INGRESS", "protocol": protocol}
            return rule if port is None else {**rule, "firstPort": port, "lastPort": port}

        rules = [{"direction": "DIRECTION_EGRESS", "family": "FAMILY_V4"},
                 {"direction": "DIRECTION_EGRESS", "family": "FAMILY_V6"},
                 allowed(6, 22), allowed(6, 80), allowed(6, 443), allowed(1), allowed(58)]
        return {"nics": [{"id": "guest", "mac": network.GUEST_MAC, "vni": network.VNI, "groups": ["servers"],
                          "addresses": list(network.GUEST_ADDRESSES.values()), "antispoof": True}],
                "groups": [{"name": "servers", "rules": rules}],
                "peers": [{"address": network.PEER, "vnis": [network.VNI]}],
                "fdb": [{"vni": network.VNI, "mac": mac, "peer": network.PEER} for mac in network.FAR_MACS]}

    def _cli(self, *arguments, text_in=None):
        return run(self.binaries / "butterfly", "--api", f"unix:{self.directory}/api.sock", *arguments,
                   check=False, text_in=text_in)

    def cli(self, *arguments, text_in=None):
        answer = self._cli(*arguments, text_in=text_in)
        if not answer.ok:
            raise CommandFailed(f"butterfly {' '.join(arguments)}: {answer.stderr}")
        return answer.stdout

    def vtep_mac(self):
        return json.loads(self.cli("status", "-o", "json"))["uplink"]["mac"]

    def connections(self):
        return sum(int(lcore.get("flows", 0)) for lcore in json.loads(self.cli("status", "-o", "json"))["lcores"])

    def drops(self):
        counters = json.loads(self.cli("counters", "-o", "json"))
        return {f"{out['brick']}/{out['out']}": int(out.get("packets", 0))
                for out in counters["outs"] if out.get("drop")}


class ButterflyLargeRig(ButterflyRig):
    """With a table for a million flows of both families, and for all new connections of a cell."""

    name = "butterfly-large"
    flows = 4_194_304

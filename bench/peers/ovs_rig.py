# SPDX-License-Identifier: Apache-2.0
"""Open vSwitch on DPDK, as Debian ships it, in steps: L2; connection tracking; VXLAN; the chain.
Its own database, run directory and network namespace; the host's own Open vSwitch is not touched."""

import os
import re

from lab.shell import CommandFailed, ip, run
from lab.wait import wait_until

from . import network
from .rig import GENERATOR_CPU, SWITCH_CPU, Rig

VSWITCHD = "/usr/lib/openvswitch-switch-dpdk/ovs-vswitchd-dpdk"
SCHEMA = "/usr/share/openvswitch/vswitch.ovsschema"
VTEP_MAC = "52:54:00:02:00:01"
ALLOWED_PORTS = (22, 80, 443)
MOST_CONNECTIONS = 8_000_000


class OvsRig(Rig):
    hugepages = 560
    tracks = False  # connections, for a security group
    settings = ()  # of the switch, "other_config:a=b"
    guest_mac, far_macs = network.GUEST_MAC, network.FAR_MACS
    vtep, own_mac = network.VTEP, VTEP_MAC
    peer, peer_mac = network.PEER, network.PEER_MAC

    def start_switch(self):
        self.namespace = self.namespace or self.run.make_namespace(self.directory.name)
        # The kernel's end of a bridge shall not speak by itself.
        run("nsenter", f"--net=/run/netns/{self.namespace}", "sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1")
        self._environment = {"OVS_RUNDIR": str(self.directory), "OVS_LOGDIR": str(self.directory),
                             "OVS_DBDIR": str(self.directory), "OVS_SYSCONFDIR": str(self.directory)}
        self._start_database()
        self._vsctl("--no-wait", "init")
        self._vsctl("--no-wait", "set", "Open_vSwitch", ".", "other_config:dpdk-init=true",
                    "other_config:dpdk-extra=--in-memory --no-pci --no-telemetry",
                    f"other_config:dpdk-lcore-mask={1 << GENERATOR_CPU:#x}",
                    f"other_config:pmd-cpu-mask={1 << SWITCH_CPU:#x}", *self.settings)
        environment = [f"{key}={value}" for key, value in self._environment.items()]
        self.switch = self.run.spawn_bench(
            ["env", *environment, VSWITCHD, f"unix:{self.directory}/db.sock", f"--unixctl={self._control}"],
            self.directory / "switch.log", self.namespace)
        wait_until(self._is_up, 30, "ovs-vswitchd")
        self._add_bridges()
        self._add_rules()

    # --- starting --------------------------------------------------------------------------

    @property
    def _control(self):
        return self.directory / "vswitchd.ctl"

    def _start_database(self):
        database = self.directory / "conf.db"
        run("ovsdb-tool", "create", database, SCHEMA)
        self.database = self.run.spawn_bench(
            ["ovsdb-server", database, f"--remote=punix:{self.directory}/db.sock",
             f"--unixctl={self.directory}/ovsdb.ctl"], self.directory / "ovsdb.log")
        wait_until((self.directory / "db.sock").exists, 10, "ovsdb-server")

    def _vsctl(self, *arguments):
        return run("ovs-vsctl", f"--db=unix:{self.directory}/db.sock", "--timeout=30", *arguments, timeout=40).stdout

    def appctl(self, *arguments):
        return run("ovs-appctl", "-t", self._control, *arguments).stdout

    def _is_up(self):
        if self.switch.poll() is not None:
            raise CommandFailed(f"ovs-vswitchd ended with {self.switch.returncode}: {self.switch_log()[-800:]}")
        return self._control.exists() and "true" in self._vsctl("get", "Open_vSwitch", ".", "dpdk_initialized")

    def _add_port(self, bridge, name, socket):
        self._vsctl("add-port", bridge, name, "--", "set", "Interface", name, "type=dpdkvhostuserclient",
                    f"options:vhost-server-path={socket}")

    def _add_bridge(self, name, *settings):
        self._vsctl("add-br", name, "--", "set", "bridge", name, "datapath_type=netdev", *settings)

    def _add_bridges(self):
        self._add_bridge("br-int")
        self._add_port("br-int", "guest", self.guest_socket)
        if not self.is_tunnelled:
            self._add_port("br-int", "wire", self.wire_socket)
            return
        self._add_bridge("br-phy", f"other-config:hwaddr={self.vtep_mac()}")
        self._add_uplink()
        ip("addr", "add", f"{self.vtep}/24", "dev", "br-phy", namespace=self.namespace)
        ip("link", "set", "br-phy", "up", namespace=self.namespace)
        self._vsctl("add-port", "br-int", "wire", "--", "set", "Interface", "wire", "type=vxlan",
                    f"options:remote_ip={self.peer}", f"options:local_ip={self.vtep}",
                    f"options:key={network.VNI}")
        self.appctl("tnl/arp/set", "br-phy", self.peer, self.peer_mac)

    def _add_uplink(self):
        self._add_port("br-phy", "uplink", self.wire_socket)

    def _add_rules(self):
        """As a security group is usually written: what the guest begins, and a few ports in."""
        for mac in self.far_macs:
            self.appctl("fdb/add", "br-int", "wire", "0", mac)
        self.appctl("fdb/add", "br-int", "guest", "0", self.guest_mac)
        if not self.tracks:
            return
        self.appctl("dpctl/ct-set-maxconns", str(MOST_CONNECTIONS))
        flows = ["table=0,priority=10,arp,actions=NORMAL"]
        for family in ("ip", "ipv6"):
            flows += [f"table=0,priority=10,{family},ct_state=-trk,actions=ct(table=1,zone=1)",
                      f"table=1,priority=20,{family},ct_state=+trk+est,actions=NORMAL",
                      f"table=1,priority=20,{family},ct_state=+trk+rel,actions=NORMAL",
                      f"table=1,priority=10,{family},ct_state=+trk+new,in_port=guest,"
                      "actions=ct(commit,zone=1),NORMAL"]
        for family in ("tcp", "tcp6"):
            flows += [f"table=1,priority=10,{family},ct_state=+trk+new,in_port=wire,tp_dst={port},"
                      "actions=ct(commit,zone=1),NORMAL" for port in ALLOWED_PORTS]
        flows += [f"table=1,priority=10,{protocol},ct_state=+trk+new,in_port=wire,actions=ct(commit,zone=1),NORMAL"
                  for protocol in ("icmp", "icmp6")]
        flows += ["table=0,priority=0,actions=drop", "table=1,priority=0,actions=drop"]
        bridge = f"unix:{self.directory}/br-int.mgmt"
        run("ovs-ofctl", "-O", "OpenFlow14", "--names", "--bundle", "replace-flows", bridge, "-",
            text_in="\n".join(flows))

    # --- what it says ----------------------------------------------------------------------

    def vtep_mac(self):
        return self.own_mac

    def connections(self):
        return int(self.appctl("dpctl/ct-get-nconns"))

    def drops(self):
        ports = self.appctl("dpctl/show", "-s")
        drops = {"port": sum(map(int, re.findall(r"TX packets:.*? dropped:(\d+)", ports)))}
        drops["lost"] = sum(map(int, re.findall(r"lost:(\d+)", ports)))
        for name, count in re.findall(r"^(\S*drop\S*) .*total: (\d+)", self.appctl("coverage/show"), re.M):
            drops[name] = int(count)
        return drops

    def stop(self):
        super().stop()
        if getattr(self, "database", None) and self.database.poll() is None:
            self.database.terminate()
            self.database.wait(10)


class OvsL2(OvsRig):
    name = "ovs-l2"


class OvsConntrack(OvsRig):
    name = "ovs-conntrack"
    tracks = True


class OvsVxlan(OvsRig):
    name = "ovs-vxlan"
    is_tunnelled = True


class OvsChain(OvsRig):
    name = "ovs"
    tracks = True
    is_tunnelled = True

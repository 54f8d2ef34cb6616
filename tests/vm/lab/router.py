# SPDX-License-Identifier: Apache-2.0
"""The external network: a Linux router behind a kernel vxlan device, as the gateway of one tenant,
and an "outside" namespace behind it. The kernel's vxlan is also our interop peer."""

import ipaddress

from .shell import CommandFailed, ip, run
from .wait import wait_until

OUTSIDE = "198.51.100.10"
OUTSIDE6 = "2001:db8:51::10"


class Router:
    def __init__(self, run_directory, underlay, address, vni, gateways, peers, name="router"):
        """`address`: VTEP with prefix; `gateways`: the tenant's gateway addresses with prefixes;
        `peers`: the VTEPs of the hosts, for flooding (MACs are learnt from what arrives)."""
        self.address = str(ipaddress.ip_interface(address).ip)
        self.namespace = run_directory.make_namespace(name)
        self.outside = run_directory.make_namespace(f"{name}-outside")
        self.www = run_directory.make_directory(f"{name}-www")
        self._run = run_directory
        for setting in ("net.ipv4.ip_forward=1", "net.ipv6.conf.all.forwarding=1",
                        "net.ipv4.conf.all.rp_filter=0"):
            run("sysctl", "-qw", setting, namespace=self.namespace)
        self._join_underlay(underlay, address)
        self._make_gateway(vni, gateways, peers, underlay.mtu)
        self._make_outside()

    def _join_underlay(self, underlay, address):
        self._uplink = underlay.attach(self.namespace)
        self._add_address(self.namespace, self._uplink, address)

    def _make_gateway(self, vni, gateways, peers, underlay_mtu):
        # Over IPv6 a sender may leave the outer UDP checksum zero (RFC 6935); the kernel must be told.
        overhead, options = (70, ["udp6zerocsumrx"]) if ":" in self.address else (50, [])
        ip("link", "add", "vx0", "type", "vxlan", "id", str(vni), "dstport", "4789", "local", self.address,
           "dev", self._uplink, *options, namespace=self.namespace)
        run("ethtool", "-K", "vx0", "tx", "off", "tso", "off", "gso", "off", namespace=self.namespace)
        ip("link", "set", "vx0", "mtu", str(min(1500, underlay_mtu - overhead)), "up", namespace=self.namespace)
        for gateway in gateways:
            self._add_address(self.namespace, "vx0", gateway)
        for peer in peers:
            run("bridge", "fdb", "append", "00:00:00:00:00:00", "dev", "vx0", "dst", peer,
                namespace=self.namespace)

    def _make_outside(self):
        ip("link", "add", "out0", "type", "veth", "peer", "name", "eth0", "netns", self.outside,
           namespace=self.namespace)
        for namespace, interface, last in ((self.namespace, "out0", "1"), (self.outside, "eth0", "10")):
            run("ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off", namespace=namespace)
            ip("link", "set", interface, "up", namespace=namespace)
            self._add_address(namespace, interface, f"198.51.100.{last}/24")
            self._add_address(namespace, interface, f"2001:db8:51::{last}/64")
        ip("route", "add", "default", "via", "198.51.100.1", namespace=self.outside)
        ip("-6", "route", "add", "default", "via", "2001:db8:51::1", namespace=self.outside)

    @staticmethod
    def _add_address(namespace, interface, address):
        ip("addr", "add", address, "dev", interface, *(["nodad"] if ":" in address else []), namespace=namespace)

    def serve_outside(self, port=80):
        """A web server at OUTSIDE whose page says "outside"."""
        (self.www / "index.html").write_text("outside\n")
        self._run.spawn(["busybox", "httpd", "-f", "-p", port, "-h", self.www], self.www / "httpd.log",
                        self.outside)
        wait_until(lambda: f":{port} " in run("ss", "-Hltn", namespace=self.outside).stdout, 10,
                   "the web server outside to listen")

    def ping_from_outside(self, address):
        return run("busybox", "ping", "-c", 1, "-W", 2, address, namespace=self.outside, check=False).ok

    def fetch_from_outside(self, address, port, wait=3):
        """The page of a guest, seen from outside, or None."""
        host = f"[{address}]" if ":" in address else address
        try:
            answer = run("timeout", wait, "busybox", "wget", "-q", "-O", "-", f"http://{host}:{port}/",
                         namespace=self.outside, check=False)
        except CommandFailed:
            return None
        return answer.stdout.strip() if answer.ok else None

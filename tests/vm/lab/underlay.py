# SPDX-License-Identifier: Apache-2.0
"""The underlay: a Linux bridge in a namespace of its own; every host and router gets a veth to it.
All MTUs are set by the lab: an underlay too small for the guests is one of the tests."""

from .shell import ip, run


class Underlay:
    def __init__(self, run_directory, mtu=1600, name="underlay"):
        self.mtu = mtu
        self.namespace = run_directory.make_namespace(name)
        self._ports = 0
        # Snooping off: the uplinks are no IGMP/MLD members, their ND multicast must reach all.
        ip("link", "add", "br0", "type", "bridge", "mcast_snooping", "0", namespace=self.namespace)
        ip("link", "set", "br0", "mtu", str(mtu), "up", namespace=self.namespace)

    def attach(self, namespace, interface="up0"):
        """Gives `namespace` an interface on the underlay; returns its name."""
        port = f"port{self._ports}"
        self._ports += 1
        ip("link", "add", port, "mtu", str(self.mtu), "type", "veth", "peer", "name", interface,
           "mtu", str(self.mtu), "netns", namespace, namespace=self.namespace)
        ip("link", "set", port, "master", "br0", "up", namespace=self.namespace)
        # A veth hands over frames whose checksums were never finished, unless told not to.
        run("ethtool", "-K", interface, "tx", "off", "tso", "off", "gso", "off", namespace=namespace)
        ip("link", "set", interface, "up", namespace=namespace)
        return interface

# SPDX-License-Identifier: Apache-2.0
"""A tap nic whose kernel interface lives in a namespace of its own: a guest without QEMU."""

from .endpoint import Endpoint
from .shell import ip


class TapGuest(Endpoint):
    def __init__(self, run_directory, host, name, vni, mac, addresses, groups=(), options=(), mtu=1500):
        """`addresses` are "A/N". The nic is made, its interface set up and moved away from the host."""
        super().__init__(run_directory, name, run_directory.make_namespace(f"tap-{name}"))
        self.host = host
        self.mac = mac
        self.addresses = [address.split("/")[0] for address in addresses]
        words = ["nic", "add", "--id", name, "--mac", mac, "--vni", vni, "--type", "tap", "--tap-name", name]
        for address in self.addresses:
            words += ["--ip", address]
        for group in groups:
            words += ["--sg", group]
        host.must(*words, *options)
        ip("link", "set", name, "netns", self.namespace, namespace=host.namespace)
        ip("link", "set", name, "address", mac, "mtu", str(mtu), "up", namespace=self.namespace)
        for address in addresses:
            ip("addr", "add", address, "dev", name, "nodad", namespace=self.namespace)

# SPDX-License-Identifier: Apache-2.0
"""A switch between a host and the underlay that the host is tied to by several links, one aggregate by
LACP. To its host it is the underlay."""

import json
import pathlib
import sys

from .shell import ip, run
from .wait import wait_until

SWITCH = pathlib.Path(__file__).with_name("lacp_switch.py")
IN_USE = 0x3f  # active, short timeout, aggregation, in sync, collecting, distributing


class Aggregate:
    def __init__(self, run_directory, underlay, links=2, name="switch"):
        self._run = run_directory
        self._mtu = underlay.mtu
        self._state = run_directory.make_directory(name) / "state.json"
        self.namespace = run_directory.make_namespace(name)
        self.links = [f"up{number}" for number in range(links)]  # as the host calls them
        # Nothing of the kernel's own on links that only the switch speaks on.
        run("sysctl", "-qw", "net.ipv6.conf.default.disable_ipv6=1", namespace=self.namespace)
        underlay.attach(self.namespace, "network")

    def attach(self, namespace):
        """Ties `namespace` to it; returns the first link's name there, and begins to speak."""
        for link in self.links:
            ip("link", "add", f"to-{link}", "mtu", str(self._mtu), "type", "veth", "peer", "name", link,
               "mtu", str(self._mtu), "netns", namespace, namespace=self.namespace)
            ip("link", "set", f"to-{link}", "up", namespace=self.namespace)
            ip("link", "set", link, "up", namespace=namespace)
        command = [sys.executable, SWITCH, self._state, "network", *(f"to-{link}" for link in self.links)]
        self._run.spawn(command, self._state.with_suffix(".log"), self.namespace)
        return self.links[0]

    def state(self):
        """By link; see lacp_switch.py."""
        wait_until(self._state.exists, 10, "the switch to say something")
        told = json.loads(self._state.read_text())
        return {link: told[f"to-{link}"] for link in self.links}

    def wait_agreed(self, links, timeout=20):
        """Until exactly these are in use, at both ends."""
        def is_agreed():
            state = self.state()
            in_use = [link for link in self.links if state[link]["in_use"] and state[link]["partner"] == IN_USE]
            return in_use == list(links)
        wait_until(is_agreed, timeout, f"the switch and its host to agree on {links}: {self.state()}")

    def set_cable(self, link, is_in):
        ip("link", "set", f"to-{link}", "up" if is_in else "down", namespace=self.namespace)

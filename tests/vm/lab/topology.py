# SPDX-License-Identifier: Apache-2.0
"""A lab as tests and demo see it: an underlay, hosts, guests and routers by name, made step by step.
Leaving the `with` block removes everything, however it is left."""

import pathlib

from image.build import DEFAULT_CACHE, build_image

from .accelerator import choose_accelerator
from .guest import Guest
from .host import Host
from .preflight import check_machine, set_up_hugepages
from .router import Router
from .run_directory import RunDirectory
from .underlay import Underlay


def mac_of(vni, number):
    """A MAC that tells tenant and guest in any dump."""
    return f"52:54:00:{vni >> 8 & 255:02x}:{vni & 255:02x}:{number:02x}"


class Lab:
    def __init__(self, binaries, image_cache=DEFAULT_CACHE, say=print):
        """Raises NotReady or ImageError when the machine lacks something; nothing is made yet."""
        self.binaries = pathlib.Path(binaries).resolve()
        check_machine(self.binaries)
        self._image = build_image(image_cache, say)
        self._say = say
        self.hosts = {}
        self.guests = {}
        self.underlay = None

    def __enter__(self):
        self.run = RunDirectory()
        self.run.__enter__()
        try:
            set_up_hugepages(self.run, self._say)
            self.accelerator = choose_accelerator(self.run, self._image, self._say)
        except BaseException:
            self.run.__exit__()
            raise
        return self

    def __exit__(self, *error):
        self.run.__exit__(*error)

    def make_underlay(self, mtu=1600):
        self.underlay = Underlay(self.run, mtu)

    def add_hosts(self, **addresses):
        """add_hosts(a="192.0.2.1/24", ...): makes the hosts, starts their daemons, waits for all APIs."""
        made = []
        for number, (name, address) in enumerate(addresses.items()):
            host = Host(self.run, name, self.binaries, self.underlay, address, lcore=number % 2)
            self.hosts[name] = host
            made.append(host.start())
        for host in made:
            host.wait_ready()
        return made

    def join_peers(self, *vnis, others=()):
        """Every host learns of every other (and of VTEPs `others`) as a peer for these segments."""
        words = [word for vni in vnis for word in ("--vni", vni)]
        for host in self.hosts.values():
            for address in [peer.address for peer in self.hosts.values()] + list(others):
                if address != host.address:
                    host.must("peer", "add", "--ip", address, *words)

    def add_guest(self, host, name, vni, mac, addresses, groups=(), mtu=1500, gateways=(), options=(), device=""):
        """Adds the nic and starts the guest; `wait_guests` waits for those started."""
        nic = self.hosts[host].add_nic(name, vni, mac, addresses, groups, mtu, gateways, options)
        nic.device = device
        self.guests[name] = Guest(self.run, name, self._image, self.accelerator, nic).start()
        return self.guests[name]

    def wait_guests(self):
        for guest in self.guests.values():
            guest.wait_hello()

    def add_router(self, address, vni, gateways):
        peers = [host.address for host in self.hosts.values()]
        return Router(self.run, self.underlay, address, vni, gateways, peers)

# SPDX-License-Identifier: Apache-2.0
"""What the tests with real tools share: one tenant on two hosts, and a kernel's router behind the tunnel.

      server  near  shut          far  mallory         router ── outside
         └─────┼─────┘             └──┬──┘               │    MTU 1300 towards there
             host a ════ VXLAN ═══ host b ═══ VXLAN ═════╛
             2 lcores             1 lcore         (a kernel's vxlan)
"""

import collections
import concurrent.futures
import contextlib

from .client import Client
from .host import Host
from .shell import ip, run
from .topology import mac_of
from .wait import wait_until

VNI = 100
GATEWAYS = ("10.0.0.254/24", "fd00::fe/64")
NARROW = 1300
NUMBERS = {"server": 1, "near": 2, "far": 3, "shut": 4, "mallory": 66, "twin": 70, "other": 71, "first": 72, "second": 73}


def pair_of(name):
    """Its two addresses."""
    return f"10.0.0.{NUMBERS[name]}", f"fd00::{NUMBERS[name]:x}"


class ClientWorld:
    def __init__(self, lab, groups):
        """`groups`: {name of a group: its rules}; a nic is in those that `join` says."""
        self.lab = lab
        self.clients = {}
        lab.make_underlay()
        for number, (name, lcores) in enumerate((("a", "0, 1"), ("b", "1")), 1):
            lab.hosts[name] = Host(lab.run, name, lab.binaries, lab.underlay, f"192.0.2.{number}/24",
                                   lcore=lcores).start()
        for host in lab.hosts.values():
            host.wait_ready()
            for group, rules in groups.items():
                host.add_group(group, *rules)
        self.router = lab.add_router("192.0.2.9/24", VNI, GATEWAYS)
        # By its routes: an interface with a small MTU would also lose what comes in.
        for route in ("198.51.100.0/24 dev out0", "2001:db8:51::/64 dev out0 metric 256"):
            ip("route", "replace", *route.split(), "mtu", "lock", NARROW, namespace=self.router.namespace)
        lab.join_peers(VNI, others=[self.router.address])

    def join(self, host, name, *groups, options=()):
        """A guest with everything set up, and a default route."""
        number = NUMBERS[name]
        client = Client(self.lab.run, self.lab.hosts[host], name, VNI, mac_of(VNI, number),
                        [f"10.0.0.{number}/24", f"fd00::{number:x}/64"], groups, options)
        for family, gateway in (("-4", GATEWAYS[0]), ("-6", GATEWAYS[1])):
            ip(family, "route", "add", "default", "via", gateway.split("/")[0], namespace=client.namespace)
        # What an honest host says to scanners is limited to one a second otherwise.
        for setting in ("net.ipv4.icmp_ratelimit=0", "net.ipv6.icmp.ratelimit=0", "net.ipv4.tcp_fastopen=3"):
            run("sysctl", "-qw", setting, namespace=client.namespace)
        self.clients[name] = client
        return client

    def __getattr__(self, name):
        """world.near is the client near."""
        if name in self.__dict__.get("clients", ()):
            return self.clients[name]
        raise AttributeError(name)

    def hosts(self):
        return self.lab.hosts.values()

    def drops(self):
        """{"brick/out": packets}, both hosts together."""
        return sum((collections.Counter(host.drops()) for host in self.hosts()), collections.Counter())

    @contextlib.contextmanager
    def dropping(self, *names, at_least=1):
        """What is done within is refused by each of these names, at least so many times."""
        before = self.drops()
        yield
        for name in names:
            wait_until(lambda n=name: self.drops()[n] >= before[n] + at_least, 20,
                       f"{at_least} of {name} to be dropped beyond {before[name]}; now {dict(self.drops())}")


def at_once(jobs, width=8):
    """{name: job()} of several at a time: tools mostly wait."""
    with concurrent.futures.ThreadPoolExecutor(width) as pool:
        running = {name: pool.submit(job) for name, job in jobs.items()}
        return {name: job.result() for name, job in running.items()}

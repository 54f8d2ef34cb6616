# SPDX-License-Identifier: Apache-2.0
"""What is measured: cells, each with arms that are run in turn (A B C A B C ...), so that what they
are compared by was taken within a second or two. The first arm is Butterfly's."""

import dataclasses


@dataclasses.dataclass(frozen=True)
class Arm:
    """One thing to run: a rig, and the traffic through it."""
    rig: str
    flows: int = 1
    size: str = "64"
    family: int = 4
    ends: str = "guest"  # guest: one way, from the guest to the wire; wire: the other way; both
    load: int = 0  # of latency arms: percent of the reference's full load
    reference: str = ""  # of latency arms: whose full load; empty: its own
    rate: int = 0  # of latency arms: packets a second, instead of a load

    @property
    def name(self):
        words = [self.rig, f"{self.flows}", self.size, f"v{self.family}", self.ends]
        words += [f"{self.load}%{self.reference}"] if self.load else []
        words += [f"{self.rate}pps"] if self.rate else []
        return "/".join(words)


@dataclasses.dataclass(frozen=True)
class Cell:
    name: str
    arms: tuple
    kind: str = "stream"  # or "new" (connections a second), "latency"
    title: str = ""


CHAIN = ("butterfly", "testpmd", "ovs")
EVERY = ("butterfly", "ovs", "butterfly-local", "ovs-conntrack", "ovs-l2", "ovs-vxlan", "testpmd")
FLOWS = (1, 100, 10_000, 100_000, 1_000_000)
SIZES = ("64", "imix", "1450")
# Rigs with room for no more than this many flows of each family, and what takes their place.
MOST_FLOWS = 100_000
LARGE = {"butterfly": "butterfly-large"}
ENDS = {"guest": "guest to wire", "both": "both ways", "wire": "wire to guest"}


def count_of(flows):
    return "1 flow" if flows == 1 else f"{flows:,} flows"


def stream(name, rigs, title="", **traffic):
    """A million flows need a table made for them."""
    is_large = traffic["flows"] > MOST_FLOWS
    names = [LARGE.get(rig, rig) if is_large else rig for rig in rigs]
    return Cell(name, tuple(Arm(rig, **traffic) for rig in names), title=title)


def new_connections(name, family):
    return Cell(name, (Arm("butterfly-large", family=family), Arm("ovs", family=family)), "new",
                f"New connections, IPv{family}")


def latency(percent):
    """Each at a share of what it takes at full load; testpmd also at Butterfly's, to compare with."""
    arms = [Arm(rig, flows=100, load=percent) for rig in CHAIN]
    arms.append(Arm("testpmd", flows=100, load=percent, reference="butterfly"))
    return Cell(f"latency-{percent}", tuple(arms), "latency")


def headline(quick=False):
    """The figures that the project is held to, in the order in which they matter."""
    cells = [
        stream("chain-100k", CHAIN, count_of(100_000), flows=100_000),
        stream("chain-1", CHAIN, count_of(1), flows=1),
        stream("chain-10k", CHAIN, count_of(10_000), flows=10_000),
        new_connections("new", 4),
        Cell("ipv6-100k", (Arm("butterfly", flows=100_000, family=6), Arm("butterfly", flows=100_000))),
        latency(50),
    ]
    return cells if quick else cells + [latency(10), latency(90)]


def matrix():
    """Every size, family, direction and number of flows through every rig, and the kernel apart."""
    # First what fills tables only for a while.
    cells = [new_connections("new-v6", 6)]
    for family in (4, 6):
        for size in SIZES:
            for ends in ("guest", "both"):
                for flows in FLOWS:
                    title = f"IPv{family}, {size}, {ENDS[ends]}, {count_of(flows)}"
                    cells.append(stream(f"v{family}-{size}-{ends}-{flows}", EVERY, title, flows=flows, size=size,
                                        family=family, ends=ends))
    for flows in FLOWS:
        cells.append(stream(f"v4-64-wire-{flows}", CHAIN, f"IPv4, 64, {ENDS['wire']}, {count_of(flows)}", flows=flows,
                            ends="wire"))
    for flows in (1, 10_000):
        for size in SIZES:
            cells.append(stream(f"kernel-{size}-{flows}", ("kernel",), f"The kernel, {size}, {count_of(flows)}",
                                flows=flows, size=size))
    return cells


# Figure in latest.json -> (cell, arm, other arm) by their places.
HEADLINE_RATIOS = {
    "chain_1_vs_testpmd": ("chain-1", 0, 1),
    "chain_100k_vs_testpmd": ("chain-100k", 0, 1),
    "chain_1_vs_ovs": ("chain-1", 0, 2),
    "chain_10k_vs_ovs": ("chain-10k", 0, 2),
    "chain_100k_vs_ovs": ("chain-100k", 0, 2),
    "newconn_vs_ovs": ("new", 0, 1),
    "ipv6_vs_ipv4_100k": ("ipv6-100k", 0, 1),
}

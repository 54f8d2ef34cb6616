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
    ends: str = "guest"  # guest: one way, from the guest to the wire
    load: int = 0  # of latency arms: percent of the reference rate
    reference: str = ""  # of latency arms: whose rate that is; empty: its own

    @property
    def name(self):
        words = [self.rig, f"{self.flows}", self.size, f"v{self.family}", self.ends]
        return "/".join(words + ([f"{self.load}%{self.reference}"] if self.load else []))


@dataclasses.dataclass(frozen=True)
class Cell:
    name: str
    arms: tuple
    kind: str = "stream"  # or "new" (connections a second), "latency"


CHAIN = ("butterfly", "testpmd", "ovs")


def stream(name, rigs, **traffic):
    return Cell(name, tuple(Arm(rig, **traffic) for rig in rigs))


def headline():
    """The figures that the project is held to."""
    return [
        stream("chain-1", CHAIN, flows=1),
        stream("chain-10k", ("butterfly", "ovs"), flows=10_000),
        stream("chain-100k", CHAIN, flows=100_000),
        Cell("new", (Arm("butterfly"), Arm("ovs")), "new"),
        Cell("ipv6-100k", (Arm("butterfly", flows=100_000, family=6), Arm("butterfly", flows=100_000))),
        Cell("latency-50", (Arm("butterfly", flows=100, load=50), Arm("testpmd", flows=100, load=50, reference="butterfly"),
                            Arm("ovs", flows=100, load=50)), "latency"),
    ]


# Figure in latest.json -> (cell, arm, other arm) by their places.
HEADLINE_RATIOS = {
    "chain_1_vs_testpmd": ("chain-1", 0, 1),
    "chain_1_vs_ovs": ("chain-1", 0, 2),
    "chain_10k_vs_ovs": ("chain-10k", 0, 1),
    "chain_100k_vs_testpmd": ("chain-100k", 0, 1),
    "chain_100k_vs_ovs": ("chain-100k", 0, 2),
    "newconn_vs_ovs": ("new", 0, 1),
    "ipv6_vs_ipv4_100k": ("ipv6-100k", 0, 1),
}

# SPDX-License-Identifier: Apache-2.0
"""What a connection costs in memory: what the process has touched, hugepages included, with a
million connections open and without, divided by a million."""

from .butterfly_rig import ButterflyRig
from .ovs_rig import OvsChain

CONNECTIONS = 1_000_000


class EmptyButterfly(ButterflyRig):
    """Its table is allocated at the start, so it has to be compared with one that has none."""
    name = "butterfly-empty"
    flows = 1024


class FullButterfly(ButterflyRig):
    """The last eighth of a table is shared among all nics: one alone does not get all of it."""
    name = "butterfly-full"
    flows = CONNECTIONS * 6 // 5


# A hash table that is full to the last entry may refuse a few.
LEAST_SHARE = 0.999


def touched(rig, family, opens):
    """(bytes with one connection, bytes with a million more, how many more) of a rig that is started
    and stopped for it; without `opens` only the first."""
    try:
        rig.start()
        rig.open(1, family)  # the first packet touches much that has nothing to do with connections
        before = rig.memory()
        if not opens:
            return before, before, 0
        opened = rig.open(CONNECTIONS, family, LEAST_SHARE)
        return before, rig.memory(), opened
    finally:
        rig.stop()


def measure(run, machine, binaries, family):
    """{rig: {"idle": bytes, "full": bytes, "each": bytes a connection}}."""
    machine.need_hugepages(OvsChain.hugepages)
    idle, _, _ = touched(EmptyButterfly(run, binaries), family, opens=False)
    _, full, _ = touched(FullButterfly(run, binaries), family, opens=True)
    ovs_idle, ovs_full, ovs_opened = touched(OvsChain(run, binaries), family, opens=True)
    # What is allocated at the start is paid for whether or not it is used.
    each = (full - idle) / FullButterfly.flows
    return {"butterfly": {"idle": idle, "full": full, "each": each},
            "ovs": {"idle": ovs_idle, "full": ovs_full, "each": (ovs_full - ovs_idle) / ovs_opened}}

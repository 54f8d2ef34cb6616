# SPDX-License-Identifier: Apache-2.0
"""Rounds of all cells: within a cell the switches take turns, so that runs to be compared lie seconds
apart."""

import dataclasses
import os
import time

from peers import figures

from .transfer import transfer

PATIENCE_SECONDS = 2.0  # in which the CPUs may come near


@dataclasses.dataclass(frozen=True)
class Cell:
    streams: int
    back: bool
    family: int = 0  # 0: nobody asks, it is 4

    @property
    def name(self):
        name = f"{self.streams}-{'back' if self.back else 'out'}"
        return f"{name}-{self.family}" if self.family else name

    @property
    def title(self):
        title = f"{self.streams} stream{'s' if self.streams > 1 else ''}, "
        if self.family:
            return title + f"IPv{self.family}"
        return title + ("far to near" if self.back else "near to far")


@dataclasses.dataclass(frozen=True)
class Effort:
    cells: tuple
    seconds: int  # of one run, without its warm-up
    rounds: int = 3
    most_rounds: int = 6  # while there is time
    total_seconds: float = 660.0


CELLS = tuple(Cell(streams, back) for streams in (1, 4) for back in (False, True))
FULL = Effort(CELLS, 5)
QUICK = Effort((CELLS[0], CELLS[3]), 3, most_rounds=3)
# Both hosts are alike: one direction is enough.
FAR_CELLS = tuple(Cell(streams, False, 4) for streams in (1, 4))
FULL_FAR = Effort(FAR_CELLS, 5, rounds=4)
QUICK_FAR = Effort(FAR_CELLS, 3, rounds=2, most_rounds=2)


def effort_of(is_far, is_quick):
    if is_far:
        return QUICK_FAR if is_quick else FULL_FAR
    return QUICK if is_quick else FULL


def run_rounds(effort, pairs, machine, journal, say):
    """`pairs` by the switch's name, all paused. At least effort.rounds rounds; whole ones only."""
    deadline, longest = time.monotonic() + effort.total_seconds, 0.0
    for number in range(effort.most_rounds):
        began = time.monotonic()
        if number >= effort.rounds and began + longest > deadline:
            return
        for cell in effort.cells:
            run_cell(cell, number, effort.seconds, pairs, machine, journal, say)
        longest = max(longest, time.monotonic() - began)


def run_cell(cell, number, seconds, pairs, machine, journal, say):
    line = machine.wait_near(PATIENCE_SECONDS)
    names = list(pairs)
    turn = number % len(names)  # nobody is always the first
    for name in names[turn:] + names[:turn]:
        run = {"cell": cell.name, "round": number, "arm": name,
               **run_pair(cell, seconds, pairs[name], machine), "near_before": line, "near_after": machine.line_ns()}
        line = run["near_after"]
        journal.add_run(run)
        say(describe(run, cell))


def run_pair(cell, seconds, pair, machine):
    pair.resume()
    stolen, began = machine.stolen_ticks(), time.monotonic()
    try:
        run = transfer(pair, seconds, cell.streams, cell.back, cell.family or 4)
        took = time.monotonic() - began
        ticks = max(machine.stolen_ticks() - stolen - 1, 0)  # one may have begun long before
    finally:
        pair.pause()
    return {**run, "stolen": ticks / os.sysconf("SC_CLK_TCK") / took / 2, "load": os.getloadavg()[0]}


def describe(run, cell):
    doubt = "" if figures.is_accepted(run) else "  (far or disturbed)"
    return (f"  {run['round'] + 1}. {cell.title}, {run['arm']}: {run['value']:.2f} Gbit/s, {run['retransmits']} "
            f"retransmits, {run['bytes_a_packet']:.0f} bytes a packet, switch {run['cpu'][0]:.0%} of a CPU{doubt}")

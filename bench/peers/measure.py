# SPDX-License-Identifier: Apache-2.0
"""Runs a cell: its arms in turn, a placement check between any two, until enough rounds are near and
undisturbed. Rigs are frozen but for the one whose turn it is."""

import dataclasses
import os
import time

from . import figures


@dataclasses.dataclass
class Effort:
    """How much to put into a cell."""
    rounds: int = 9  # near ones that are wanted
    most_rounds: int = 30
    milliseconds: int = 500  # of one run's windows
    new_connections: int = 200_000  # of one run
    patience: float = 15.0  # seconds to wait for near CPUs, before each round
    cell_seconds: float = 240.0


class Bench:
    def __init__(self, machine, rigs, journal, effort, say):
        """`rigs` by name, started and frozen."""
        self._machine = machine
        self._rigs = rigs
        self._journal = journal
        self._effort = effort
        self._say = say

    def run_cell(self, cell):
        """Measures what the journal does not hold yet."""
        names = [arm.name for arm in cell.arms]
        runs = self._journal.of_cell(cell.name)
        if figures.has_enough(runs, names, self._effort.rounds):
            return runs
        self._prepare(cell)
        first = max((run["round"] for run in runs), default=-1) + 1
        deadline = time.monotonic() + self._effort.cell_seconds
        for number in range(first, self._effort.most_rounds):
            if figures.has_enough(runs, names, self._effort.rounds) or time.monotonic() > deadline:
                break
            line = self._machine.wait_near(self._effort.patience)
            for arm in cell.arms:
                run = self._run_arm(cell, arm, number, line)
                line = run["near_after"]
                self._journal.add_run(run)
                runs.append(run)
        return runs

    def _run_arm(self, cell, arm, number, line):
        rig = self._rigs[arm.rig]
        stolen = self._machine.stolen_ticks()
        began = time.monotonic()
        rig.thaw()
        try:
            answer = self._traffic(cell, arm, rig)
        finally:
            rig.freeze()
        seconds = time.monotonic() - began
        ticks = self._machine.stolen_ticks() - stolen
        run = {"cell": cell.name, "round": number, "arm": arm.name, "value": 0.0, **answer,
               "near_before": line, "near_after": self._machine.line_ns(),
               "stolen": ticks / os.sysconf("SC_CLK_TCK") / seconds / 2}
        self._warn(run)
        return run

    def _traffic(self, cell, arm, rig):
        if cell.kind == "new":
            answer = rig.new_connections(self._effort.new_connections, arm.family)
            return {**answer, "windows_pps": [], "value": answer["arrived"] / answer["seconds"]}
        options = {"ms": self._effort.milliseconds}
        if cell.kind == "latency":
            options.update(rate=self._rate(arm), latency=1, ms=2 * self._effort.milliseconds)
        answer = rig.stream(arm.flows, arm.size, arm.family, arm.ends, **options)
        if cell.kind == "latency":
            return {**answer, "value": answer["latency_ns"]["p50"], "rate": options["rate"]}
        return {**answer, "value": figures.median(answer["windows_pps"])}

    def _prepare(self, cell):
        """Flows opened and rates known before the first round, so that nothing comes between arms."""
        for arm in cell.arms:
            if cell.kind == "new":
                continue
            rig = self._rigs[arm.rig]
            rig.thaw()
            rig.open(arm.flows, arm.family)
            rig.freeze()
        for arm in cell.arms:
            if cell.kind == "latency" and self._journal.find_fact("full load", reference_of(arm).name) is None:
                self._journal.add_fact("full load", reference_of(arm).name, self._full_load(reference_of(arm)))

    def _full_load(self, arm):
        """Packets a second at full load, the median of a few runs."""
        rig = self._rigs[arm.rig]
        rates = []
        for _ in range(3):
            self._machine.wait_near(self._effort.patience)
            rig.thaw()
            answer = rig.stream(arm.flows, arm.size, arm.family, arm.ends, ms=self._effort.milliseconds)
            rig.freeze()
            rates.append(figures.median(answer["windows_pps"]))
        return figures.median(rates)

    def _rate(self, arm):
        """Packets a second of a latency arm: a share of what its reference takes at full load."""
        return max(1000, int(self._journal.find_fact("full load", reference_of(arm).name) * arm.load / 100))

    def _warn(self, run):
        if run["unread"]:
            self._say(f"    {run['arm']}: {run['unread']} frames were not what was sent: {run.get('example', '')}")
        if run["sent"] > 1.2 * max(run["arrived"], 1):
            self._say(f"    {run['arm']}: only {run['arrived']} of {run['sent']} frames arrived")


def reference_of(arm):
    """The arm at full load from whose rate a latency arm's load is taken."""
    return dataclasses.replace(arm, rig=arm.reference or arm.rig, load=0, reference="")

# SPDX-License-Identifier: Apache-2.0
"""Runs a cell: its arms in turn, a placement check between any two, until enough rounds are near and
undisturbed. Rigs are frozen but for the one whose turn it is."""

import collections
import dataclasses
import os
import time

from . import figures

PATIENCE_SECONDS = 3.0  # in which the CPUs may come near
SETTLE_SECONDS = 0.02  # for a thawed switch to have its CPU
LEAST_SAMPLES = 300  # of a latency run, however few packets a second
TIMEOUT_SECONDS = 90.0  # for unanswered connections to time out: 30 in both switches, and the sweeping

@dataclasses.dataclass
class Effort:
    """How much to put into a cell."""
    rounds: int = 9  # near and undisturbed ones that are wanted
    least_rounds: int = 3  # made even if the CPUs never come near
    most_rounds: int = 20  # of a session, those that do not count included
    milliseconds: int = 500  # of one run's windows
    new_connections: int = 200_000  # of one run
    slice_seconds: float = 60.0  # for one cell, before another has its turn
    total_seconds: float = 1400.0


class Bench:
    def __init__(self, machine, rigs, journal, effort, say):
        """`rigs` by name, started and frozen."""
        self._machine = machine
        self._rigs = rigs
        self._journal = journal
        self._effort = effort
        self._say = say
        self._made = collections.Counter()  # rounds of each cell, in this session
        self._used = set()  # cells of new connections whose tables have been used

    def run_cells(self, cells, done):
        """Measures what the journal does not hold yet, until all cells have enough or time is up: a
        cell for which the machine was not quiet gets another turn. done(cell) after each turn."""
        deadline = time.monotonic() + self._effort.total_seconds
        waiting = [cell for cell in cells if not self._has_enough(cell)]
        while waiting and time.monotonic() < deadline:
            for cell in list(waiting):
                self._run_cell(cell, min(deadline, time.monotonic() + self._effort.slice_seconds))
                done(cell)
                if self._is_done(cell):
                    waiting.remove(cell)

    def _is_done(self, cell):
        return self._has_enough(cell) or self._made[cell.name] >= self._effort.most_rounds

    def _next_round(self, cell):
        """Rounds that the journal holds, whether they count or not."""
        return max((run["round"] for run in self._journal.of_cell(cell.name)), default=-1) + 1

    def _has_enough(self, cell):
        return figures.has_enough(self._journal.of_cell(cell.name), [arm.name for arm in cell.arms],
                                  self._effort.rounds)

    def _run_cell(self, cell, deadline):
        self._prepare(cell)
        while not self._is_done(cell):
            number = self._next_round(cell)
            must = number < self._effort.least_rounds
            line = self._machine.wait_near(PATIENCE_SECONDS)
            if time.monotonic() > deadline and not must:
                return
            if line >= figures.NEAR_NS and not must:
                continue
            self._made[cell.name] += 1
            for arm in cell.arms:
                run = self._run_arm(cell, arm, number, line)
                line = run["near_after"]
                self._journal.add_run(run)

    def _run_arm(self, cell, arm, number, line):
        rig = self._rigs[arm.rig]
        stolen = self._machine.stolen_ticks()
        began = time.monotonic()
        rig.thaw()
        time.sleep(SETTLE_SECONDS)
        try:
            answer = self._traffic(cell, arm, rig)
        finally:
            rig.freeze()
        seconds = time.monotonic() - began
        ticks = max(self._machine.stolen_ticks() - stolen - 1, 0)  # one may have begun long before
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
            rate = self._rate(arm)
            options.update(rate=rate, latency=1, ms=max(2 * self._effort.milliseconds, LEAST_SAMPLES * 1000 // rate))
        answer = rig.stream(arm.flows, arm.size, arm.family, arm.ends, **options)
        if cell.kind == "latency":
            return {**answer, "value": answer["latency_ns"]["p50"], "rate": options["rate"]}
        return {**answer, "value": figures.median(answer["windows_pps"])}

    def _prepare(self, cell):
        """Flows opened and rates known before the first round, so that nothing comes between arms."""
        if cell.kind == "new":
            self._use_tables_once(cell)
            return
        for arm in cell.arms:
            rig = self._rigs[arm.rig]
            rig.thaw()
            rig.open(arm.flows, arm.family)
            rig.freeze()
        for arm in cell.arms:
            if cell.kind == "latency" and arm.load and self._journal.find_fact("full load", reference_of(arm).name) is None:
                self._journal.add_fact("full load", reference_of(arm).name, self._full_load(reference_of(arm)))

    def _use_tables_once(self, cell):
        """As many connections as all rounds can open, which then time out: what is measured is a switch
        that has been at work for a while, not the kernel that hands out memory for the first time."""
        if cell.name in self._used:
            return
        self._used.add(cell.name)
        count = self._effort.most_rounds * self._effort.new_connections
        rigs = [(self._rigs[arm.rig], arm.family) for arm in cell.arms]
        most = {}
        for rig, family in rigs:
            rig.thaw()
            most[rig.name] = rig.connections() + count // 20
            rig.new_connections(count, family)
        deadline = time.monotonic() + TIMEOUT_SECONDS
        while any(rig.connections() > most[rig.name] for rig, _ in rigs) and time.monotonic() < deadline:
            time.sleep(0.5)
        for rig, _ in rigs:
            rig.freeze()

    def _full_load(self, arm):
        """Packets a second at full load, the median of a few runs."""
        rig = self._rigs[arm.rig]
        rates = []
        for _ in range(3):
            self._machine.wait_near(PATIENCE_SECONDS)
            rig.thaw()
            answer = rig.stream(arm.flows, arm.size, arm.family, arm.ends, ms=self._effort.milliseconds)
            rig.freeze()
            rates.append(figures.median(answer["windows_pps"]))
        return figures.median(rates)

    def _rate(self, arm):
        """Packets a second of a latency arm: its own, or a share of what its reference takes at full load."""
        if arm.rate:
            return arm.rate
        return max(1000, int(self._journal.find_fact("full load", reference_of(arm).name) * arm.load / 100))

    def _warn(self, run):
        if run["unread"]:
            self._say(f"    {run['arm']}: {run['unread']} frames were not what was sent: {run.get('example', '')}")
        if run["sent"] > 1.2 * max(run["arrived"], 1):
            self._say(f"    {run['arm']}: only {run['arrived']} of {run['sent']} frames arrived")


def reference_of(arm):
    """The arm at full load from whose rate a latency arm's load is taken."""
    return dataclasses.replace(arm, rig=arm.reference or arm.rig, load=0, reference="")

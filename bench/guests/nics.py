# SPDX-License-Identifier: Apache-2.0
"""The same load over 2 to 500 nics of one host, the same load on one pair of them while the others are
idle, and what idle nics cost a daemon that may sleep: butterflyd beside bare copying (vhost_copier)."""

import argparse
import pathlib
import time

from peers import ROOT
from peers.processes import schedule_of

from . import curves
from .rig import ManyCopied, ManyGuests
from .session import Session, cell, run_main, say, table, where

NICS = (2, 10, 100, 500)
FLOWS = 1000  # of the host, over all pairs
LOADS = {"all": "every pair busy", "one": "one pair busy, the others idle"}
RIGS = {"butterfly": "Butterfly", "copier": "bare copying"}
SLOW_RATE = 1000  # packets a second of the pair that keeps an adaptive daemon from long sleeps
IDLE_SECONDS = 2.0
FAST, SLOW = "#d95f02", "#666666"


def tenants(nics):
    """A segment for each pair."""
    return [1000 + number // 2 for number in range(nics)]


def streams(load, nics):
    pairs = nics // 2 if load == "all" else 1
    return [f"0>1x{pairs}:flow:64:{max(1, FLOWS // pairs)}"]


def throughput(session, rounds, most_rounds):
    rigs = {(kind.name, nics): kind(session.directory, session.binaries, tenants(nics))
            for nics in NICS for kind in (ManyGuests, ManyCopied)}
    arms = [(f"{rig}, {load}, {nics}", rigs[rig, nics], streams(load, nics), {})
            for nics in NICS for load in LOADS for rig in RIGS]
    with session.started(rigs.values()):
        for number in range(most_rounds):
            session.measure(number, arms)
            near = min(session.absolute(name)["near"] for name, *_ in arms)
            say(f"  round {number}: {near} that count")
            if near >= rounds:
                break


def busy(pid, action):
    """Share of one CPU that the process uses while action() runs."""
    def ran():
        return sum(ns for ns, _ in schedule_of(pid).values())
    before, began = ran(), time.monotonic()
    action()
    return (ran() - before) / 1e9 / (time.monotonic() - began)


def sleeping(session):
    """{nics: shares of a CPU, memory} of a daemon that sleeps when it may."""
    found = {}
    milliseconds = int(IDLE_SECONDS * 1000)
    for nics in NICS:
        rig = ManyGuests(session.directory, session.binaries, tenants(nics), mode="adaptive")
        with session.started([rig]), session.thawed(rig):
            pid = rig.switch.pid
            found[nics] = {
                "idle": busy(pid, lambda: time.sleep(IDLE_SECONDS)),
                "slow": busy(pid, lambda: rig.run_streams("0>1:flow", ms=milliseconds, warm=1, rate=SLOW_RATE)),
                "memory": rig.memory()}
        say(f"  adaptive: {100 * found[nics]['idle']:.2f} % of a CPU idle, {100 * found[nics]['slow']:.1f} % with "
            f"{SLOW_RATE} packets a second, {found[nics]['memory'] / 1e6:.0f} MB")
    return found


def report(session, asleep):
    def rate(rig, load, nics):
        return session.absolute(f"{rig}, {load}, {nics}")

    def row(nics):
        figures = [rate(rig, load, nics) for load in LOADS for rig in RIGS]
        return [str(nics), *(cell(figure, 1e-6) for figure in figures),
                *(cell(session.ratio(f"butterfly, {load}, {nics}", f"copier, {load}, {nics}")) for load in LOADS),
                *(cell(figure, 1e-3, "{:.0f}") for figure in map(nanoseconds, figures[::2]))]

    head = ["nics", *(f"{label}, {load}" for load in LOADS for label in RIGS.values()),
            *(f"ratio, {load}" for load in LOADS), *(f"ns a packet, {load}" for load in LOADS)]
    idle = [[str(nics), f"{100 * each['idle']:.2f} %", f"{100 * each['slow']:.1f} %", f"{each['memory'] / 1e6:.0f}"]
            for nics, each in asleep.items()]
    return f"""# Many nics

{where()} One CPU for the switch, one for all the guests. [How it is measured](../README.md#many-nics-make-bench-nics).

Millions of packets a second that arrived, 64 bytes, {FLOWS} tracked flows of the host in all; "all": {LOADS['all']};
"one": {LOADS['one']}. In brackets: from runs that do not count (CPUs far apart, or others at work).

{table(head, [row(nics) for nics in NICS])}
![packets a second over the number of nics](nics.svg)

## A daemon that may sleep

CPU of the whole process (100 % is one CPU) and memory that it has touched; mode adaptive, all guests connected.

{table(["nics", "all idle", f"one pair at {SLOW_RATE:,} packets a second", "MB"], idle)}"""


def nanoseconds(figure):
    """A rate as picoseconds a packet, so that cell() scales it like the others."""
    return figure and {**figure, "value": 1e12 / figure["value"]}


def picture(session):
    series = []
    for rig, label in RIGS.items():
        for load, words in LOADS.items():
            points = {}
            for nics in NICS:
                figure = session.absolute(f"{rig}, {load}, {nics}")
                points[nics] = {**figure, "value": figure["value"] / 1e6,
                                "spread": [value / 1e6 for value in figure["spread"]]}
            series.append((FAST if rig == "butterfly" else SLOW, "" if load == "all" else 'stroke-dasharray="5 4"',
                           f"{label}: {words}", points))
    return curves.curves("Packets a second over the number of nics", "64 bytes, one CPU for the switch", series,
                         "millions a second")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results")
    parser.add_argument("--rounds", type=int, default=5, help="of runs that count")
    parser.add_argument("--most-rounds", type=int, default=9, help="made at most")
    arguments = parser.parse_args()
    run_main("bench-nics", lambda: work(arguments))


def work(arguments):
    with Session(arguments.build_dir, milliseconds=250) as session:
        throughput(session, arguments.rounds, arguments.most_rounds)
        asleep = sleeping(session)
    (arguments.results / "nics.md").write_text(report(session, asleep))
    (arguments.results / "nics.svg").write_text(picture(session))
    say(f"results: {arguments.results}/nics.md, nics.svg")

# SPDX-License-Identifier: Apache-2.0
"""A session about latency and idling: the mode that sleeps beside the one that never does, with
testpmd as the floor, from ten packets a second to nearly full load."""

import argparse
import contextlib
import dataclasses
import pathlib
import sys
import time

from lab.shell import CommandFailed, run as run_command
from lab.wait import WaitTimeout

from . import ROOT, latency_report
from .adaptive_rigs import AdaptiveKernelRig, AdaptiveLocalRig, AdaptiveRig, AdaptiveTapRig
from .butterfly_rig import ButterflyRig
from .cells import Arm, Cell
from .journal import Journal
from .machine import Machine, NotReady, check_machine, describe
from .measure import Bench, Effort
from .processes import BenchDirectory, ran_seconds, schedule_of
from .rig import GENERATOR_CPU, SWITCH_CPU
from .session import commit, hold_alone, say, subject_of
from .testpmd_rig import TestpmdRig

RIGS = {rig.name: rig for rig in (AdaptiveRig, ButterflyRig, TestpmdRig)}
IDLE_RIGS = (AdaptiveLocalRig, AdaptiveKernelRig, AdaptiveRig, AdaptiveTapRig)
EFFORT = Effort(rounds=9, least_rounds=5, most_rounds=15, milliseconds=300, slice_seconds=75.0, total_seconds=1200.0)
IDLE_SECONDS = 4.0
RATES = (100, 1_000, 10_000, 100_000)
LOADS = (10, 50, 90)


def cells():
    """All arms of a cell at the same packets a second: shares are of what Butterfly takes in mode poll."""
    for rate in RATES:
        yield Cell(f"rate-{rate}", tuple(Arm(rig, flows=100, rate=rate) for rig in RIGS), "latency",
                   f"{rate:,} packets a second")
    for load in LOADS:
        yield Cell(f"load-{load}", tuple(Arm(rig, flows=100, load=load, reference="butterfly") for rig in RIGS),
                   "latency", f"{load} % load")


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results")
    parser.add_argument("--resume", action="store_true", help="go on with the journal of a session of these programs")
    parser.add_argument("--only", default="", help="only cells whose name contains this; idle is one")
    parser.add_argument("--rounds", type=int, help="so many of each cell, near or not")
    return parser.parse_args()


def floor_us(binaries, rate):
    """Of a wake-up by this kernel on this machine, with that many a second: {p50, p90, p99, write}."""
    answer = run_command("nice", "-n", "-20", binaries / "wake_check", GENERATOR_CPU, SWITCH_CPU, 1_000_000 // rate)
    return dict(zip(("p50", "p90", "p99", "write"), map(float, answer.stdout.split())))


def measure_cells(arguments, run, machine, journal):
    exact = [cell for cell in cells() if cell.name == arguments.only]
    wanted = exact or [cell for cell in cells() if arguments.only in cell.name]
    if not wanted:
        return
    effort = EFFORT
    if arguments.rounds:
        effort = dataclasses.replace(EFFORT, least_rounds=arguments.rounds, most_rounds=arguments.rounds)
    with contextlib.ExitStack() as stack:
        machine.need_hugepages(sum(rig.hugepages for rig in RIGS.values()))
        rigs = {}
        for name, rig in RIGS.items():
            rigs[name] = rig(run, arguments.build_dir)
            stack.callback(rigs[name].stop)
            rigs[name].start()
            rigs[name].freeze()
        for cell in wanted:
            if cell.arms[0].rate and journal.find_fact("floor", cell.name) is None:
                journal.add_fact("floor", cell.name, floor_us(arguments.build_dir, cell.arms[0].rate))
        Bench(machine, rigs, journal, effort, say).run_cells(wanted, lambda cell: show(cell, journal))


def show(cell, journal):
    say(f"  {cell.title}")
    for line in latency_report.lines_of(cell, journal):
        say(f"    {line}")


def measure_idle(arguments, run, machine, journal):
    """CPU that a daemon takes that has guests and nothing to do; it has moved packets before."""
    if arguments.only not in "idle":
        return
    for kind in IDLE_RIGS:
        machine.need_hugepages(kind.hugepages)
        rig = kind(run, arguments.build_dir)
        try:
            rig.start()
            rig.open(1)
            time.sleep(0.5)
            before = schedule_of(rig.switch.pid)
            time.sleep(IDLE_SECONDS)
            share = ran_seconds(before, schedule_of(rig.switch.pid)) / IDLE_SECONDS
        finally:
            rig.stop()
        journal.add_fact("idle", rig.name, share)
        say(f"  idle, {rig.name}: {100 * share:.2f} % of a CPU")


def main():
    arguments = read_arguments()
    try:
        check_machine()
        lock = hold_alone()
        journal = Journal(arguments.build_dir / "bench-latency" / "journal.jsonl", subject_of(arguments.build_dir),
                          arguments.resume)
        with BenchDirectory() as run, Machine(run, arguments.build_dir, (SWITCH_CPU, GENERATOR_CPU)) as machine:
            say(f"placement: {machine.line_ns():.0f} ns between CPU {SWITCH_CPU} and {GENERATOR_CPU}")
            measure_idle(arguments, run, machine, journal)
            measure_cells(arguments, run, machine, journal)
        lock.close()
    except (NotReady, ValueError) as error:
        sys.exit(f"bench-latency: cannot run here:\n{error}")
    except (CommandFailed, WaitTimeout) as error:
        sys.exit(f"bench-latency: {error}")
    except KeyboardInterrupt:
        sys.exit("bench-latency: interrupted; --resume goes on where it stopped")
    latency_report.write(arguments.results, list(cells()), journal, {"machine": describe(), "commit": commit()})
    say(f"results: {arguments.results}/latency.md")

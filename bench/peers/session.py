# SPDX-License-Identifier: Apache-2.0
"""One session from its command line to its results."""

import argparse
import contextlib
import hashlib
import os
import pathlib
import socket
import subprocess
import sys
import time

from lab.shell import CommandFailed
from lab.wait import WaitTimeout

from . import ROOT, cells, checks, memory, report, results
from .butterfly_local_rig import ButterflyLocalRig
from .butterfly_rig import ButterflyLargeRig, ButterflyRig
from .journal import Journal
from .kernel_rig import KernelRig
from .machine import Machine, NotReady, check_machine, describe
from .measure import Bench, Effort
from .ovs_rig import OvsChain, OvsConntrack, OvsL2, OvsVxlan
from .processes import BenchDirectory
from .rig import GENERATOR_CPU, SWITCH_CPU
from .testpmd_rig import TestpmdRig

RIGS = {rig.name: rig for rig in (ButterflyRig, ButterflyLargeRig, ButterflyLocalRig, TestpmdRig, OvsChain,
                                  OvsConntrack, OvsL2, OvsVxlan, KernelRig)}
PROGRAMS = ("butterflyd", "butterfly", "load_generator", "placement_check")
HEADLINE = Effort()
QUICK = Effort(most_rounds=15, milliseconds=200, new_connections=150_000, slice_seconds=20.0, total_seconds=200.0)
# Unattended, for hours if the machine is busy: one that comes to rest in the night is waited for.
FULL = Effort(rounds=5, most_rounds=20, milliseconds=300, slice_seconds=40.0, total_seconds=6 * 3600.0)


def hold_alone():
    """A lock that ends with the process and leaves nothing behind: two sessions would measure each
    other."""
    lock = socket.socket(socket.AF_UNIX)
    try:
        lock.bind("\0butterfly-bench-peers")
    except OSError as error:
        raise NotReady("another bench-peers runs on this machine") from error
    return lock


def say(text):
    print(text, flush=True)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results")
    parser.add_argument("--quick", action="store_true", default=bool(os.environ.get("QUICK")),
                        help="under five minutes; also QUICK=1")
    parser.add_argument("--full", action="store_true", default=bool(os.environ.get("FULL")),
                        help="after the headline figures the whole matrix; also FULL=1")
    parser.add_argument("--resume", action="store_true", default=bool(os.environ.get("RESUME")),
                        help="go on with the journal of a session that was interrupted; also RESUME=1")
    parser.add_argument("--only", default="", help="only cells whose name contains this")
    return parser.parse_args()


def subject_of(build_dir, programs=PROGRAMS):
    """What is measured: a digest of the programs."""
    digest = hashlib.sha256()
    for name in programs:
        digest.update((build_dir / name).read_bytes())
    return digest.hexdigest()[:16]


def commit():
    done = subprocess.run(["git", "-C", ROOT, "describe", "--always", "--dirty"], capture_output=True, text=True,
                          check=False)
    return done.stdout.strip() or "unknown"


def start_rigs(names, run, machine, binaries, stack):
    machine.need_hugepages(sum(RIGS[name].hugepages for name in names))
    rigs = {}
    for name in names:
        began = time.monotonic()
        rig = RIGS[name](run, binaries)
        stack.callback(rig.stop)
        rig.start()
        rigs[name] = rig
        say(f"  {name} is up after {time.monotonic() - began:.1f} s")
        rig.freeze()
    return rigs


def check_rigs(rigs, journal):
    for rig in rigs.values():
        if rig.name == KernelRig.name:
            continue
        rig.thaw()
        for flows in (1, 10_000):
            rig.open(flows)
            found = checks.account(rig, flows)
            say(f"  {found['words']}")
            journal.add_fact("account", rig.name, found)
        rig.freeze()


def plan(arguments):
    """[(cells, effort)], one after the other."""
    steps = [(cells.headline(arguments.quick), QUICK if arguments.quick else HEADLINE)]
    if arguments.full:
        steps.append((cells.matrix(), FULL))
    return [([cell for cell in wanted if arguments.only in cell.name], effort) for wanted, effort in steps]


def measure(arguments, run, machine, journal):
    steps = plan(arguments)
    used = {arm.rig for wanted, _ in steps for cell in wanted for arm in cell.arms}
    with contextlib.ExitStack() as stack:
        rigs = start_rigs([name for name in RIGS if name in used], run, machine, arguments.build_dir, stack)
        check_rigs(rigs, journal)
        for wanted, effort in steps:
            bench = Bench(machine, rigs, journal, effort, say)
            bench.run_cells(wanted, lambda cell: show(cell, arguments, journal))


def measure_memory(arguments, run, machine, journal):
    for family in (4,) if arguments.quick else (4, 6):
        name = f"memory, IPv{family}"
        if journal.find_fact(name, "butterfly") is not None or arguments.only not in "memory":
            continue
        for rig, bytes_of in memory.measure(run, machine, arguments.build_dir, family).items():
            journal.add_fact(name, rig, bytes_of)
            say(f"  {name}, {rig}: {bytes_of['each']:.0f} bytes a connection, {bytes_of['idle'] / 1e6:.0f} MB without")


def show(cell, arguments, journal):
    """A cell's figures so far, on the terminal and in the results."""
    say(f"  {cell.name}: {len({run['round'] for run in journal.of_cell(cell.name)})} rounds")
    for line in summary(cell, journal):
        say(f"    {line}")
    write_results(arguments, journal)


def summary(cell, journal):
    """A line for each arm, and for each ratio to the first."""
    for name, figure in results.rates([cell], journal).get(cell.name, {}).items():
        if figure:
            yield f"{name}: {figure['value'] / 1e6:.2f} M/s ({figure['near']} near runs)"
    for name, row in results.latencies([cell], journal).get(cell.name, {}).items():
        yield f"{name}: " + ", ".join(f"{percentile} {figure['value']:.1f} us" for percentile, figure in row.items())
    for key, figure in results.headline_figures([cell], journal).items():
        low, high = figure["spread"]
        yield f"{key} = {figure['value']:.2f} [{low:.2f}, {high:.2f}] of {figure['near']} near pairs"


def write_results(arguments, journal):
    report.write(arguments.results, journal, {"machine": describe(), "commit": commit(), "quick": arguments.quick})


def main():
    arguments = read_arguments()
    try:
        check_machine()
        lock = hold_alone()
        journal = Journal(arguments.build_dir / "bench-peers" / "journal.jsonl", subject_of(arguments.build_dir),
                          arguments.resume)
        with BenchDirectory() as run, Machine(run, arguments.build_dir, (SWITCH_CPU, GENERATOR_CPU)) as machine:
            say(f"placement: {machine.line_ns():.0f} ns between CPU {SWITCH_CPU} and {GENERATOR_CPU}")
            measure(arguments, run, machine, journal)
            measure_memory(arguments, run, machine, journal)
        lock.close()
    except (NotReady, ValueError) as error:
        sys.exit(f"bench-peers: cannot run here:\n{error}")
    except (CommandFailed, WaitTimeout) as error:
        sys.exit(f"bench-peers: {error}")
    except KeyboardInterrupt:
        sys.exit("bench-peers: interrupted; RESUME=1 goes on where it stopped")
    write_results(arguments, journal)
    say(f"results: {arguments.results}/latest.md, latest.json and plots")

# SPDX-License-Identifier: Apache-2.0
"""One session from its command line to its results."""

import argparse
import contextlib
import datetime
import hashlib
import json
import os
import pathlib
import subprocess
import sys
import time

from . import ROOT, cells, checks, results
from .butterfly_rig import ButterflyRig
from .journal import Journal
from .machine import Machine, NotReady, check_machine, describe
from .measure import Bench, Effort
from .ovs_rig import OvsChain
from .processes import BenchDirectory
from .rig import GENERATOR_CPU, SWITCH_CPU
from .testpmd_rig import TestpmdRig

RIGS = {rig.name: rig for rig in (ButterflyRig, TestpmdRig, OvsChain)}
PROGRAMS = ("butterflyd", "butterfly", "load_generator", "placement_check")
QUICK = Effort(rounds=9, most_rounds=12, milliseconds=200, new_connections=100_000, patience=1.0, cell_seconds=40)
HEADLINE = Effort()


def say(text):
    print(text, flush=True)


def read_arguments():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results")
    parser.add_argument("--quick", action="store_true", default=bool(os.environ.get("QUICK")),
                        help="under five minutes; also QUICK=1")
    parser.add_argument("--resume", action="store_true", default=bool(os.environ.get("RESUME")),
                        help="go on with the journal of a session that was interrupted; also RESUME=1")
    parser.add_argument("--only", default="", help="only cells whose name contains this")
    return parser.parse_args()


def subject_of(build_dir):
    """What is measured: a digest of the programs."""
    digest = hashlib.sha256()
    for name in PROGRAMS:
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
        rig.thaw()
        for flows in (1, 10_000):
            rig.open(flows)
            found = checks.account(rig, flows)
            say(f"  {found['words']}")
            journal.add_fact("account", rig.name, found)
        rig.freeze()


def measure(arguments, run):
    effort = QUICK if arguments.quick else HEADLINE
    wanted = [cell for cell in cells.headline() if arguments.only in cell.name]
    journal = Journal(arguments.build_dir / "bench-peers" / "journal.jsonl", subject_of(arguments.build_dir),
                      arguments.resume)
    names = [name for name in RIGS if any(arm.rig == name for cell in wanted for arm in cell.arms)]
    with contextlib.ExitStack() as stack:
        machine = stack.enter_context(Machine(run, arguments.build_dir, (SWITCH_CPU, GENERATOR_CPU)))
        say(f"placement: {machine.line_ns():.0f} ns between CPU {SWITCH_CPU} and {GENERATOR_CPU}")
        rigs = start_rigs(names, run, machine, arguments.build_dir, stack)
        check_rigs(rigs, journal)
        bench = Bench(machine, rigs, journal, effort, say)
        for cell in wanted:
            began = time.monotonic()
            runs = bench.run_cell(cell)
            say(f"  {cell.name}: {len(runs)} runs, {time.monotonic() - began:.0f} s")
            for line in summary(cell, journal):
                say(f"    {line}")
    return wanted, journal


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


def write_results(arguments, wanted, journal):
    arguments.results.mkdir(parents=True, exist_ok=True)
    latest = {**results.headline_figures(wanted, journal),
              "machine": describe(), "commit": commit(), "quick": arguments.quick,
              "date": datetime.date.today().isoformat()}
    (arguments.results / "latest.json").write_text(json.dumps(latest, indent=1) + "\n")


def main():
    arguments = read_arguments()
    try:
        check_machine()
        with BenchDirectory() as run:
            wanted, journal = measure(arguments, run)
    except NotReady as error:
        sys.exit(f"bench-peers: cannot run here:\n{error}")
    write_results(arguments, wanted, journal)
    say(f"results: {arguments.results}/latest.json")

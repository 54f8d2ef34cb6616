# SPDX-License-Identifier: Apache-2.0
"""One session from its command line to its results."""

import argparse
import contextlib
import os
import pathlib
import sys
import time

from image.build import DEFAULT_CACHE, ImageError, build_image
from lab import preflight
from lab.accelerator import choose_accelerator
from lab.shell import CommandFailed
from lab.wait import WaitTimeout
from peers import ROOT
from peers.journal import Journal
from peers.machine import Machine, NotReady, check_machine, describe
from peers.processes import BenchDirectory
from peers.rig import GENERATOR_CPU, SWITCH_CPU
from peers.session import commit, hold_alone, say, subject_of

from . import measure, report, two_hosts
from .pair import Pair
from .switches import SWITCHES

PROGRAMS = ("butterflyd", "butterfly", "placement_check")


def read_arguments():
    parser = argparse.ArgumentParser(description="iperf3 between two guests, through several switches")
    parser.add_argument("--two-hosts", action="store_true", help="of two hosts, by tunnels; else of one")
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--image-cache", type=pathlib.Path, default=DEFAULT_CACHE)
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results")
    parser.add_argument("--quick", action="store_true", default=bool(os.environ.get("QUICK")),
                        help="under five minutes; also QUICK=1")
    parser.add_argument("--guest-cpus", type=read_cpus, default={GENERATOR_CPU}, metavar="CPU[,CPU]",
                        help=f"where the guests run (default: {GENERATOR_CPU}; the switch is on {SWITCH_CPU})")
    parser.add_argument("--only", metavar="SWITCH[,SWITCH]",
                        help=f"of {', '.join(SWITCHES)}; with two hosts of {', '.join(two_hosts.SWITCHES)}")
    arguments = parser.parse_args()
    arguments.switches = read_names(parser, arguments.only, two_hosts.SWITCHES if arguments.two_hosts else SWITCHES)
    return arguments


def read_cpus(text):
    try:
        cpus = {int(word) for word in text.split(",")}
    except ValueError:
        cpus = set()
    if not cpus or not cpus <= os.sched_getaffinity(0):
        raise argparse.ArgumentTypeError(f"'{text}' names no CPUs of this machine; wanted e.g. 1 or 0,1")
    return cpus


def read_names(parser, text, switches):
    """{name: switch}, of all without a text."""
    names = text.split(",") if text else list(switches)
    unknown = [name for name in names if name not in switches]
    if unknown:
        parser.error(f"no switch '{unknown[0]}'; there are {', '.join(switches)}")
    return {name: switches[name] for name in names}


def start_pairs(arguments, run, machine, image, accelerator, journal, stack):
    """{name: pair}, all paused; `stack` ends them."""
    machine.need_hugepages(sum(switch.hugepages for switch in arguments.switches.values()))
    pairs = {}
    for name, switch in arguments.switches.items():
        began = time.monotonic()
        pair = Pair(run, switch(run, arguments.build_dir), image, accelerator, arguments.guest_cpus)
        stack.callback(pair.stop)
        pair.start()
        journal.add_fact("offloads", name, pair.offloads())
        pair.pause()
        pairs[name] = pair
        say(f"  {name} and its guests are up after {time.monotonic() - began:.1f} s")
    return pairs


def run_session(arguments):
    image = build_image(arguments.image_cache, say)
    journal = Journal(arguments.build_dir / "bench-guests" / "journal.jsonl",
                      subject_of(arguments.build_dir, PROGRAMS), False)
    page = report.TWO_HOSTS if arguments.two_hosts else report.ONE_HOST
    effort = measure.effort_of(arguments.two_hosts, arguments.quick)
    cpus = (SWITCH_CPU, GENERATOR_CPU)
    with BenchDirectory() as run, Machine(run, arguments.build_dir, cpus) as machine, contextlib.ExitStack() as stack:
        accelerator = choose_accelerator(run, image, say)
        say(f"placement: {machine.line_ns():.0f} ns between CPU {SWITCH_CPU} and {GENERATOR_CPU}; {accelerator}")
        pairs = start_pairs(arguments, run, machine, image, accelerator, journal, stack)
        measure.run_rounds(effort, pairs, machine, journal, say)
    report.write(arguments.results, page, journal, effort.cells,
                 {"machine": describe(), "commit": commit(), "accelerator": accelerator.upper(),
                  "guest_cpus": " and ".join(map(str, sorted(arguments.guest_cpus))), "switch_cpu": SWITCH_CPU})
    say(f"results: {arguments.results}/{page.file}")


def main():
    arguments = read_arguments()
    try:
        check_machine()
        preflight.check_machine(arguments.build_dir)
        lock = hold_alone()
        run_session(arguments)
        lock.close()
    except (NotReady, ImageError) as error:
        sys.exit(f"bench-guests: cannot run here:\n{error}")
    except (CommandFailed, WaitTimeout) as error:
        sys.exit(f"bench-guests: {error}")
    except KeyboardInterrupt:
        sys.exit("bench-guests: interrupted")

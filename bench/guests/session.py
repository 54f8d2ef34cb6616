# SPDX-License-Identifier: Apache-2.0
"""What the sessions of this folder share: the machine made ready, rounds of arms in turn with a check
of the CPUs' placement between any two, and figures of what counts."""

import contextlib
import datetime
import os
import subprocess
import sys
import time

from lab.shell import CommandFailed
from lab.wait import WaitTimeout

from peers import figures
from peers.machine import Machine, NotReady, check_machine, describe
from peers.processes import BenchDirectory
from peers.rig import GENERATOR_CPU, SWITCH_CPU
from peers.session import commit, hold_alone, say

PATIENCE_SECONDS = 3.0  # in which the CPUs may come near
SETTLE_SECONDS = 0.02  # for a thawed switch to have its CPU


class Session:
    """Context manager."""

    def __init__(self, binaries, milliseconds):
        self.binaries = binaries
        self.milliseconds = milliseconds
        self.runs = []
        self._stack = contextlib.ExitStack()

    def __enter__(self):
        check_machine()
        self._stack.callback(hold_alone().close)
        self.directory = self._stack.enter_context(BenchDirectory())
        self.machine = self._stack.enter_context(
            Machine(self.directory, self.binaries, (SWITCH_CPU, GENERATOR_CPU)))
        return self

    def __exit__(self, *_):
        self._stack.close()

    @contextlib.contextmanager
    def started(self, rigs):
        """Frozen, until the end of the block."""
        self.machine.need_hugepages(sum(rig.hugepages + len(rig.vnis) for rig in rigs))
        with contextlib.ExitStack() as stack:
            for rig in rigs:
                began = time.monotonic()
                stack.callback(rig.stop)
                rig.start()
                say(f"  {rig.name} with {len(rig.vnis)} nics is up after {time.monotonic() - began:.1f} s")
                rig.freeze()
            yield

    @contextlib.contextmanager
    def thawed(self, rig):
        rig.thaw()
        time.sleep(SETTLE_SECONDS)
        try:
            yield
        finally:
            rig.freeze()

    def measure(self, number, arms):
        """One round. `arms`: [(name, rig, streams, words)]; of each arm the arrivals of its first
        stream, a run."""
        line = self.machine.wait_near(PATIENCE_SECONDS)
        for name, rig, streams, words in arms:
            stolen, began = self.machine.stolen_ticks(), time.monotonic()
            with self.thawed(rig):
                answer = rig.run_streams(*streams, ms=self.milliseconds, **words)
            ticks = max(self.machine.stolen_ticks() - stolen - 1, 0)  # one may have begun long before
            run = {**answer, "arm": name, "round": number, "near_before": line,
                   "value": figures.median(answer["streams"][0]["windows_pps"]),
                   "stolen": ticks / os.sysconf("SC_CLK_TCK") / (time.monotonic() - began) / 2}
            line = run["near_after"] = self.machine.line_ns()
            self.runs.append(run)

    def absolute(self, arm):
        return figures.absolute(self.runs, arm)

    def ratio(self, arm, other):
        return figures.ratio(self.runs, arm, other)


def where():
    """A sentence: when, on what."""
    machine = describe()
    return (f"Taken {datetime.date.today()} on {machine['cpu']}, {machine['cpus']} CPUs, kernel {machine['kernel']}, "
            f"DPDK {machine['dpdk']}, Butterfly {commit()}.")


def cell(figure, scale=1.0, form="{:.2f}"):
    """A figure in a table; in brackets when it is made of runs that do not count."""
    if figure is None:
        return ""
    text = form.format(figure["value"] * scale)
    return text if figure["near"] else f"({text})"


def table(head, rows):
    return "\n".join("| " + " | ".join(row) + " |" for row in [head, ["---"] * len(head), *rows]) + "\n"


def run_main(name, work):
    """work(), with the ends that are no bugs as a line."""
    try:
        work()
    except (NotReady, ValueError) as error:
        sys.exit(f"{name}: cannot run here:\n{error}")
    except (CommandFailed, WaitTimeout, subprocess.SubprocessError) as error:
        sys.exit(f"{name}: {error}")
    except KeyboardInterrupt:
        sys.exit(f"{name}: interrupted")

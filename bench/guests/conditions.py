# SPDX-License-Identifier: Apache-2.0
"""What a pair of guests keeps of its throughput while another guest of the same lcore behaves badly:
the real butterflyd, all guests played by one process, each condition in turn with the undisturbed pair."""

import argparse
import pathlib

from peers import ROOT, figures

from .rig import ManyGuests
from .session import Session, cell, run_main, say, table, where

# Guests by their parts. The two tiny ones come first, as their rings are named in that order.
TINY, TINIEST, READER, SENDER = 0, 1, 2, 3
VICTIM = (4, 5)
NOISY, NOISY_PARTNER = 6, 7
VICTIMS_NEIGHBOUR = 14
OURS, OTHERS, NOISE = 100, 101, 102  # segments
VNIS = [OTHERS] * 4 + [OURS] * 2 + [NOISE] * 8 + [OURS]
RINGS = ((1, 16), (1, 8))  # TINY, TINIEST

ALONE = f"{VICTIM[0]}>{VICTIM[1]}:flow:64:100"
# Name: (what the other does, its stream, words of the run).
CONDITIONS = {
    "equal": ("another pair sends at full rate, too", f"{SENDER}>{READER}:flow:64:100", {}),
    "ring-16": ("another's receive ring has 16 descriptors", f"{SENDER}>{TINY}:flow:64:100", {}),
    "ring-8": ("another's receive ring has 8 descriptors", f"{SENDER}>{TINIEST}:flow:64:100", {}),
    "sends-8": ("another's send ring has 8 descriptors", f"{TINIEST}>{READER}:flow:64:100", {}),
    "deaf": ("another has stopped reading its receive ring", f"{SENDER}>{READER}:flow:64:100", {"deaf": READER}),
    "noise": ("a noisy neighbour sends 64 bytes at full rate", f"{NOISY}>{NOISY_PARTNER}:flow:64:1", {}),
    "spoofed": ("… from a source MAC that is not its own", f"{NOISY}>{NOISY_PARTNER}:spoofed:64", {}),
    "strangers": ("… to MACs that nobody has, in a segment of 8", f"{NOISY}>{NOISY_PARTNER}:strangers:64", {}),
    "broadcast": ("… to everybody in a segment of 8", f"{NOISY}>{NOISY_PARTNER}:broadcast:64", {}),
    "own-segment": ("… to everybody in the victim's own segment",
                    f"{VICTIMS_NEIGHBOUR}>{VICTIM[0]}:broadcast:64", {}),
    "full-table": ("another opens connections until the table is full, and goes on",
                   f"{NOISY}>{NOISY_PARTNER}:connection:64", {}),
}


def streams(name):
    _, stream, words = CONDITIONS[name]
    return [ALONE, stream], {"receive": "all", **words}


def find_reasons(session, rig):
    """{condition: {reason: packets dropped}}, from a run of each that is not measured."""
    found = {}
    with session.thawed(rig):
        for name in CONDITIONS:
            both, words = streams(name)
            before = rig.drops()
            rig.run_streams(*both, ms=50, **words)
            found[name] = {reason: count - before.get(reason, 0) for reason, count in rig.drops().items()
                           if count > before.get(reason, 0)}
    return found


def measure(session, rig, rounds):
    arms = []
    for name in CONDITIONS:
        both, words = streams(name)
        arms += [(f"{name}: alone", rig, [ALONE], {"receive": "all"}), (name, rig, both, words)]
    for number in range(rounds):
        session.measure(number, arms)
        say(f"  round {number}: " + ", ".join(
            f"{name} {session.ratio(name, f'{name}: alone')['value']:.2f}" for name in CONDITIONS))


def other_rate(session, name):
    """Of the other's packets: the rate at which they were taken, and at which they arrived."""
    def share(key):
        return figures.absolute(session.runs, name, lambda run: run["streams"][1][key] / run["seconds"])
    return share("sent"), share("arrived")


def report(session, dropped):
    rows = []
    for name, (words, _, _) in CONDITIONS.items():
        ratio = session.ratio(name, f"{name}: alone")
        low, high = ratio["spread"]
        taken, arrived = other_rate(session, name)
        reasons = ", ".join(f"`{reason}`" for reason, _ in sorted(dropped[name].items(), key=lambda item: -item[1])[:2])
        rows.append([words, cell(ratio), f"{low:.2f} to {high:.2f}", cell(taken, 1e-6), cell(arrived, 1e-6),
                     reasons or "nothing"])
    alone = session.absolute("equal: alone")
    return f"""# Bad conditions

{where()} One lcore. [How it is measured](../README.md#bad-conditions-make-bench-conditions).

What a pair of guests (64 bytes, 100 tracked flows, {cell(alone, 1e-6)} million packets a second when undisturbed)
keeps while another guest of the same lcore behaves badly; with two busy guests on one lcore half is fair. In
brackets: from runs that do not count (CPUs far apart, or others at work).

{table(["condition", "kept", "quartiles", "taken from the other, M/s", "arrived", "dropped as"], rows)}"""


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--build-dir", type=pathlib.Path, default=ROOT / "build" / "release")
    parser.add_argument("--results", type=pathlib.Path, default=ROOT / "bench" / "results")
    parser.add_argument("--rounds", type=int, default=7)
    arguments = parser.parse_args()
    run_main("bench-conditions", lambda: work(arguments))


def work(arguments):
    with Session(arguments.build_dir, milliseconds=200) as session:
        rig = ManyGuests(session.directory, session.binaries, VNIS, RINGS)
        with session.started([rig]):
            dropped = find_reasons(session, rig)
            measure(session, rig, arguments.rounds)
        text = report(session, dropped)
    (arguments.results / "conditions.md").write_text(text)
    say(text)

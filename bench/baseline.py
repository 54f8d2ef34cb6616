# SPDX-License-Identifier: Apache-2.0
"""What a packet cost when bench/baseline.json was written, and what has become slower since.

Instructions repeat exactly, so a small tolerance is enough. Cycles count only where a run was
steady, and are compared only on the CPU of the baseline and at its clock. Nothing here fails a
build."""
import json
import pathlib

PATH = pathlib.Path(__file__).resolve().parent / "baseline.json"
# A difference counts when it is beyond both: the share of the old figure, and so much.
MARGINS = {"instructions": (0.02, 1.0), "cycles": (0.10, 1.0)}
# Beside the counter's, which is constant; cycles of runs further apart say nothing.
CLOCK_MARGIN = 0.03
# The goals, in cycles a packet (p10) by journey: IPv4, without the ports.
GATES = {
    ("guest->wire", "ipv4", "1"): 65,
    ("guest->wire", "ipv4", "100000"): 110,
    ("wire->guest", "ipv4", "1"): 75,
    ("wire->guest", "ipv4", "100000"): 130,
}


def is_steady(flows, p1, p50):
    """Whether a journey was hardly disturbed; with many flows packets differ by what is in the caches."""
    return p50 <= (1.1 if flows in ("1", "100") else 1.5) * p1


def figures_of(rows, instructions, kind, steady):
    """By name of the row: instructions where they were counted, p10 of the cycles where they are steady."""
    figures = {}
    for words, (_, p10, _) in rows.items():
        entry = {}
        if words[:3] in steady:
            entry["cycles"] = round(p10, 1)
        count = instructions.get((kind, *words))
        if count is not None:
            entry["instructions"] = round(count, 1)
        figures[" ".join(words)] = entry
    return figures


def make(cpu, clock, journeys, bricks, instructions):
    """Of what was measured: by (place, family, flows) and, for bricks, its name (p1, p10, p50)."""
    steady = {words for words, (p1, _, p50) in journeys.items() if is_steady(words[2], p1, p50)}
    alone = {words for words in steady if words[2] == "1"}  # what a brick costs is clear with one flow only
    return {"cpu": cpu, "clock": clock, "journeys": figures_of(journeys, instructions, "journey", steady),
            "bricks": figures_of(bricks, instructions, "brick", alone)}


def load():
    return json.loads(PATH.read_text()) if PATH.exists() else None


def save(measured):
    PATH.write_text(json.dumps(measured, indent=1) + "\n")


def is_beyond(now, before, unit):
    share, least = MARGINS[unit]
    return now - before > max(share * before, least)


def changes(before, now, units):
    """(slower, quicker): lines of text about rows that both have."""
    slower, quicker = [], []
    for kind in ("journeys", "bricks"):
        for name, old in before[kind].items():
            new = now[kind].get(name, {})
            for unit in units:
                if unit not in old or unit not in new:
                    continue
                text = f"{name}: {new[unit]:.1f} {unit}, were {old[unit]:.1f}"
                if is_beyond(new[unit], old[unit], unit):
                    slower.append(f"{text} (+{new[unit] - old[unit]:.1f})")
                elif is_beyond(old[unit], new[unit], unit):
                    quicker.append(f"{text} (-{old[unit] - new[unit]:.1f})")
    return slower, quicker


def obstacle_to_cycles(before, now):
    """Why cycles of the two runs say nothing about each other; None when they do."""
    if before["cpu"] != now["cpu"]:
        return f"the baseline is of another CPU ({before['cpu']})"
    if abs(now["clock"] - before["clock"]) > CLOCK_MARGIN * before["clock"]:
        return f"the core's clock is {now['clock']:.2f}, was {before['clock']:.2f}"
    return None


def comparison(before, now):
    """Lines that say what has become slower or quicker, and what could not be compared."""
    if before is None:
        return ["no bench/baseline.json: UPDATE=1 writes one"]
    lines = []
    obstacle = obstacle_to_cycles(before, now)
    units = ["instructions"] if obstacle else ["instructions", "cycles"]
    if obstacle:
        lines.append(f"cycles are not compared: {obstacle}")
    slower, quicker = changes(before, now, units)
    lines += [f"slower   {text}" for text in slower] or ["nothing is slower"]
    lines += [f"quicker  {text}" for text in quicker]
    unsteady = sum("cycles" in old and "cycles" not in now["journeys"].get(name, {})
                   for name, old in before["journeys"].items())
    if unsteady and "cycles" in units:
        lines.append(f"cycles of {unsteady} journeys are not compared: disturbed")
    gone = [name for kind in ("journeys", "bricks") for name in before[kind] if name not in now[kind]]
    if gone:
        lines.append(f"no longer there: {', '.join(gone)}")
    return lines


def gates(now):
    """Lines that hold the journeys against the goals."""
    lines = []
    for words, goal in GATES.items():
        place, family, flows = words
        cycles = now["journeys"][" ".join(words)].get("cycles")
        if cycles is None:
            verdict = "not judged: disturbed"
        elif cycles <= goal:
            verdict = f"{cycles:.1f}, met by {goal - cycles:.1f}"
        else:
            verdict = f"{cycles:.1f}, missed by {cycles - goal:.1f}"
        lines.append(f"{place} {family}, {int(flows):,} flow{'s' * (flows != '1')}: at most {goal} cycles: {verdict}")
    return lines

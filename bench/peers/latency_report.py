# SPDX-License-Identifier: Apache-2.0
"""What a reader gets of a session about latency: latency.md and two plots."""

import datetime

from . import figures, plots, results

IDLE = {"butterfly-adaptive-local": "two guests connected, no uplink",
        "butterfly-adaptive-kernel": "a guest connected, the uplink a kernel interface",
        "butterfly-adaptive": "a guest connected, the uplink a DPDK device with receive interrupts",
        "butterfly-adaptive-tap": "a guest connected, the uplink a DPDK device without"}
PERCENTILES = ("p50", "p99", "p99.9")


def percentile_of(name):
    return lambda run: run["latency_ns"][name] / 1000


def busy_of(run):
    return 100 * run.get("busy", 0.0)


def text_of(figure, unit=""):
    if not figure:
        return ""
    low, high = (plots.number_text(value) for value in figure["spread"])
    text = f"{plots.number_text(figure['value'])}{unit} ({low} to {high})"
    return text if figure["near"] else f"[{text}]"


def row_of(cell, arm, journal):
    runs = journal.of_cell(cell.name)
    return [text_of(figures.absolute(runs, arm.name, percentile_of(name))) for name in PERCENTILES] + [
        text_of(figures.absolute(runs, arm.name, busy_of))]


def added(cell, journal, arm, other, name):
    return figures.difference(journal.of_cell(cell.name), cell.arms[arm].name, cell.arms[other].name,
                              percentile_of(name))


def lines_of(cell, journal):
    """For the terminal."""
    for arm in cell.arms:
        p50, p99, p999, busy = row_of(cell, arm, journal)
        yield f"{arm.rig}: p50 {p50}, p99 {p99}, p99.9 {p999} us, CPU {busy} %"
    for name in PERCENTILES:
        yield (f"{name}: adaptive over poll {text_of(added(cell, journal, 0, 1, name))}, "
               f"poll over testpmd {text_of(added(cell, journal, 1, 2, name))}")
    floor = journal.find_fact("floor", cell.name)
    if floor:
        yield f"a bare wake-up: p50 {floor['p50']}, p90 {floor['p90']}, p99 {floor['p99']} us"


def write(directory, cells, journal, facts):
    directory.mkdir(parents=True, exist_ok=True)
    measured = [cell for cell in cells if journal.of_cell(cell.name)]
    (directory / "latency.md").write_text("\n".join(markdown(measured, journal, facts)) + "\n")
    for prefix, name, title in (("rate", "latency-rates", "Latency when little comes, guest to wire"),
                                ("load", "latency-loads", "Latency under load, guest to wire")):
        rows = results.latencies([cell for cell in measured if cell.name.startswith(prefix)], journal)
        if rows:
            titles = {cell.name: cell.title for cell in measured}
            groups = [(titles[cell], [(arm.split("/")[0], each) for arm, each in row.items()])
                      for cell, row in rows.items()]
            (directory / f"{name}.svg").write_text(
                plots.percentiles(title, "Microseconds; 64-byte packets, 100 flows", groups))


def markdown(measured, journal, facts):
    machine = facts["machine"]
    yield "# Latency, and what idling costs"
    yield ""
    yield (f"Taken {datetime.date.today().isoformat()} on {machine['cpu']}, {machine['cpus']} CPUs, kernel "
           f"{machine['kernel']}, DPDK {machine['dpdk']}, Butterfly {facts['commit']}. One CPU for the switch. "
           "[How it is measured](../README.md#latency-and-idling-make-bench-latency). Microseconds, medians of runs "
           "(quartiles in brackets); in square brackets: no run counts, as the CPUs lay far apart or were wanted "
           "by others.")
    for cell in measured:
        yield from section(cell, journal)
    idle = [(words, journal.find_fact("idle", rig)) for rig, words in IDLE.items()]
    if any(share is not None for _, share in idle):
        yield from ["", "## CPU of an adaptive daemon with nothing to do", "", "| | share of a CPU |", "|---|---|"]
        for words, share in idle:
            if share is not None:
                yield f"| {words} | {100 * share:.2f} % |"


def section(cell, journal):
    rate = journal.of_cell(cell.name)[-1]["rate"]
    yield ""
    yield f"## {cell.title}" + ("" if cell.arms[0].rate else f" ({rate / 1e6:.2f} M packets a second)")
    yield ""
    yield "| | p50 | p99 | p99.9 | CPU, % |"
    yield "|---|---|---|---|---|"
    for arm in cell.arms:
        yield f"| {plots.LABELS[arm.rig]} | " + " | ".join(row_of(cell, arm, journal)) + " |"
    for words, arm, other in (("adaptive over poll", 0, 1), ("poll over testpmd", 1, 2)):
        yield f"| *{words}* | " + " | ".join(text_of(added(cell, journal, arm, other, name))
                                             for name in PERCENTILES) + " | |"
    floor = journal.find_fact("floor", cell.name)
    if floor:
        yield f"| *a bare wake-up on this machine* | {floor['p50']} | {floor['p99']} | | |"

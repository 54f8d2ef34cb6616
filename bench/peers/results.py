# SPDX-License-Identifier: Apache-2.0
"""The figures of a journal: what latest.json holds, and what tables and plots are made of."""

from . import figures
from .cells import HEADLINE_RATIOS


def headline_figures(cells, journal):
    """{key: {value, spread, near}}; a figure of which there is no run is left out."""
    by_name = {cell.name: cell for cell in cells}
    found = {}
    for key, (name, arm, other) in HEADLINE_RATIOS.items():
        if name not in by_name:
            continue
        arms = by_name[name].arms
        figure = figures.ratio(journal.of_cell(name), arms[arm].name, arms[other].name)
        if figure:
            found[key] = figure
    if "latency-50" in by_name:
        found.update(added_latency(by_name["latency-50"], journal))
    for family, key in ((4, "bytes_per_connection"), (6, "bytes_per_connection_ipv6")):
        for rig, suffix in (("butterfly", ""), ("ovs", "_ovs")):
            fact = journal.find_fact(f"memory, IPv{family}", rig)
            if fact:
                found[key + suffix] = {"value": fact["each"], "spread": [fact["each"], fact["each"]], "near": 1}
    return found


def added_latency(cell, journal):
    """What the chain adds to the bare vhost path at half its load, in microseconds."""
    arms = {(arm.rig, arm.reference): arm.name for arm in cell.arms}
    found = {}
    for key, percentile in (("latency_added_p50_us", "p50"), ("latency_added_p999_us", "p99.9")):
        figure = figures.difference(journal.of_cell(cell.name), arms["butterfly", ""], arms["testpmd", "butterfly"],
                                    lambda run, name=percentile: run["latency_ns"][name] / 1000)
        if figure:
            found[key] = figure
    return found


def rates(cells, journal):
    """{cell: {arm: figure}} in packets (or connections) a second."""
    table = {}
    for cell in cells:
        if cell.kind == "latency":
            continue
        runs = journal.of_cell(cell.name)
        row = {arm.name: figures.absolute(runs, arm.name) for arm in cell.arms}
        if any(row.values()):
            table[cell.name] = row
    return table


def latencies(cells, journal):
    """{cell: {arm: {percentile: figure}}} in microseconds."""
    table = {}
    for cell in cells:
        runs = journal.of_cell(cell.name)
        if cell.kind != "latency" or not runs:
            continue
        table[cell.name] = {
            arm.name: {percentile: figures.absolute(runs, arm.name,
                                                    lambda run, name=percentile: run["latency_ns"][name] / 1000)
                       for percentile in ("p50", "p99", "p99.9")}
            for arm in cell.arms if any(run["arm"] == arm.name for run in runs)}
    return table

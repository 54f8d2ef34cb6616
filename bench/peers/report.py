# SPDX-License-Identifier: Apache-2.0
"""What a reader gets: latest.json, latest.md and the plots, all of the same figures."""

import datetime
import json

from . import cells, plots, results

MEANING = {
    "chain_1_vs_testpmd": "whole chain / bare vhost forwarding, 1 flow",
    "chain_100k_vs_testpmd": "whole chain / bare vhost forwarding, 100,000 flows",
    "chain_1_vs_ovs": "whole chain / OVS-DPDK's, 1 flow",
    "chain_10k_vs_ovs": "whole chain / OVS-DPDK's, 10,000 flows",
    "chain_100k_vs_ovs": "whole chain / OVS-DPDK's, 100,000 flows",
    "newconn_vs_ovs": "new connections a second / OVS-DPDK's",
    "ipv6_vs_ipv4_100k": "IPv6 / IPv4, whole chain, 100,000 flows",
    "latency_added_p50_us": "latency that the chain adds at half its load, p50, microseconds",
    "latency_added_p999_us": "the same, p99.9, microseconds",
    "bytes_per_connection": "bytes a connection, IPv4",
    "bytes_per_connection_ovs": "OVS-DPDK's bytes a connection, IPv4",
    "bytes_per_connection_ipv6": "bytes a connection, IPv6",
    "bytes_per_connection_ipv6_ovs": "OVS-DPDK's bytes a connection, IPv6",
}
CHAIN_CELLS = ("chain-1", "chain-10k", "chain-100k")
PERCENTILES = ("p50", "p99", "p99.9")
LARGE = {large: rig for rig, large in cells.LARGE.items()}


def write(directory, journal, facts):
    """All results of a journal; `facts` say what they were taken on."""
    directory.mkdir(parents=True, exist_ok=True)
    known = cells.headline() + cells.matrix()
    facts = {**facts, "date": datetime.date.today().isoformat()}
    figures = results.headline_figures(known, journal)
    (directory / "latest.json").write_text(json.dumps({**figures, **facts}, indent=1) + "\n")
    (directory / "latest.md").write_text("\n".join(markdown(known, journal, figures, facts)) + "\n")
    for name, picture in pictures(known, journal):
        (directory / f"{name}.svg").write_text(picture)


def markdown(known, journal, figures, facts):
    machine = facts["machine"]
    yield "# Butterfly beside its peers"
    yield ""
    yield (f"Taken {facts['date']} on {machine['cpu']}, {machine['cpus']} CPUs, kernel {machine['kernel']}, DPDK "
           f"{machine['dpdk']}, Open vSwitch {machine['ovs']}, Butterfly {facts['commit']}. One CPU for the switch. "
           "[How it is measured](../README.md#beside-other-switches-make-bench-peers).")
    yield ""
    yield "| figure | median | quartiles | near pairs |"
    yield "|---|---|---|---|"
    for key, figure in figures.items():
        low, high = (plots.number_text(value) for value in figure["spread"])
        yield f"| {MEANING[key]} | **{plots.number_text(figure['value'])}** | {low} to {high} | {figure['near']} |"
    yield ""
    yield "Near 0: no run was taken with the CPUs near and nobody else at work; such a figure is doubtful."
    yield from rate_table(known, journal)
    yield from latency_table(known, journal)
    yield from memory_table(journal)


def memory_table(journal):
    facts = [(family, rig, journal.find_fact(f"memory, IPv{family}", rig)) for family in (4, 6)
             for rig in ("butterfly", "ovs")]
    if not any(fact for _, _, fact in facts):
        return
    yield ""
    yield "## Memory"
    yield ""
    yield "What the process has touched, its hugepages included, without connections and with a million."
    yield ""
    yield "| | MB without | MB with | bytes each |"
    yield "|---|---|---|---|"
    for family, rig, fact in facts:
        if fact:
            yield (f"| {plots.LABELS[rig]}, IPv{family} | {fact['idle'] / 1e6:.0f} | {fact['full'] / 1e6:.0f} | "
                   f"{fact['each']:.0f} |")


def rigs_in(table):
    """The rigs of a table's arms, a large one as what it stands for, in order of appearance."""
    names = {}
    for row in table.values():
        for arm in row:
            names.setdefault(small(arm.split("/")[0]))
    return list(names)


def small(rig):
    return LARGE.get(rig, rig)


def rate_table(known, journal):
    table = results.rates([cell for cell in known if cell.name != "ipv6-100k"], journal)
    if not table:
        return
    rigs = rigs_in(table)
    titles = {cell.name: cell.title for cell in known}
    yield ""
    yield "## Millions a second"
    yield ""
    yield "Packets, or connections, that arrived. In brackets: from runs that do not count."
    yield ""
    yield "| | " + " | ".join(plots.LABELS.get(rig, rig) for rig in rigs) + " |"
    yield "|---" * (len(rigs) + 1) + "|"
    for name, row in sorted(table.items(), key=lambda item: place_of(item[0])):
        by_rig = {small(arm.split("/")[0]): figure for arm, figure in row.items()}
        yield f"| {titles[name]} | " + " | ".join(rate_text(by_rig.get(rig)) for rig in rigs) + " |"


def place_of(name):
    """The chain first, by number of flows; the rest as it comes (sorting keeps that)."""
    return CHAIN_CELLS.index(name) if name in CHAIN_CELLS else len(CHAIN_CELLS)


def rate_text(figure):
    if not figure:
        return ""
    text = f"{figure['value'] / 1e6:.2f}"
    return text if figure["near"] else f"({text})"


def latency_table(known, journal):
    table = results.latencies(known, journal)
    if not table:
        return
    yield ""
    yield "## Latency, microseconds"
    yield ""
    yield "From one end to the other, 100 flows of 64 bytes, one way; load as a share of full load."
    yield ""
    yield "| load | through | " + " | ".join(PERCENTILES) + " |"
    yield "|---" * (len(PERCENTILES) + 2) + "|"
    for row in table.values():
        for arm, each in row.items():
            yield (f"| {load_text(arm)} | {plots.LABELS[arm.split('/')[0]]} | " +
                   " | ".join(f"{each[percentile]['value']:.1f}" for percentile in PERCENTILES) + " |")


def load_text(arm):
    """"50%butterfly" -> "50 % of Butterfly's"."""
    share, reference = arm.rsplit("/", 1)[1].split("%")
    return f"{share} % of {'its own' if not reference else plots.LABELS[reference] + chr(39) + 's'}"


def pictures(known, journal):
    """(name, SVG) of whatever there are runs for."""
    rates = results.rates(known, journal)
    by_name = {cell.name: cell for cell in known}
    chain = [name for name in CHAIN_CELLS if name in rates]
    if chain:
        yield "chain", plots.bars(
            "Guest to wire, 64-byte packets, one CPU",
            "Million packets a second, established TCP; antispoof, firewall, switch, VXLAN (testpmd: none of it)",
            [group(by_name[name], rates) for name in chain])
    if "new" in rates:
        yield "new", plots.bars("New connections, one CPU", "Million a second",
                                [group(cell, rates) for cell in known if cell.name in ("new", "new-v6") and
                                 cell.name in rates])
    yield from matrix_pictures(known, rates)
    latencies = results.latencies(known, journal)
    if latencies:
        yield "latency", plots.percentiles(
            "Latency, guest to wire, 64-byte packets, 100 flows", "Microseconds; load as a share of each one's own",
            [(f"{by_name[name].arms[0].load} % load",
              [(arm.rig, latencies[name][arm.name]) for arm in by_name[name].arms
               if not arm.reference and arm.name in latencies[name]])
             for name in sorted(latencies, key=lambda name: by_name[name].arms[0].load)])


def group(cell, rates, label=None):
    """A group of bars: the arms of a cell, in millions."""
    row = []
    for arm in cell.arms:
        figure = rates[cell.name][arm.name]
        if figure:
            row.append((small(arm.rig), {"value": figure["value"] / 1e6, "near": figure["near"],
                                         "spread": [value / 1e6 for value in figure["spread"]]}))
    return label or cell.title, row


def matrix_pictures(known, rates):
    by_name = {cell.name: cell for cell in known}
    for family in (4, 6):
        for ends, words in cells.ENDS.items():
            names = [f"v{family}-64-{ends}-{flows}" for flows in cells.FLOWS]
            groups = [group(by_name[name], rates, cells.count_of(flows)) for name, flows in zip(names, cells.FLOWS)
                      if name in rates]
            if groups:
                yield (f"flows-v{family}-{ends}",
                       plots.bars(f"IPv{family}, {words}, smallest packets, by number of flows",
                                  "Million packets a second", groups))
        names = [f"v{family}-{size}-guest-10000" for size in cells.SIZES]
        groups = [group(by_name[name], rates, f"{size} B" if size != "imix" else "IMIX")
                  for name, size in zip(names, cells.SIZES) if name in rates]
        if groups:
            yield f"sizes-v{family}", plots.bars(f"IPv{family}, guest to wire, 10,000 flows, by size of packet",
                                                 "Million packets a second", groups)

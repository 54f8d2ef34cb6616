# SPDX-License-Identifier: Apache-2.0
"""What a reader gets: a page of results, of the runs of a journal."""

import dataclasses
import datetime

from peers import figures


@dataclasses.dataclass(frozen=True)
class Page:
    """What is compared: `labels` by switch, in order; `subjects` are held against all others."""
    file: str
    title: str
    anchor: str  # of bench/README.md
    placement: str
    labels: dict
    subjects: tuple


ONE_HOST = Page(
    "guests.md", "iperf3 between two guests of one host", "between-real-guests-make-bench-guests",
    "the switch on CPU",
    {"butterfly": "Butterfly", "butterfly-poll": "Butterfly, polling", "testpmd": "testpmd (copies only)",
     "ovs-l2": "OVS-DPDK, L2", "ovs-conntrack": "OVS-DPDK, connection tracking",
     "ovs-l2-tso": "OVS-DPDK, L2, TSO on (experimental, off by default)"},
    ("butterfly", "butterfly-poll"))
TWO_HOSTS = Page(
    "guests-two-hosts.md", "iperf3 between guests of two hosts", "two-hosts",
    "both hosts' switches, and what the kernel receives, on CPU",
    {"butterfly": "Butterfly: firewall, VXLAN", "butterfly-unmerged": "Butterfly, `merge_tcp=off`",
     "kernel": "Linux: bridge, vxlan, tap", "ovs-chain": "OVS-DPDK: connection tracking, VXLAN",
     "ovs-vxlan": "OVS-DPDK: VXLAN", "ovs-vxlan-poll": "OVS-DPDK: VXLAN, polling"},
    ("butterfly",))


def write(directory, page, journal, cells, facts):
    """`facts` say what the runs were taken on."""
    directory.mkdir(parents=True, exist_ok=True)
    facts = {**facts, "date": datetime.date.today().isoformat()}
    (directory / page.file).write_text("\n".join(markdown(page, journal, cells, facts)) + "\n")


def markdown(page, journal, cells, facts):
    machine = facts["machine"]
    names = [name for name in page.labels if any(run["arm"] == name for run in journal.runs)]
    yield f"# {page.title}"
    yield ""
    yield (f"Taken {facts['date']} on {machine['cpu']}, {machine['cpus']} CPUs, kernel {machine['kernel']}, DPDK "
           f"{machine['dpdk']}, Open vSwitch {machine['ovs']}, Butterfly {facts['commit']}. Guests under "
           f"{facts['accelerator']}, both on CPU {facts['guest_cpus']}; {page.placement} {facts['switch_cpu']}. "
           f"[How it is measured](../README.md#{page.anchor}).")
    yield ""
    yield state_of(journal.runs)
    yield from rate_table(page, journal, cells, names)
    yield from ratio_table(page, journal, cells, names)
    yield from detail_table(page, journal, names)


def state_of(runs):
    near = sum(map(figures.is_near, runs))
    counted = sum(map(figures.is_accepted, runs))
    line = figures.median([run["near_before"] for run in runs])
    load = figures.median([run["load"] for run in runs])
    return (f"The machine: {len(runs)} runs in {len({run['round'] for run in runs})} rounds, {near} with the CPUs "
            f"near (a cache line took {line:.0f} ns, median), {counted} near and undisturbed; load average {load:.1f}. "
            "Figures are medians of the runs that count, or, in brackets, of all when none does.")


def rate_table(page, journal, cells, names):
    yield from head("## Gbit/s", [""] + [cell.title for cell in cells])
    for name in names:
        row = [figures.absolute(journal.of_cell(cell.name), name) for cell in cells]
        yield line([page.labels[name], *(text_of(figure, "{:.2f}") for figure in row)])


def ratio_table(page, journal, cells, names):
    yield from head("## Ratios, of runs of the same round", [""] + [cell.title for cell in cells])
    for subject in page.subjects:
        for other in names:
            if subject in names and other not in page.subjects:
                row = [figures.ratio(journal.of_cell(cell.name), subject, other) for cell in cells]
                yield line([f"{page.labels[subject]} / {page.labels[other]}",
                            *(text_of(figure, "{:.2f}") for figure in row)])


def detail_table(page, journal, names):
    yield from head("## What the packets were", ["", "offloads negotiated", "bytes a packet", "retransmits a run",
                                                 "interrupts a second, sender", "receiver", "switch's CPU",
                                                 "guests' CPU"])
    for name in names:
        runs = [run for run in journal.runs if run["arm"] == name]

        def middle(value, runs=runs):
            return figures.median([value(run) for run in runs])

        switch = f"{middle(lambda run: run['cpu'][0]):.0%}" if name != "kernel" else "in the kernel"
        yield line([page.labels[name], ", ".join(journal.find_fact("offloads", name) or []) or "none",
                    f"{middle(lambda run: run['bytes_a_packet']):,.0f}",
                    f"{middle(lambda run: run['retransmits']):.0f}",
                    *(f"{middle(lambda run, end=end: run['interrupts'][end]):.0f}" for end in (0, 1)),
                    switch, f"{middle(lambda run: sum(run['cpu'][1:])):.0%}"])


def text_of(figure, form):
    """Median and quartiles; in brackets when no run counts."""
    if not figure:
        return ""
    low, high = figure["spread"]
    text = f"**{form.format(figure['value'])}** {form.format(low)} to {form.format(high)}"
    return text if figure["near"] else f"({text})"


def head(title, columns):
    return ["", title, "", line(columns), "|---" * len(columns) + "|"]


def line(columns):
    return "| " + " | ".join(columns) + " |"

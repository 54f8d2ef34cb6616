# SPDX-License-Identifier: Apache-2.0
"""Plots as SVG text, by hand: grouped bars with quartile whiskers, and percentiles on a logarithmic
axis. Pure functions."""

import math
from xml.sax.saxutils import escape

COLOURS = {"butterfly": "#d95f02", "butterfly-large": "#d95f02", "butterfly-local": "#e6ab02",
           "butterfly-adaptive": "#7570b3", "ovs": "#1f78b4",
           "ovs-conntrack": "#6baed6", "ovs-vxlan": "#9ecae1", "ovs-l2": "#c6dbef", "testpmd": "#666666",
           "kernel": "#33a02c"}
LABELS = {"butterfly": "Butterfly", "butterfly-large": "Butterfly", "butterfly-local": "Butterfly, guest to guest",
          "butterfly-adaptive": "Butterfly, adaptive",
          "ovs": "OVS-DPDK, whole chain", "ovs-conntrack": "OVS-DPDK, conntrack", "ovs-vxlan": "OVS-DPDK, VXLAN",
          "ovs-l2": "OVS-DPDK, L2 only", "testpmd": "testpmd (copies only)", "kernel": "kernel"}
WIDTH = 860
LEFT, RIGHT, TOP, BOTTOM = 64, 16, 92, 40
PLOT_HEIGHT = 280
NARROW = 24  # a bar too narrow for three figures above it
FONT = 'font-family="sans-serif" font-size="12"'


def colour_of(rig):
    return COLOURS.get(rig, "#999999")


def ticks(highest, count=5):
    """Round numbers from 0 to just above `highest`."""
    if highest <= 0:
        return [0.0, 1.0]
    step = 10 ** math.floor(math.log10(highest / count))
    for factor in (1, 2, 5, 10):
        if highest / (step * factor) <= count:
            step *= factor
            break
    return [step * number for number in range(math.ceil(highest / step) + 1)]


def number_text(value):
    """Three figures at most, no useless zeros."""
    if abs(value) >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if abs(value) >= 10 else f"{value:.2f}"


def frame(title, subtitle, series, body, height=TOP + PLOT_HEIGHT + BOTTOM):
    """A whole picture: titles, legend of the rigs in `series`, and `body`."""
    parts = [f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" {FONT}>',
             f'<rect width="{WIDTH}" height="{height}" fill="white"/>',
             f'<text x="{LEFT}" y="20" font-size="15" font-weight="bold">{escape(title)}</text>',
             f'<text x="{LEFT}" y="38" fill="#555">{escape(subtitle)}</text>']
    return "\n".join([*parts, *legend(series), *body, "</svg>"]) + "\n"


def legend(series):
    """In two lines when one is too short for all."""
    x, y = LEFT, 46
    for rig in series:
        label = LABELS.get(rig, rig)
        width = 27 + 6.8 * len(label)
        if x + width > WIDTH - RIGHT:
            x, y = LEFT, y + 18
        yield f'<rect x="{x:.0f}" y="{y}" width="11" height="11" fill="{colour_of(rig)}"/>'
        yield f'<text x="{x + 15:.0f}" y="{y + 10}">{escape(label)}</text>'
        x += width


def grid(marks, y_of):
    """Horizontal lines with their labels; `marks` are (value, text)."""
    for value, text in marks:
        y = y_of(value)
        yield f'<line x1="{LEFT}" x2="{WIDTH - RIGHT}" y1="{y:.1f}" y2="{y:.1f}" stroke="#ddd"/>'
        yield f'<text x="{LEFT - 8}" y="{y + 4:.1f}" text-anchor="end">{text}</text>'


def group_places(groups):
    """[(x of the group, width of one of its places)]; `groups` are numbers of places."""
    width = (WIDTH - LEFT - RIGHT) / max(len(groups), 1)
    return [(LEFT + width * number + 0.1 * width, 0.8 * width / max(places, 1))
            for number, places in enumerate(groups)]


def group_label(x, width, text):
    return (f'<text x="{x + width / 2:.1f}" y="{TOP + PLOT_HEIGHT + 20}" text-anchor="middle">'
            f"{escape(text)}</text>")


def series_of(groups):
    """The rigs of all groups, in the order in which they appear, one for each label."""
    seen = {}
    for _, row in groups:
        for rig, *_ in row:
            seen.setdefault(LABELS.get(rig, rig), rig)
    return list(seen.values())


def bars(title, subtitle, groups):
    """`groups`: [(label, [(rig, figure)])]; figures as figures.py makes them, already in the unit."""
    highest = max((figure["spread"][1] for _, row in groups for _, figure in row), default=0.0)
    marks = ticks(highest)
    top = marks[-1]

    def y_of(value):
        return TOP + PLOT_HEIGHT * (1 - value / top)

    body = list(grid([(mark, f"{mark:g}") for mark in marks], y_of))
    for (label, row), (left, width) in zip(groups, group_places([len(row) for _, row in groups])):
        for place, (rig, figure) in enumerate(row):
            body += bar(left + place * width, width, figure, colour_of(rig), y_of)
        body.append(group_label(left, width * len(row), label))
    return frame(title, subtitle, series_of(groups), body)


def bar(x, width, figure, colour, y_of):
    value, (low, high) = figure["value"], figure["spread"]
    middle = x + width / 2
    faint = ' fill-opacity="0.45"' if not figure["near"] else ""
    yield (f'<rect x="{x + 1:.1f}" y="{y_of(value):.1f}" width="{max(width - 2, 1):.1f}" '
           f'height="{y_of(0) - y_of(value):.1f}" fill="{colour}"{faint}/>')
    yield (f'<line x1="{middle:.1f}" x2="{middle:.1f}" y1="{y_of(low):.1f}" y2="{y_of(high):.1f}" '
           'stroke="black" stroke-width="1.5"/>')
    yield (f'<text x="{middle:.1f}" y="{y_of(high) - 4:.1f}" text-anchor="middle" font-size="10">'
           f"{number_text(value) if width > NARROW else f'{value:.1f}'}</text>")


def percentiles(title, subtitle, groups):
    """`groups`: [(label, [(rig, {percentile: figure})])]; a column from p50 to p99.9, on a log axis."""
    values = [figure["value"] for _, row in groups for _, each in row for figure in each.values()]
    low = math.floor(math.log10(max(min(values, default=1.0), 0.01)))
    high = max(math.ceil(math.log10(max([*values, 1.0]))), low + 1)

    def y_of(value):
        return TOP + PLOT_HEIGHT * (1 - (math.log10(max(value, 10.0 ** low)) - low) / (high - low))

    body = list(grid([(10.0 ** power, f"{10.0 ** power:g}") for power in range(low, high + 1)], y_of))
    for (label, row), (left, width) in zip(groups, group_places([len(row) for _, row in groups])):
        for place, (rig, each) in enumerate(row):
            body += percentile_column(left + (place + 0.5) * width, each, colour_of(rig), y_of)
        body.append(group_label(left, width * len(row), label))
    return frame(title, subtitle, series_of(groups), body)


def percentile_column(x, each, colour, y_of):
    heights = [y_of(figure["value"]) for figure in each.values()]
    yield (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{max(heights):.1f}" y2="{min(heights):.1f}" stroke="{colour}" '
           'stroke-width="3"/>')
    for (name, figure), y in zip(each.items(), heights):
        yield f'<circle cx="{x:.1f}" cy="{y:.1f}" r="5" fill="{colour}"/>'
        yield (f'<text x="{x + 9:.1f}" y="{y + 4:.1f}" font-size="10">{name}: '
               f'{number_text(figure["value"])}</text>')

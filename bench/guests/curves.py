# SPDX-License-Identifier: Apache-2.0
"""A curve a series, over a number that grows by orders of magnitude, as SVG text. Pure functions."""

import math

from peers import plots

MIDDLE = plots.LEFT + 20


def curves(title, subtitle, series, unit):
    """`series`: [(colour, dashes, label, {number: figure})], figures in the unit."""
    numbers = sorted({number for *_, figures in series for number in figures})
    highest = max(figure["spread"][1] for *_, figures in series for figure in figures.values())
    marks = plots.ticks(highest)

    def y_of(value):
        return plots.TOP + plots.PLOT_HEIGHT * (1 - value / marks[-1])

    def x_of(number):
        span = math.log(numbers[-1] / numbers[0]) or 1.0
        return MIDDLE + (plots.WIDTH - plots.RIGHT - 20 - MIDDLE) * math.log(number / numbers[0]) / span

    body = list(plots.grid([(mark, f"{mark:g}") for mark in marks], y_of))
    for place, (colour, dashes, label, figures) in enumerate(series):
        body += key(place, colour, dashes, label)
        body += curve([(x_of(number), figure) for number, figure in sorted(figures.items())], y_of, colour, dashes)
    for number in numbers:
        body.append(f'<text x="{x_of(number):.1f}" y="{plots.TOP + plots.PLOT_HEIGHT + 20}" '
                    f'text-anchor="middle">{number}</text>')
    return plots.frame(title, f"{subtitle}; {unit}", [], body)


def key(place, colour, dashes, label):
    x, y = plots.LEFT + 400 * (place % 2), 56 + 18 * (place // 2)
    yield f'<line x1="{x}" x2="{x + 24}" y1="{y}" y2="{y}" stroke="{colour}" stroke-width="2" {dashes}/>'
    yield f'<text x="{x + 30}" y="{y + 4}">{plots.escape(label)}</text>'


def curve(points, y_of, colour, dashes):
    path = " ".join(f"{x:.1f},{y_of(figure['value']):.1f}" for x, figure in points)
    yield f'<polyline points="{path}" fill="none" stroke="{colour}" stroke-width="2" {dashes}/>'
    for x, figure in points:
        low, high = figure["spread"]
        yield (f'<line x1="{x:.1f}" x2="{x:.1f}" y1="{y_of(low):.1f}" y2="{y_of(high):.1f}" stroke="{colour}"/>')
        yield (f'<circle cx="{x:.1f}" cy="{y_of(figure["value"]):.1f}" r="3.5" fill="{colour}"/>')
        yield (f'<text x="{x + 6:.1f}" y="{y_of(figure["value"]) - 6:.1f}" font-size="10">'
               f'{plots.number_text(figure["value"])}</text>')

# SPDX-License-Identifier: Apache-2.0
"""Which named counters stand for which refusal, in one place.
A pattern is searched in "brick/out", as `Host.drops` names them."""

import re

FIREWALL = r"firewall.*(den|no-rule|not-allowed|reject|default)"
SPOOFED = r"^antispoof/"
TOO_BIG_ANSWERED = r"^path-mtu/answered"  # no drop: the packet becomes the answer


def matching(drops, pattern):
    """The counters of `drops` that match, as {name: packets}."""
    return {name: packets for name, packets in drops.items() if re.search(pattern, name, re.IGNORECASE)}


def total(drops, pattern):
    return sum(matching(drops, pattern).values())


def line_naming(text, names):
    """The first line of a text (e.g. a trace) that holds all words of one of the "brick/out" names."""
    for line in text.splitlines():
        if any(all(word in line for word in name.split("/")) for name in names):
            return line.strip()
    return ""

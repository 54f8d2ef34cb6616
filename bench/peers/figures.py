# SPDX-License-Identifier: Apache-2.0
"""From runs to figures: which runs count, ratios of runs that were made one after the other, medians
and their spread. Pure functions; a run is a dictionary as measure.py writes it into the journal."""

NEAR_NS = 60.0  # a cache line's way from one CPU to the other; beyond, the CPUs lie far apart
MOST_WAITED = 0.05  # share of its time that a busy thread may have had to wait for its CPU
MOST_STOLEN = 0.02  # share that the hypervisor gave to others


def quantile(values, share):
    """Linear between neighbours; None of nothing."""
    ordered = sorted(values)
    if not ordered:
        return None
    position = (len(ordered) - 1) * share
    low = int(position)
    high = min(low + 1, len(ordered) - 1)
    return ordered[low] + (ordered[high] - ordered[low]) * (position - low)


def median(values):
    return quantile(values, 0.5)


def is_near(run):
    return run["near_before"] < NEAR_NS and run["near_after"] < NEAR_NS


def is_disturbed(run):
    return run["waited"] > MOST_WAITED or run["stolen"] > MOST_STOLEN


def is_accepted(run):
    """Near, undisturbed, and every frame that was looked at was the one sent."""
    return is_near(run) and not is_disturbed(run) and run["unread"] == 0


def rounds_of(runs, accept=is_accepted):
    """{round: {arm: run}} of the runs that count."""
    rounds = {}
    for run in runs:
        if accept(run):
            rounds.setdefault(run["round"], {})[run["arm"]] = run
    return rounds


def value_of(run):
    return run["value"]


def pairs(runs, arm, other, value=value_of, accept=is_accepted):
    """[(value, value)] of the rounds in which both arms count."""
    return [(value(arms[arm]), value(arms[other])) for _, arms in sorted(rounds_of(runs, accept).items())
            if arm in arms and other in arms]


def spread_of(values, near):
    """A figure: median, quartiles, and how many near runs stand behind it."""
    return {"value": median(values), "spread": [quantile(values, 0.25), quantile(values, 0.75)], "near": near}


def compare(runs, arm, other, combine, value=value_of):
    """The figure of combine(value, value) over near pairs; over all pairs, with near = 0, when there
    is not one near pair (better a doubtful figure that says so than none). None without pairs."""
    near = pairs(runs, arm, other, value)
    chosen = near or pairs(runs, arm, other, value, accept=lambda run: True)
    if not chosen:
        return None
    return spread_of([combine(*pair) for pair in chosen], len(near))


def ratio(runs, arm, other):
    return compare(runs, arm, other, lambda ours, theirs: ours / theirs if theirs else 0.0)


def difference(runs, arm, other, value=value_of):
    return compare(runs, arm, other, lambda ours, theirs: ours - theirs, value)


def absolute(runs, arm, value=value_of):
    """The figure of one arm by itself."""
    near = [value(run) for run in runs if run["arm"] == arm and is_accepted(run)]
    every = near or [value(run) for run in runs if run["arm"] == arm]
    return spread_of(every, len(near)) if every else None


def has_enough(runs, arms, wanted):
    """Whether `wanted` rounds have near runs of all the arms."""
    complete = [one for one in rounds_of(runs).values() if all(arm in one for arm in arms)]
    return len(complete) >= wanted

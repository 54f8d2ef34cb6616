# SPDX-License-Identifier: Apache-2.0
"""Tests of what bench-peers computes: no root, no traffic."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import figures, network, results  # noqa: E402
from peers.cells import Arm, Cell, headline  # noqa: E402
from peers.journal import Journal  # noqa: E402


def run_of(arm, number, value, near=30.0, **other):
    return {"cell": "c", "arm": arm, "round": number, "value": value, "near_before": near, "near_after": near,
            "waited": 0.0, "stolen": 0.0, "unread": 0, **other}


class Quantiles(unittest.TestCase):
    def test_interpolates_between_neighbours(self):
        self.assertEqual(figures.median([3, 1, 2]), 2)
        self.assertEqual(figures.median([4, 1, 2, 3]), 2.5)
        self.assertEqual(figures.quantile([0, 10], 0.25), 2.5)

    def test_is_none_of_nothing(self):
        self.assertIsNone(figures.median([]))


class Acceptance(unittest.TestCase):
    def test_takes_a_near_and_quiet_run(self):
        self.assertTrue(figures.is_accepted(run_of("a", 0, 1)))

    def test_refuses_a_run_that_began_or_ended_far(self):
        self.assertFalse(figures.is_accepted({**run_of("a", 0, 1), "near_before": 160.0}))
        self.assertFalse(figures.is_accepted({**run_of("a", 0, 1), "near_after": 160.0}))

    def test_refuses_a_run_whose_threads_waited(self):
        self.assertFalse(figures.is_accepted(run_of("a", 0, 1, waited=0.2)))
        self.assertFalse(figures.is_accepted(run_of("a", 0, 1, stolen=0.2)))

    def test_refuses_a_run_with_changed_frames(self):
        self.assertFalse(figures.is_accepted(run_of("a", 0, 1, unread=1)))


class Ratios(unittest.TestCase):
    def test_pairs_runs_of_the_same_round(self):
        runs = [run_of("a", 0, 6), run_of("b", 0, 2), run_of("a", 1, 8), run_of("b", 1, 2), run_of("a", 2, 9)]
        self.assertEqual(figures.ratio(runs, "a", "b"), {"value": 3.5, "spread": [3.25, 3.75], "near": 2})

    def test_leaves_out_rounds_with_a_far_side(self):
        runs = [run_of("a", 0, 6), run_of("b", 0, 2), run_of("a", 1, 8), run_of("b", 1, 2, near=160.0)]
        self.assertEqual(figures.ratio(runs, "a", "b")["value"], 3)

    def test_says_that_no_pair_was_near(self):
        runs = [run_of("a", 0, 6, near=160.0), run_of("b", 0, 2, near=160.0)]
        self.assertEqual(figures.ratio(runs, "a", "b"), {"value": 3, "spread": [3, 3], "near": 0})

    def test_is_none_without_pairs(self):
        self.assertIsNone(figures.ratio([run_of("a", 0, 6)], "a", "b"))

    def test_counts_complete_rounds(self):
        runs = [run_of("a", 0, 6), run_of("b", 0, 2), run_of("a", 1, 8)]
        self.assertTrue(figures.has_enough(runs, ["a", "b"], 1))
        self.assertFalse(figures.has_enough(runs, ["a", "b"], 2))


class Traffic(unittest.TestCase):
    def test_ipv6_frames_hold_headers_and_stamp(self):
        self.assertEqual(network.lengths("64", 6), "80")
        self.assertEqual(network.lengths("1450", 6), "1450")

    def test_imix_is_seven_to_four_to_one(self):
        frames = network.lengths("imix", 4).split(",")
        self.assertEqual([frames.count(size) for size in ("64", "570", "1450")], [7, 4, 1])

    def test_flow_sets_do_not_overlap(self):
        sets = sorted((first, first + count) for count, first in network.FLOW_SETS.items())
        for (_, end), (first, _) in zip(sets, sets[1:]):
            self.assertLessEqual(end, first)
        self.assertLessEqual(sets[-1][1], network.FIRST_NEW_FLOW)

    def test_arms_of_a_cell_have_different_names(self):
        for cell in headline():
            self.assertEqual(len({arm.name for arm in cell.arms}), len(cell.arms))


class Journals(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name) / "journal.jsonl"

    def test_is_taken_up_again_but_for_a_torn_line(self):
        journal = Journal(self.path, "x", resume=False)
        journal.add_run(run_of("a", 0, 1))
        journal.add_fact("full load", "a", 5)
        with open(self.path, "a", encoding="utf-8") as out:
            out.write('{"cell": "c", "rou')
        again = Journal(self.path, "x", resume=True)
        self.assertEqual(len(again.of_cell("c")), 1)
        self.assertEqual(again.find_fact("full load", "a"), 5)

    def test_is_not_resumed_with_other_binaries(self):
        Journal(self.path, "x", resume=False)
        with self.assertRaises(ValueError):
            Journal(self.path, "y", resume=True)

    def test_headline_figures_come_from_their_cells(self):
        cell = Cell("chain-1", (Arm("butterfly"), Arm("testpmd"), Arm("ovs")))
        journal = Journal(self.path, "x", resume=False)
        for arm, value in zip(cell.arms, (8, 10, 2)):
            journal.add_run({**run_of(arm.name, 0, value), "cell": "chain-1"})
        found = results.headline_figures([cell], journal)
        self.assertEqual(found["chain_1_vs_testpmd"]["value"], 0.8)
        self.assertEqual(found["chain_1_vs_ovs"]["value"], 4)


if __name__ == "__main__":
    unittest.main()

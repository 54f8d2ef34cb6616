# SPDX-License-Identifier: Apache-2.0
"""Tests of the comparison with the baseline."""
import json
import pathlib
import sys
import unittest

sys.dont_write_bytecode = True
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent))

import baseline  # noqa: E402


def measured(cycles=50.0, instructions=400.0, cpu="a CPU", unrest=1.0, clock=1.4):
    journeys = {words: (cycles / unrest, cycles, cycles) for words in baseline.GATES}
    bricks = {("guest->wire", "ipv4", "1", "parse"): (10.0, 10.0, 10.0)}
    counts = {("journey", "guest->wire", "ipv4", "1"): instructions}
    return baseline.make(cpu, clock, journeys, bricks, counts)


class Comparison(unittest.TestCase):
    def test_the_same_figures_say_so(self):
        self.assertEqual(baseline.comparison(measured(), measured()), ["nothing is slower"])

    def test_a_little_more_is_nothing(self):
        self.assertEqual(baseline.comparison(measured(), measured(54.9, 407.9)), ["nothing is slower"])

    def test_what_is_slower_is_named_with_how_much(self):
        lines = baseline.comparison(measured(), measured(50.0, 410.0))
        self.assertEqual(lines, ["slower   guest->wire ipv4 1: 410.0 instructions, were 400.0 (+10.0)"])
        lines = baseline.comparison(measured(), measured(56.0))
        self.assertEqual(len(lines), 4)
        self.assertTrue(all(line.endswith("56.0 cycles, were 50.0 (+6.0)") for line in lines))

    def test_what_is_quicker_is_no_fault(self):
        lines = baseline.comparison(measured(), measured(50.0, 300.0))
        self.assertEqual(lines, ["nothing is slower",
                                 "quicker  guest->wire ipv4 1: 300.0 instructions, were 400.0 (-100.0)"])

    def test_cycles_at_another_clock_are_not_compared(self):
        self.assertEqual(baseline.comparison(measured(), measured(90.0, clock=1.2)),
                         ["cycles are not compared: the core's clock is 1.20, was 1.40", "nothing is slower"])
        self.assertGreater(len(baseline.comparison(measured(), measured(90.0, clock=1.38))), 2)

    def test_cycles_of_a_disturbed_run_or_another_cpu_are_not_compared(self):
        self.assertEqual(baseline.comparison(measured(), measured(90.0, unrest=1.6)),
                         ["nothing is slower", "cycles of 4 journeys are not compared: disturbed"])
        other = baseline.comparison(measured(), measured(90.0, cpu="another"))
        self.assertEqual(other[1:], ["nothing is slower"])
        self.assertIn("another CPU (a CPU)", other[0])

    def test_with_many_flows_packets_may_differ_more(self):
        lines = baseline.comparison(measured(), measured(90.0, unrest=1.3))
        self.assertEqual(sum(line.startswith("slower") for line in lines), 2)
        self.assertEqual(lines[-1], "cycles of 2 journeys are not compared: disturbed")

    def test_a_row_that_is_gone_is_named(self):
        now = measured()
        now["bricks"] = {}
        self.assertEqual(baseline.comparison(measured(), now)[-1], "no longer there: guest->wire ipv4 1 parse")

    def test_without_a_baseline_it_says_how_to_get_one(self):
        self.assertEqual(len(baseline.comparison(None, measured())), 1)


class Gates(unittest.TestCase):
    def test_each_goal_is_met_or_missed_by_so_much(self):
        lines = baseline.gates(measured(70.0))
        self.assertEqual(lines[0], "guest->wire ipv4, 1 flow: at most 65 cycles: 70.0, missed by 5.0")
        self.assertEqual(lines[3], "wire->guest ipv4, 100,000 flows: at most 130 cycles: 70.0, met by 60.0")

    def test_what_was_disturbed_is_not_judged(self):
        for line in baseline.gates(measured(10.0, unrest=1.6)):
            self.assertTrue(line.endswith("not judged: disturbed"), line)


class Kept(unittest.TestCase):
    def test_the_baseline_in_the_tree_has_all_journeys_that_have_goals(self):
        kept = json.loads(baseline.PATH.read_text())
        for words in baseline.GATES:
            self.assertIn(" ".join(words), kept["journeys"])
        self.assertIn("instructions", kept["bricks"]["guest->wire ipv4 1 parse"])


if __name__ == "__main__":
    unittest.main()

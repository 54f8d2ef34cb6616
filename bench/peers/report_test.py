# SPDX-License-Identifier: Apache-2.0
"""Tests of tables and plots: no root, no traffic."""

import json
import pathlib
import sys
import tempfile
import unittest
import xml.etree.ElementTree

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import cells, plots, report  # noqa: E402
from peers.journal import Journal  # noqa: E402

FACTS = {"machine": {"cpu": "a CPU", "cpus": 2, "kernel": "6", "dpdk": "22.11", "ovs": "3.1"}, "commit": "abc",
         "quick": True}


def figure(value, near=9):
    return {"value": value, "spread": [0.9 * value, 1.1 * value], "near": near}


def fill(journal, known):
    """Three near rounds of every arm."""
    for cell in known:
        for number in range(3):
            for place, arm in enumerate(cell.arms):
                journal.add_run({"cell": cell.name, "arm": arm.name, "round": number, "value": 1e6 * (10 - place),
                                 "near_before": 30.0, "near_after": 30.0, "waited": 0.0, "stolen": 0.0, "unread": 0,
                                 "latency_ns": {"p50": 1000, "p99": 9000, "p99.9": 90000}})


class Plots(unittest.TestCase):
    def test_ticks_are_round_and_cover(self):
        self.assertEqual(plots.ticks(9.7), [0, 2, 4, 6, 8, 10])
        self.assertEqual(plots.ticks(0.0), [0.0, 1.0])

    def test_numbers_have_three_figures(self):
        self.assertEqual([plots.number_text(value) for value in (0.821, 12.34, 345.6, -2419.8)],
                         ["0.82", "12.3", "346", "-2420"])

    def test_bars_are_wellformed_and_named(self):
        text = plots.bars("A < B", "unit", [("1 flow", [("butterfly", figure(8)), ("ovs", figure(2, near=0))])])
        root = xml.etree.ElementTree.fromstring(text)
        words = [element.text for element in root.iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("A < B", words)
        self.assertIn("Butterfly", words)
        self.assertIn("8.00", words)
        self.assertIn("fill-opacity", text)  # the doubtful one is faint

    def test_percentiles_lie_above_each_other(self):
        each = {"p50": figure(2), "p99": figure(20), "p99.9": figure(200)}
        root = xml.etree.ElementTree.fromstring(plots.percentiles("t", "s", [("50 %", [("ovs", each)])]))
        heights = [float(circle.get("cy")) for circle in root.iter("{http://www.w3.org/2000/svg}circle")]
        self.assertEqual(heights, sorted(heights, reverse=True))


class Report(unittest.TestCase):
    def setUp(self):
        directory = tempfile.TemporaryDirectory()
        self.addCleanup(directory.cleanup)
        self.path = pathlib.Path(directory.name)
        self.journal = Journal(self.path / "journal.jsonl", "x", resume=False)

    def test_is_whole_after_a_full_session(self):
        fill(self.journal, cells.headline() + cells.matrix())
        for key in ("butterfly", "ovs"):
            self.journal.add_fact("memory, IPv4", key, {"idle": 2e8, "full": 3.18e8, "each": 118.0})
        report.write(self.path, self.journal, FACTS)
        latest = json.loads((self.path / "latest.json").read_text())
        for key in ("chain_1_vs_testpmd", "chain_100k_vs_testpmd", "chain_1_vs_ovs", "chain_10k_vs_ovs",
                    "chain_100k_vs_ovs", "newconn_vs_ovs", "bytes_per_connection"):
            self.assertEqual(set(latest[key]), {"value", "spread", "near"}, key)
        for name in ("chain", "new", "latency", "flows-v4-guest", "flows-v6-both", "sizes-v4"):
            xml.etree.ElementTree.fromstring((self.path / f"{name}.svg").read_text())

    def test_tables_have_as_many_cells_in_every_row(self):
        fill(self.journal, cells.headline() + cells.matrix())
        self.journal.add_fact("memory, IPv6", "ovs", {"idle": 2e8, "full": 3.18e8, "each": 118.0})
        report.write(self.path, self.journal, FACTS)
        width = None
        for line in (self.path / "latest.md").read_text().splitlines():
            if not line.startswith("|"):
                width = None
                continue
            width = width or line.count("|")
            self.assertEqual(line.count("|"), width, line)

    def test_is_written_with_next_to_nothing(self):
        report.write(self.path, self.journal, FACTS)
        self.assertEqual(json.loads((self.path / "latest.json").read_text())["commit"], "abc")


if __name__ == "__main__":
    unittest.main()

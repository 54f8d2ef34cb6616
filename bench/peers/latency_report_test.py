# SPDX-License-Identifier: Apache-2.0
"""Tests of what a session about latency writes: no root, no traffic."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from peers import latency, latency_report  # noqa: E402
from peers.journal import Journal  # noqa: E402

FACTS = {"machine": {"cpu": "a CPU", "cpus": 2, "kernel": "6", "dpdk": "22.11", "ovs": "3.1"}, "commit": "abc"}
P50_NS = {"butterfly-adaptive": 90_000, "butterfly": 3_000, "testpmd": 2_000}


class Report(unittest.TestCase):
    def written(self, line_ns=30.0):
        """(latency.md, names of all files) after one cell of each kind."""
        with tempfile.TemporaryDirectory() as directory:
            directory = pathlib.Path(directory)
            journal = Journal(directory / "journal.jsonl", "subject", resume=False)
            known = [cell for cell in latency.cells() if cell.name in ("rate-100", "load-50")]
            for cell in known:
                for arm in cell.arms:
                    p50 = P50_NS[arm.rig]
                    journal.add_run({"cell": cell.name, "arm": arm.name, "round": 0, "value": p50, "rate": 2_500_000,
                                     "near_before": line_ns, "near_after": line_ns, "waited": 0.0, "stolen": 0.0,
                                     "unread": 0, "busy": 0.031,
                                     "latency_ns": {"p50": p50, "p99": 2 * p50, "p99.9": 3 * p50}})
            journal.add_fact("floor", "rate-100", {"p50": 83.0, "p90": 84.0, "p99": 85.0, "write": 7.0})
            journal.add_fact("idle", "butterfly-adaptive-local", 0.0021)
            latency_report.write(directory / "results", known, journal, FACTS)
            return (directory / "results" / "latency.md").read_text(), {path.name for path in
                                                                          (directory / "results").iterdir()}

    def test_each_cell_has_its_arms_and_what_one_adds_to_the_other(self):
        text, names = self.written()
        self.assertIn("## 100 packets a second\n", text)
        self.assertIn("## 50 % load (2.50 M packets a second)\n", text)
        self.assertIn("| Butterfly, adaptive | 90.0 (90.0 to 90.0) | 180 (180 to 180) | 270 (270 to 270) | "
                      "3.10 (3.10 to 3.10) |", text)
        self.assertIn("| *adaptive over poll* | 87.0 (87.0 to 87.0) |", text)
        self.assertIn("| *poll over testpmd* | 1.00 (1.00 to 1.00) |", text)
        self.assertEqual(text.count("| *a bare wake-up on this machine* | 83.0 | 85.0 |"), 1)
        self.assertIn("| two guests connected, no uplink | 0.21 % |", text)
        self.assertEqual(names, {"latency.md", "latency-rates.svg", "latency-loads.svg"})

    def test_what_was_measured_with_the_cpus_far_apart_says_so(self):
        self.assertIn("| Butterfly | [3.00 (3.00 to 3.00)] |", self.written(line_ns=200.0)[0])


if __name__ == "__main__":
    unittest.main()

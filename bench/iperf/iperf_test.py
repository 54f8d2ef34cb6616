# SPDX-License-Identifier: Apache-2.0
"""Tests of what bench-guests reads and writes: no root, no guests."""

import pathlib
import sys
import tempfile
import unittest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))

from iperf import measure, report, transfer  # noqa: E402
from lab.shell import CommandFailed  # noqa: E402
from peers.journal import Journal  # noqa: E402

COUNTERS = """\
  eth0: 1000 10 0 0 0 0 0 0 2000 20 0 0 0 0 0 0
Tcp: RtoAlgorithm InErrs InCsumErrors
Tcp: 1 5 3
 10:       7  IO-APIC  10-fasteoi   virtio0
"""
FACTS = {"machine": {"cpu": "a CPU", "cpus": 2, "kernel": "6", "dpdk": "22.11", "ovs": "3.1"}, "commit": "abc",
         "accelerator": "TCG", "guest_cpus": "1", "switch_cpu": 0}


def run_of(arm, number, value, near=30.0):
    return {"cell": "1-out", "arm": arm, "round": number, "value": value, "near_before": near, "near_after": near,
            "waited": 0.0, "stolen": 0.0, "unread": 0, "load": 1.0, "bytes_a_packet": 50_000, "retransmits": 2,
            "interrupts": [400, 300], "cpu": [0.5, 0.25, 0.25]}


class Reading(unittest.TestCase):
    def test_reads_what_a_guest_counts(self):
        self.assertEqual(transfer.read_counters(COUNTERS),
                         {"rx_bytes": 1000, "rx_packets": 10, "tx_packets": 20, "interrupts": 7, "bad_checksums": 3})

    def test_says_what_iperf_said_instead_of_a_report(self):
        with self.assertRaisesRegex(CommandFailed, "unable to connect"):
            transfer.read_report('{"error": "unable to connect to server"}')


class Report(unittest.TestCase):
    def text(self, runs):
        with tempfile.TemporaryDirectory() as directory:
            journal = Journal(pathlib.Path(directory) / "journal", "subject", False)
            journal.add_fact("offloads", "testpmd", ["checksums", "TSO"])
            for run in runs:
                journal.add_run(run)
            report.write(pathlib.Path(directory), report.ONE_HOST, journal, measure.CELLS[:1], FACTS)
            return (pathlib.Path(directory) / "guests.md").read_text()

    def test_has_medians_and_ratios_of_the_same_round(self):
        text = self.text([run_of(arm, number, value) for number in range(3)
                          for arm, value in (("butterfly", 1.5), ("testpmd", 1.0))])
        self.assertIn("| Butterfly | **1.50** 1.50 to 1.50 |", text)
        self.assertIn("| Butterfly / testpmd (copies only) | **1.50** 1.50 to 1.50 |", text)
        self.assertIn("| testpmd (copies only) | checksums, TSO | 50,000 |", text)

    def test_brackets_what_was_taken_far_away(self):
        text = self.text([run_of("butterfly", 0, 1.5, near=160.0), run_of("testpmd", 0, 1.0)])
        self.assertIn("| Butterfly | (**1.50** 1.50 to 1.50) |", text)
        self.assertIn("1 with the CPUs near", text)


if __name__ == "__main__":
    unittest.main()

#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""Tests of tools/run-tests, with programs that behave as test programs do."""

import pathlib
import subprocess
import tempfile
import unittest

RUN_TESTS = pathlib.Path(__file__).resolve().parent / "run-tests"
# Writes GoogleTest's report, says what it says, ends with a code.
PROGRAM = """#!/bin/sh
for argument; do case $argument in --gtest_output=json:*) report=${{argument#*json:}};; esac; done
printf '%s\\n' '[ RUN      ] Suite.Name'
{report}
exit {code}
"""
REPORT = """echo '{{"tests": {tests}, "failures": {failures}, "disabled": 0, "errors": 0}}' > "$report\""""


class RunTestsTest(unittest.TestCase):
    def setUp(self):
        self._directory = tempfile.TemporaryDirectory()
        self.addCleanup(self._directory.cleanup)
        self.build = pathlib.Path(self._directory.name)

    def program(self, name, tests=None, failures=0, code=0):
        """Without `tests` it ends before it has written a report."""
        report = ":" if tests is None else REPORT.format(tests=tests, failures=failures)
        path = self.build / name
        path.write_text(PROGRAM.format(report=report, code=code))
        path.chmod(0o755)

    def run_tests(self, *arguments):
        done = subprocess.run([RUN_TESTS, self.build, "--no-others", *arguments], capture_output=True, text=True,
                              check=False)
        return done.returncode, done.stdout + done.stderr

    def test_adds_up_what_passed(self):
        self.program("a_test", tests=3)
        self.program("b_test", tests=4)
        code, output = self.run_tests()
        self.assertEqual(code, 0, output)
        self.assertIn("run-tests: 7 passed, 0 failed", output)

    def test_a_failure_fails(self):
        self.program("a_test", tests=3, failures=1, code=1)
        code, output = self.run_tests()
        self.assertEqual(code, 1)
        self.assertIn("run-tests: 2 passed, 1 failed", output)

    def test_a_program_that_dies_names_the_test_it_was_in(self):
        self.program("a_test", code=139)
        code, output = self.run_tests()
        self.assertEqual(code, 1)
        self.assertIn("ended with 139 in Suite.Name", output)

    def test_a_sanitizers_verdict_after_the_tests_fails(self):
        self.program("a_test", tests=3, code=23)
        code, output = self.run_tests()
        self.assertEqual(code, 1)
        self.assertIn("3 passed, 1 failed", output)

    def test_a_program_without_a_test_that_fits_the_filter_fails(self):
        self.program("a_test", tests=3)
        self.program("b_test", tests=0)
        code, output = self.run_tests("--filter", "Fdb*")
        self.assertEqual(code, 1)
        self.assertIn("b_test: no test fits 'Fdb*'", output)

    def test_a_program_that_was_not_built_is_named(self):
        self.program("a_test", tests=3)
        code, output = self.run_tests("--only", "a_test", "b_test")
        self.assertNotEqual(code, 0)
        self.assertIn("no b_test in", output)

    def test_an_empty_directory_is_refused(self):
        code, output = self.run_tests()
        self.assertNotEqual(code, 0)
        self.assertIn("no test program", output)

    def test_a_program_that_hangs_is_ended(self):
        path = self.build / "a_test"
        path.write_text("#!/bin/sh\nexec sleep 60\n")
        path.chmod(0o755)
        code, output = self.run_tests("--timeout", "0.2")
        self.assertEqual(code, 1)
        self.assertIn("still ran after 0.2 s", output)


if __name__ == "__main__":
    unittest.main()

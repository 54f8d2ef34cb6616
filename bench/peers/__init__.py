# SPDX-License-Identifier: Apache-2.0
"""The same traffic through Butterfly and its peers on one machine: what tools/bench-peers runs.
Standard library only; processes, directories and clean-up are the VM lab's (tests/vm/lab)."""

import pathlib
import sys

ROOT = pathlib.Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "vm"))

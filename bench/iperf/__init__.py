# SPDX-License-Identifier: Apache-2.0
"""iperf3 between two real guests of one host, through Butterfly and through its peers in turn: what
tools/bench-guests runs. Switches and figures are those of bench/peers, guests those of tests/vm."""

import peers  # noqa: F401  (puts the lab where it can be imported)

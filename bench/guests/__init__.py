# SPDX-License-Identifier: Apache-2.0
"""Many guests on one host, and bad ones beside good ones: what tools/bench-nics and
tools/bench-conditions run. Rigs, figures and plots are those of bench/peers, which also makes the
VM lab's modules known."""

import peers  # noqa: F401

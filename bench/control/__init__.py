# SPDX-License-Identifier: Apache-2.0
"""What tools/bench-control runs. Rig and machine are those of bench/guests and bench/peers, which also
makes the VM lab's modules known."""

import peers  # noqa: F401

# SPDX-License-Identifier: Apache-2.0
"""Who is who in the traffic: the same addresses as in network.h, for setting switches up."""

GUEST_MAC = "52:54:00:00:00:01"
FAR_MACS = [f"52:54:00:01:00:{number:02x}" for number in range(16)]
PEER_MAC = "52:54:00:02:00:02"
GUEST_ADDRESSES = {4: "10.0.0.1", 6: "fd00::1"}
FAR_ADDRESSES = {4: [f"10.0.1.{number + 1}" for number in range(16)],
                 6: [f"fd00:1::{number + 1:x}" for number in range(16)]}
VTEP = "192.0.2.1"
PEER = "192.0.2.2"
VNI = 42

# Number of flows -> number of the first: each set has flows of its own, as their sequence numbers
# go on from one measurement to the next.
FLOW_SETS = {1: 0, 100: 1_000, 10_000: 10_000, 100_000: 100_000, 1_000_000: 1_000_000}
FIRST_NEW_FLOW = 3_000_000

# Bytes of Ethernet frames without checksum. IPv6 with TCP and a time stamp has 78 at least.
IMIX = [64, 64, 570, 64, 64, 570, 64, 1450, 64, 570, 64, 570]  # simple IMIX, 7 : 4 : 1


def lengths(size, family):
    """The frames of a size as the generator takes them: "64", "1450" or "imix"."""
    least = 80 if family == 6 else 64
    frames = IMIX if size == "imix" else [int(size)]
    return ",".join(str(max(frame, least)) for frame in frames)

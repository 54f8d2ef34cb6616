// SPDX-License-Identifier: Apache-2.0
// Frames as a guest leaves them to its device (virtio 1.2 §5.1.6.2).
#pragma once

#include <cstdint>
#include <vector>

namespace butterfly::test {

// The frame with the sum of the pseudo header where the checksum of its TCP or UDP belongs; other
// frames as they are.
std::vector<uint8_t> unfinished(std::vector<uint8_t> frame);

}  // namespace butterfly::test

// SPDX-License-Identifier: Apache-2.0
// One segment out of a super-frame, and checksums that a guest left to its device.
#pragma once

#include "graph/packet.h"

namespace butterfly {

// A TCP packet as it is to be cut: `headers` bytes up to its data, `payload` bytes of data, in
// segments of `size`.
struct SuperFrame {
  const Packet& packet;
  uint16_t headers;
  uint32_t payload;
  uint16_t size;

  uint32_t count() const { return (payload + size - 1) / size; }
};

// Appends segment number `index` to `segment`, which is empty and bears the packet's facts: headers
// with lengths, id, sequence number and flags as they belong there, data, checksums.
// REQUIRES: headers + size <= kBufferData, headers as parsed, index < count().
void write_segment(const SuperFrame& frame, uint32_t index, Packet& segment) noexcept;

// Writes the checksum of TCP or UDP over the pseudo header's sum that the guest left in its field.
// REQUIRES: parsed, of such a protocol, the header in the first segment, bytes of its own.
void write_checksum(Packet& packet) noexcept;

}  // namespace butterfly

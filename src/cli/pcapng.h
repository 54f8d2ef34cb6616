// SPDX-License-Identifier: Apache-2.0
// Captured packets as a file that tcpdump and Wireshark read (pcapng:
// draft-ietf-opsawg-pcapng). Strings of bytes: who writes them is the caller's affair.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace butterfly {

// One section with two interfaces, so that a packet and its drop are told apart: what passed the
// nic, and what was dropped on its way from or to it.
class Pcapng {
 public:
  enum class Interface : uint32_t { nic = 0, dropped = 1 };
  // As the guest's own capture would have it.
  enum class Direction : uint32_t { unknown = 0, inbound = 1, outbound = 2 };

  struct Packet {
    Interface interface = Interface::nic;
    Direction direction = Direction::unknown;
    uint64_t time_ns = 0;  // since 1970
    uint32_t length = 0;   // of the frame; `bytes` may be less
    std::string_view bytes{};
    std::string_view comment{};  // empty: none
  };

  // What a file begins with: section header and interfaces. `most_bytes` of each packet are kept.
  static std::string begin(std::string_view nic, std::string_view program, uint32_t most_bytes);
  static std::string packet(const Packet& packet);
  // What it ends with: how many were received and how many of these are missing.
  static std::string end(uint64_t time_ns, uint64_t received, uint64_t lost);
};

}  // namespace butterfly

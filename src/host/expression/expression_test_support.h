// SPDX-License-Identifier: Apache-2.0
// What the tests of expressions share: compiling, libpcap's own interpreter, random things.
#pragma once

#include <random>
#include <string>
#include <vector>

#include "host/expression/child.h"
#include "host/expression/program.h"

// libpcap's; its struct bpf_insn is ours (its headers and DPDK's define the same names).
extern "C" unsigned bpf_filter(const butterfly::ClassicInstruction* program,
                               const unsigned char* packet, unsigned wire_length, unsigned length);

namespace butterfly::test {

inline const std::string kCompiler = BUTTERFLY_EXPRESSION_COMPILER;

using Bytes = std::vector<uint8_t>;
using Random = std::mt19937;

inline uint32_t pick(Random& random, uint32_t below) {
  return static_cast<uint32_t>(random() % below);
}

inline bool matches_in_libpcap(ClassicProgram program, const Bytes& packet) {
  const auto length = static_cast<unsigned>(packet.size());
  return bpf_filter(program.data(), packet.data(), length, length) != 0;
}

// The bytes of an IP packet that looks like one: a header, options now and then, a transport.
inline Bytes random_packet(Random& random) {
  Bytes packet(20 + pick(random, 80));
  for (uint8_t& byte : packet) byte = static_cast<uint8_t>(random());
  constexpr uint8_t kProtocols[] = {1, 6, 17, 58, 132, 47};
  if (pick(random, 3) != 0) {
    packet[0] = static_cast<uint8_t>(0x45 + (pick(random, 4) == 0));
    packet[6] = packet[7] = 0;
    packet[9] = kProtocols[pick(random, 6)];
    for (const size_t at : {12u, 16u}) {
      packet[at] = 10, packet[at + 1] = 0, packet[at + 2] = 0;
      packet[at + 3] = static_cast<uint8_t>(pick(random, 4));
    }
  } else {
    packet[0] = 0x60;
    packet[6] = kProtocols[pick(random, 6)];
  }
  return packet;
}

}  // namespace butterfly::test

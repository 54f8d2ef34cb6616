// SPDX-License-Identifier: Apache-2.0
// Decision record 0032: what merging costs a packet on its way to a guest that takes super-frames.
// Under callgrind (--instructions) a burst of each kind, a profile each.
#include <valgrind/callgrind.h>

#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "bench/memory.h"
#include "bench/stopwatch.h"
#include "graph/merge_tcp.h"
#include "support/packet_text.h"
#include "wire/checksum.h"

namespace butterfly::bench {
namespace {

constexpr int kBursts = 2'000;
constexpr Port::Offloads kAll{.checksum = true, .tso4 = true, .tso6 = true};

struct Kind {
  const char* name;
  std::string packet;  // of all its packets; TCP's go on where the one before ended
  uint32_t flows;
};

const std::string kEth = "eth(src=52:54:00:00:00:01, dst=52:54:00:00:00:02)/";
const std::string kTcp = "tcp(flags=A, opts=0101080a0000000100000002)/payload(len=";

std::vector<Kind> kinds() {
  return {{"udp", kEth + "ipv4/udp/payload(len=1400)", 1},
          {"small-tcp", kEth + "ipv4(df=1)/" + kTcp + "10)", 1},
          {"alone", kEth + "ipv4(df=1)/" + kTcp + "1448)", kBurst},
          {"merged-ipv4", kEth + "ipv4(df=1)/" + kTcp + "1448)", 1},
          {"merged-ipv6", kEth + "ipv6/" + kTcp + "1428)", 1},
          {"merged-4-flows", kEth + "ipv4(df=1)/" + kTcp + "1448)", 4}};
}

// A burst as `flow` leaves it; its packets are freed by the caller.
std::vector<Packet*> burst_of(const Kind& kind) {
  std::vector<uint8_t> frame = test::bytes_of(kind.packet);
  std::vector<Packet*> packets;
  for (uint32_t i = 0; i < kBurst; ++i) {
    Packet* packet = packet_pool().alloc();
    wire::Parsed& parsed = packet->parsed;
    std::memcpy(rte_pktmbuf_append(packet, static_cast<uint16_t>(frame.size())), frame.data(),
                frame.size());
    (void)wire::parse_frame(packet->bytes(), packet->length(), Vni{1}, parsed);
    packet->flow_hash = (i % kind.flows) << 26;
    packet->ol_flags = 0;
    if (parsed.protocol == wire::kProtoTcp) {
      auto& tcp = *packet->at<wire::TcpHeader>(parsed.l4);
      const uint32_t data = parsed.l4_length - static_cast<uint32_t>(tcp.header_length());
      const uint16_t before = static_cast<uint16_t>(tcp.sequence & 0xffff);
      const uint32_t sequence = i / kind.flows * data;  // below 2^16
      tcp.sequence = sequence;
      tcp.checksum =
          wire::checksum_update(tcp.checksum, before, static_cast<uint16_t>(sequence & 0xffff));
    }
    packets.push_back(packet);
  }
  return packets;
}

uint16_t merge(const Kind& kind, uint64_t& cycles) {
  std::vector<Packet*> packets = burst_of(kind);
  const uint64_t start = begin_stretch();
  const uint16_t left = merge_tcp(packets, kAll);
  cycles = end_stretch() - start;
  free_packets(std::span(packets).first(left));
  return left;
}

void measure(const Kind& kind) {
  const uint64_t overhead = stretch_overhead();
  Samples samples;
  uint16_t left = 0;
  for (int i = 0; i < kBursts; ++i) {
    uint64_t cycles = 0;
    left = merge(kind, cycles);
    samples.add(cycles, overhead, kBurst);
  }
  std::printf("merge %s %u %.1f %.1f %.1f\n", kind.name, left, samples.percentile(1),
              samples.percentile(10), samples.percentile(50));
}

void count(const Kind& kind) {
  std::vector<Packet*> packets = burst_of(kind);
  CALLGRIND_START_INSTRUMENTATION;
  CALLGRIND_ZERO_STATS;
  const uint16_t left = merge_tcp(packets, kAll);
  CALLGRIND_DUMP_STATS_AT(kind.name);
  CALLGRIND_STOP_INSTRUMENTATION;
  free_packets(std::span(packets).first(left));
}

}  // namespace
}  // namespace butterfly::bench

int main(int argc, char** argv) {
  using namespace butterfly::bench;
  const bool counts = argc == 2 && std::strcmp(argv[1], "--instructions") == 0;
  if (!counts) std::printf("# merge KIND | packets left of 32, cycles a packet p1 p10 p50\n");
  for (const Kind& kind : kinds()) counts ? count(kind) : measure(kind);
  return 0;
}

// SPDX-License-Identifier: Apache-2.0
// Decision record 0016: what an expression adds to the first packet of a flow.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "bench/stopwatch.h"
#include "host/expression/compiler.h"
#include "wire/start_packet.h"

namespace butterfly::bench {
namespace {

constexpr int kSamples = 2'000;
constexpr int kLooks = 32;  // a sample

// `word`: "host" or "src host".
std::string hosts(const std::string& word, int count) {
  std::string text;
  for (int i = 0; i < count; ++i) {
    text += (i == 0 ? "" : " or ") + word + " 10.1.0." + std::to_string(i + 1);
  }
  return text;
}

// Cycles of one question, p1 and p50.
void measure(const char* name, const Expression& expression, std::span<const uint8_t> packet) {
  const uint64_t overhead = stretch_overhead();
  Samples samples;
  bool is_match = false;
  for (int i = 0; i < kSamples; ++i) {
    const uint64_t start = begin_stretch();
    for (int j = 0; j < kLooks; ++j) is_match = expression.matches(packet);
    samples.add(end_stretch() - start, overhead, kLooks);
  }
  std::printf("expression %s %s %.0f %.0f\n", name, is_match ? "match" : "none",
              samples.percentile(1), samples.percentile(50));
}

int run() {
  ChildCompiler compiler(BUTTERFLY_EXPRESSION_COMPILER);
  const wire::FiveTuple stranger{
      {*IpAddress::parse("10.2.0.1"), 40000}, {*IpAddress::parse("10.0.0.2"), 80}, 6};
  std::array<uint8_t, wire::kMaxStartPacket> room;
  const auto packet = wire::write_start_packet(stranger, wire::Family::v4, 0, 0, room);
  std::printf("# expression NAME match|none | cycles a question p1 p50\n");
  const std::pair<const char*, int> lists[] = {
      {"src host", 1}, {"src host", 10}, {"src host", 100}, {"host", 100}};
  for (const auto& [word, count] : lists) {
    const auto expression = compiler.compile(hosts(word, count));
    if (!expression.ok()) return 1;
    measure((std::to_string(count) + "x" + word).c_str(), **expression, packet);
  }
  const auto flags = compiler.compile("tcp dst port 80 and tcp[tcpflags] & tcp-syn != 0");
  if (!flags.ok()) return 1;
  measure("port-and-flags", **flags, packet);
  return 0;
}

}  // namespace
}  // namespace butterfly::bench

int main() { return butterfly::bench::run(); }

// SPDX-License-Identifier: Apache-2.0
// Walks a TCP connection through its states, step by step: shared by the tests of what each is.
#pragma once

#include <gtest/gtest.h>

#include <cstring>
#include <string_view>
#include <vector>

#include "tables/tcp_state.h"
#include "wire/headers.h"

namespace butterfly::tcp::test {

inline constexpr Role I = Role::initiator;
inline constexpr Role R = Role::responder;
inline constexpr Verdict ok = Verdict::ok;

struct Step {
  Role from;
  const char* flags;  // of "SAFRPU"
  uint32_t seq;
  uint32_t ack = 0;
  uint32_t length = 0;
  Verdict expected = Verdict::ok;
  uint16_t window = 8192;
  uint8_t scale = kNoScale;
};

inline Segment segment_of(const Step& step) {
  Segment segment;
  for (const char flag : std::string_view(step.flags)) {
    segment.flags = static_cast<uint8_t>(segment.flags | (flag == 'S'   ? wire::kTcpSyn
                                                          : flag == 'A' ? wire::kTcpAck
                                                          : flag == 'F' ? wire::kTcpFin
                                                          : flag == 'R' ? wire::kTcpRst
                                                          : flag == 'P' ? wire::kTcpPsh
                                                                        : wire::kTcpUrg));
  }
  segment.sequence = step.seq;
  segment.acknowledgement = step.ack;
  segment.end = step.seq + step.length + ((segment.flags & wire::kTcpSyn) ? 1 : 0) +
                ((segment.flags & wire::kTcpFin) ? 1 : 0);
  segment.window = step.window;
  segment.scale = step.scale;
  return segment;
}

// A connection with no time and no rules: a reopening SYN is let in.
class Connection : public ::testing::Test {
 protected:
  void run(std::vector<Step> steps) {
    for (size_t i = 0; i < steps.size(); ++i) {
      const Progress before = progress_;
      const Track track_before = track_;
      const Verdict verdict = take(steps[i]);
      EXPECT_EQ(verdict, steps[i].expected)
          << "step " << i << ": " << steps[i].flags << " " << steps[i].seq << ":" << steps[i].ack;
      if (verdict == Verdict::ok || verdict == Verdict::reopens) continue;
      EXPECT_EQ(memcmp(&before, &progress_, sizeof before), 0) << "step " << i;
      EXPECT_EQ(memcmp(&track_before, &track_, sizeof track_before), 0) << "step " << i;
    }
  }
  void handshake() { run({{I, "S", 1000}, {R, "SA", 5000, 1001}, {I, "A", 1001, 5001}}); }
  State state() const { return progress_.state; }

  Progress progress_{};
  Track track_{};

 private:
  Verdict take(const Step& step) {
    const Segment segment = segment_of(step);
    if (progress_.state == State::none) {
      const Verdict verdict = check_first(segment);
      if (verdict == Verdict::ok) start(progress_, track_, segment);
      return verdict;
    }
    const Verdict verdict = check(progress_, track_, step.from, segment);
    EXPECT_EQ(verdict == Verdict::reopens, would_reopen(progress_, segment));
    if (verdict == Verdict::ok) advance(progress_, track_, step.from, segment);
    if (verdict == Verdict::reopens) start(progress_, track_, segment);
    return verdict;
  }
};

}  // namespace butterfly::tcp::test

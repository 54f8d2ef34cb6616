// SPDX-License-Identifier: Apache-2.0
// Feeds hostile frames of slow protocols to what a bond does with them: a tag is taken off, an
// LACPDU moves a link on, a marker is answered. Whatever comes, a link carries only when it has a
// partner, and says no more than it may in a second.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "ports/lacp_link.h"
#include "wire/vlan_tag.h"

namespace {

using namespace butterfly;  // NOLINT: a program of one page

void require(bool fact, const char* sentence) {
  if (fact) return;
  std::fprintf(stderr, "broken: %s\n", sentence);
  std::abort();
}

constexpr size_t kFrame = 124;

}  // namespace

// Frames of at most 124 bytes, each 50 ms after the one before. Bit 0 of the first byte: whether
// the head that makes it an LACPDU stands before its bytes.
extern "C" int LLVMFuzzerTestOneInput(const uint8_t* bytes, size_t size) {
  const Mac ours = Mac::from_u64(0x020000000001);
  LacpLink link(ours, 1, /*is_fast=*/true);
  TimeMs now = 1'000;
  link.look(/*has_carrier=*/true, now);
  TimeMs second_began = now;
  int sent_in_second = 0;
  for (std::span<const uint8_t> data(bytes, size); !data.empty(); now += 50) {
    const bool has_head = (data[0] & 1) != 0;
    data = data.subspan(1);
    const auto head = wire::make_lacp(Mac::from_u64(0x020000000002), {}, {});
    const auto template_bytes = wire::bytes_of(head);
    std::vector<uint8_t> frame;
    if (has_head) frame.assign(template_bytes.begin(), template_bytes.begin() + 18);
    const size_t taken = std::min(data.size(), kFrame - frame.size());
    frame.insert(frame.end(), data.begin(), data.begin() + static_cast<ptrdiff_t>(taken));
    if (has_head) frame.resize(kFrame);
    data = data.subspan(taken);

    std::span<uint8_t> rest(frame);
    if (wire::take_vlan_tag(rest, 0)) rest = rest.subspan(wire::kVlanTagLength);
    if (const auto* lacp = wire::read_lacp(rest)) {
      require(rest.size() >= sizeof *lacp, "an LACPDU is whole");
      link.take(*lacp, now);
    } else if (wire::answer_marker(rest, ours)) {
      require(!wire::answer_marker(rest, ours), "an answer is no question");
    }
    link.select(link.has_partner());
    link.look(/*has_carrier=*/true, now);
    require(!link.distributes() || link.collects(), "who sends receives");
    require(!link.collects() || link.has_partner(), "without a partner nothing is carried");
    if (now - second_began >= LacpLink::kFastMs) {
      second_began = now;
      sent_in_second = 0;
    }
    if (link.next_frame(ours, now)) ++sent_in_second;
    require(sent_in_second <= 2 * LacpLink::kMaxPerSecond, "it says no more than it may");
  }
  link.look(/*has_carrier=*/false, now);
  require(!link.collects() && !link.distributes(), "without carrier nothing is carried");
  return 0;
}

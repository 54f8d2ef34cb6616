// SPDX-License-Identifier: Apache-2.0
// Keeps us in the underlay's multicast groups of our segments: tells routers, and switches that
// listen, when we join and leave, and answers their questions.
// Sources: RFC 3376 §5, §7.2 (IGMPv3 and older routers), 3810 §6, §8.2 (MLDv2).
#pragma once

#include <array>

#include "graph/lcore.h"
#include "host/host_graph.h"
#include "host/intent/limits.h"
#include "host/snapshot.h"
#include "tables/membership_queries.h"

namespace butterfly {

// Of one lcore, which does it for all; no allocation.
class GroupMembership {
 public:
  // RFC 3376 §8.1, §8.11: twice, a second apart.
  static constexpr uint8_t kTimes = 2;
  static constexpr uint32_t kAgainMs = 1'000;
  // §8.12: so long an older router is taken to be there after it has asked.
  static constexpr uint32_t kOlderMs = 400'000;

  // At every tick.
  void tick(const Snapshot& snapshot, MembershipQueries& queries, HostGraph& graph, Lcore& lcore);

 private:
  void follow(const Snapshot& snapshot, HostGraph& graph, Lcore& lcore);
  void take(const wire::MembershipQuery& query, const Vtep& vtep, TimeMs now);
  void report(wire::Membership what, std::span<const IpAddress> groups, const Vtep& vtep,
              HostGraph& graph, Lcore& lcore);
  uint8_t version(const Vtep& vtep, TimeMs now) const;
  std::span<const IpAddress> joined() const { return std::span(joined_).first(count_); }

  std::array<IpAddress, kMaxUnderlayGroups> joined_{};  // sorted
  size_t count_ = 0;
  Generation followed_ = 0;
  uint8_t times_left_ = 0;  // of telling that we have joined
  TimeMs told_at_ = 0;
  bool has_question_ = false;
  TimeMs asked_at_ = 0;
  uint32_t delay_ms_ = 0;
  uint8_t older_version_ = 0;  // 0: none was heard
  TimeMs older_at_ = 0;
};

}  // namespace butterfly

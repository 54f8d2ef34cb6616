// SPDX-License-Identifier: Apache-2.0
#include "host/group_membership.h"

#include <algorithm>

#include "graph/become.h"
#include "tables/nic_table.h"

namespace butterfly {
namespace {

constexpr uint8_t kIgmpVersion = 3;
constexpr uint8_t kMldVersion = 2;

uint8_t newest_version(const Vtep& vtep) {
  return vtep.address.is_v4() ? kIgmpVersion : kMldVersion;
}

// MLD comes from a link-local address (RFC 3810 §5.2.13): the one that our MAC makes.
wire::Reporter reporter_of(const Vtep& vtep, uint8_t version) {
  const IpAddress source = vtep.address.is_v4() ? vtep.address : IpAddress(link_local_of(vtep.mac));
  return {vtep.mac, source, version};
}

}  // namespace

void GroupMembership::tick(const Snapshot& snapshot, MembershipQueries& queries, HostGraph& graph,
                           Lcore& lcore) {
  const TimeMs now = lcore.now();
  if (snapshot.generation != followed_) follow(snapshot, graph, lcore);
  if (const auto query = queries.take(); query && count_ != 0) take(*query, snapshot.vtep, now);
  if (times_left_ != 0 && age_ms(now, told_at_) >= kAgainMs) {
    --times_left_;
    told_at_ = now;
    report(wire::Membership::joins, joined(), snapshot.vtep, graph, lcore);
  }
  if (has_question_ && age_ms(now, asked_at_) >= delay_ms_) {
    has_question_ = false;
    report(wire::Membership::member, joined(), snapshot.vtep, graph, lcore);
  }
}

// Those that are wanted no more are left at once; all others are told again when one is new.
void GroupMembership::follow(const Snapshot& snapshot, HostGraph& graph, Lcore& lcore) {
  followed_ = snapshot.generation;
  const std::span<const IpAddress> wanted = *snapshot.groups;
  if (std::ranges::equal(wanted, joined())) return;
  for (const IpAddress& group : joined()) {
    if (std::ranges::binary_search(wanted, group)) continue;
    report(wire::Membership::leaves, std::span(&group, 1), snapshot.vtep, graph, lcore);
  }
  const bool has_new = !std::ranges::includes(joined(), wanted);
  count_ = std::min(wanted.size(), joined_.size());
  std::ranges::copy(wanted.first(count_), joined_.begin());
  if (!has_new) return;
  times_left_ = kTimes;
  told_at_ = lcore.now() - kAgainMs;
}

// Hosts answer at different moments within the time they are given, so that not all do at once.
void GroupMembership::take(const wire::MembershipQuery& query, const Vtep& vtep, TimeMs now) {
  if (query.version < newest_version(vtep)) {
    older_version_ = query.version;
    older_at_ = now;
  }
  if (has_question_) return;
  has_question_ = true;
  asked_at_ = now;
  const uint64_t own = vtep.mac.to_u64() * 0x9e3779b97f4a7c15ULL >> 32;
  delay_ms_ = static_cast<uint32_t>(own % std::max<uint32_t>(1, query.max_response_ms));
}

uint8_t GroupMembership::version(const Vtep& vtep, TimeMs now) const {
  const bool is_old = older_version_ != 0 && age_ms(now, older_at_) < kOlderMs;
  return is_old ? older_version_ : newest_version(vtep);
}

void GroupMembership::report(wire::Membership what, std::span<const IpAddress> groups,
                             const Vtep& vtep, HostGraph& graph, Lcore& lcore) {
  std::array<uint8_t, wire::MembershipReports::kMaxReport> room;
  wire::MembershipReports reports(reporter_of(vtep, version(vtep, lcore.now())), what, groups);
  while (!reports.is_done()) {
    const size_t length = reports.write_next(room);
    Packet* packet = lcore.pool().alloc();
    auto& ledger = lcore.counters().ledger();
    (packet ? ledger.made : ledger.no_buffer).add(1);
    if (!packet) return;  // routers ask again
    become(*packet, std::span<const uint8_t>(room).first(length));
    packet->out_port = kUplinkPort;
    graph.send(*packet, lcore);
  }
}

}  // namespace butterfly

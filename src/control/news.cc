// SPDX-License-Identifier: Apache-2.0
#include "control/news.h"

#include <array>

#include "control/from_proto.h"

namespace butterfly {
namespace {

// By NewsKind.
constexpr std::array kKinds{v1::EVENT_KIND_LOST,
                            v1::EVENT_KIND_NIC_ADDED,
                            v1::EVENT_KIND_NIC_REMOVED,
                            v1::EVENT_KIND_GUEST_CONNECTED,
                            v1::EVENT_KIND_GUEST_DISCONNECTED,
                            v1::EVENT_KIND_INTENT_CHANGED,
                            v1::EVENT_KIND_ADDRESS_LEARNT,
                            v1::EVENT_KIND_ADDRESS_MOVED,
                            v1::EVENT_KIND_ADDRESS_HELD,
                            v1::EVENT_KIND_LIMIT_REACHED,
                            v1::EVENT_KIND_PEER_UP,
                            v1::EVENT_KIND_PEER_DOWN,
                            v1::EVENT_KIND_UPLINK_UP,
                            v1::EVENT_KIND_UPLINK_DOWN,
                            v1::EVENT_KIND_UPLINK_MEMBER_UP,
                            v1::EVENT_KIND_UPLINK_MEMBER_DOWN};
static_assert(kKinds.size() == kNewsKinds && kKinds.back() == v1::EventKind_MAX);

}  // namespace

StatusOr<NewsQuery> from_proto(const v1::WatchEventsRequest& request) {
  NewsQuery query;
  if (!request.kinds().empty()) query.kinds = 1U << static_cast<unsigned>(NewsKind::lost);
  for (const int kind : request.kinds()) {
    if (kind <= v1::EVENT_KIND_UNSPECIFIED || kind > v1::EventKind_MAX) {
      return invalid("events: kind " + std::to_string(kind) + " is unknown (wanted 1.." +
                     std::to_string(v1::EventKind_MAX) + ")");
    }
    query.kinds |= 1U << (kind - v1::EVENT_KIND_LOST);
  }
  query.nic = request.nic();
  if (request.has_vni()) {
    if (request.vni() == 0 || request.vni() > kVniMax) {
      return invalid("events: VNI " + std::to_string(request.vni()) +
                     " is out of range (wanted 1.." + std::to_string(kVniMax) + ")");
    }
    query.vni = Vni(request.vni());
  }
  query.after = request.after();
  query.follows = request.follow();
  query.count = request.count();
  return query;
}

v1::Event to_proto(const News& news) {
  v1::Event message;
  message.set_kind(kKinds[static_cast<size_t>(news.kind)]);
  message.set_sequence(news.sequence);
  message.set_time_ms(news.time.time_since_epoch().count());
  message.set_nic(news.nic);
  message.set_vni(news.vni.value);
  if (news.mac) message.set_mac(news.mac->to_string());
  if (news.peer) message.set_peer(news.peer->to_string());
  message.set_revision(news.revision);
  message.set_limit(news.limit);
  message.set_member(news.member);
  message.set_count(news.count);
  return message;
}

}  // namespace butterfly

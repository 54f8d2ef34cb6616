// SPDX-License-Identifier: Apache-2.0
// What comes to pass, told to who watches: from changes of intent, from a look at guests and peers,
// and from the lcores' event logs.
#include <algorithm>
#include <chrono>
#include <string_view>
#include <thread>
#include <utility>

#include "host/host_impl.h"

namespace butterfly {
namespace {

constexpr auto kBetweenNewsLooks = std::chrono::milliseconds(50);
// Of an lcore, of all kinds; the journal damps them further.
constexpr uint32_t kLcoreNewsPerSecond = 1'000;

// Outs that say that a limit is reached, and the setting that is the limit.
struct LimitOut {
  std::string_view node, out, limit;
};
constexpr LimitOut kLimitOuts[] = {
    {"switch", "nic-macs", "nic_macs"},
    {"switch", "nic-storm", "nic_broadcast_per_s, nic_multicast_per_s or nic_unknown_per_s"},
    {"switch", "segment-storm",
     "segment_broadcast_per_s, segment_multicast_per_s or segment_unknown_per_s"},
    {"record", "nic-connections", "nic_connections"},
    {"record", "nic-half-open", "nic_half_open"},
    {"record", "nic-rate", "nic_new_per_s"},
    {"record", "segment-connections", "segment_connections"},
    {"record", "segment-half-open", "segment_half_open"},
    {"record", "segment-rate", "segment_new_per_s"},
    {"record", "table-full", "flows_per_lcore"},
    {"fragments", "share-used-up", "nic_fragments"},
};

// Empty when the out is none of them.
std::string_view limit_of(const Node& node, size_t out) {
  for (const LimitOut& one : kLimitOuts) {
    if (one.node == node.name() && one.out == node.info().outs[out].name) return one.limit;
  }
  return {};
}

bool is_of_lcores(const NewsQuery& query) {
  return query.wants(NewsKind::address_learnt) || query.wants(NewsKind::address_moved) ||
         query.wants(NewsKind::address_held) || query.wants(NewsKind::limit_reached);
}

bool fits(const NewsQuery& query, const News& news) {
  if (news.kind == NewsKind::lost) return true;
  return query.wants(news.kind) && (query.nic.empty() || query.nic == news.nic) &&
         (!query.vni || query.vni == news.vni);
}

}  // namespace

// On the list of those who watch from begin() to destruction.
class HostImpl::NewsWatching {
 public:
  NewsWatching(HostImpl& host, const NewsQuery& query) : host_(host), query_(query) {}
  Status begin() {
    host_.drain_logs();  // what happened before is not for the new one
    const std::lock_guard lock(host_.log_mutex_);
    if (host_.news_watchers_.size() == NewsQuery::kMaxWatchers) {
      return exhausted("events: " + std::to_string(NewsQuery::kMaxWatchers) +
                       " watch already (wanted at most so many)");
    }
    host_.news_watchers_.push_back(&query_);
    host_.arm_logs();
    return ok_status();
  }
  ~NewsWatching() {
    const std::lock_guard lock(host_.log_mutex_);
    host_.news_watchers_.remove(&query_);
    host_.arm_logs();
  }
  NewsWatching(const NewsWatching&) = delete;
  NewsWatching& operator=(const NewsWatching&) = delete;

 private:
  HostImpl& host_;
  const NewsQuery& query_;
};

Status HostImpl::watch_news(const NewsQuery& query, const std::function<bool(const News&)>& sink,
                            const std::function<bool()>& keep_going) {
  if (query.kinds >> 1 == 0) return invalid("events: of no kind (wanted one at least)");
  NewsWatching watching(*this, query);
  if (query.follows) RETURN_IF_ERROR(watching.begin());
  uint64_t cursor = query.after;
  uint64_t delivered = 0;
  while (keep_going()) {
    if (query.follows) {
      drain_logs();
      look_for_news();
    }
    const std::vector<News> all = journal_.after(cursor);
    for (const News& news : all) {
      cursor = news.sequence;
      if (!fits(query, news)) continue;
      if (!sink(news) || ++delivered == query.count) return ok_status();
    }
    if (!query.follows) return ok_status();
    if (all.empty()) std::this_thread::sleep_for(kBetweenNewsLooks);
  }
  return ok_status();
}

void HostImpl::note_revision(uint64_t revision) {
  News news;
  news.kind = NewsKind::intent_changed;
  news.revision = revision;
  journal_.add(std::move(news));
}

// With state_mutex_ held.
void HostImpl::note_nics(const Difference& change) {
  for (const auto& nic : change.nics) {
    if (!nic.after || is_made_anew(nic)) guests_seen_.erase(nic.key());
    if (nic.before && nic.after) continue;
    News news;
    news.kind = nic.after ? NewsKind::nic_added : NewsKind::nic_removed;
    news.nic = nic.key();
    news.vni = (nic.after ? nic.after : nic.before)->second.vni;
    journal_.add(std::move(news));
  }
}

void HostImpl::look_for_news() {
  const TimeMs at = now();
  const std::lock_guard lock(state_mutex_);
  const auto tell = [this](NewsKind kind, const std::string& nic, Vni vni,
                           std::optional<IpAddress> peer) {
    News news;
    news.kind = kind;
    news.nic = nic;
    news.vni = vni;
    news.peer = peer;
    journal_.add(std::move(news));
  };
  for (const auto& [id, port] : nic_ports_) {
    const bool is_there = port->is_connected();
    if (std::exchange(guests_seen_[id], is_there) == is_there) continue;
    tell(is_there ? NewsKind::guest_connected : NewsKind::guest_disconnected, id,
         state_.intent.nics.find(id)->second.vni, std::nullopt);
  }
  std::erase_if(peers_seen_,
                [&](const auto& seen) { return !state_.slots.peers.find(seen.first); });
  for (const auto& [address, slot] : state_.slots.peers.all()) {
    const Peer* peer = state_.snapshot.peers->find(PeerId{slot});
    const bool is_up = neighbours_.find_u64(peer->neighbour, at) != 0;
    if (std::exchange(peers_seen_[address], is_up) == is_up) continue;
    tell(is_up ? NewsKind::peer_up : NewsKind::peer_down, "", Vni{0}, address);
  }
  look_at_uplink();
}

// With state_mutex_ held. Several devices tell the log of themselves, with what carries instead.
void HostImpl::look_at_uplink() {
  if (!options_.uplink) return;
  const auto tell = [this](NewsKind kind, const std::string& member) {
    News news;
    news.kind = kind;
    news.member = member;
    journal_.add(std::move(news));
  };
  const UplinkFacts facts = options_.uplink_facts ? options_.uplink_facts() : UplinkFacts{};
  for (const UplinkMember& member : facts.members) {
    if (std::exchange(members_seen_[member.name], member.is_usable) == member.is_usable) continue;
    tell(member.is_usable ? NewsKind::uplink_member_up : NewsKind::uplink_member_down, member.name);
  }
  const bool is_up = options_.uplink->is_connected();
  const bool is_first = !std::exchange(has_seen_uplink_, true);
  if (facts.members.empty() && options_.say && (is_first ? !is_up : is_up != uplink_seen_)) {
    options_.say("uplink '" + options_.uplink_device + "'" +
                 (is_up ? " has its link again" : " has no link"));
  }
  if (std::exchange(uplink_seen_, is_up) == is_up) return;
  tell(is_up ? NewsKind::uplink_up : NewsKind::uplink_down, "");
}

// REQUIRES: log_mutex_ and state_mutex_.
void HostImpl::want_news(std::optional<EventWants>& wants) const {
  const bool is_wanted = std::ranges::any_of(
      news_watchers_, [](const NewsQuery* query) { return is_of_lcores(*query); });
  if (!is_wanted) return;
  if (!wants) wants.emplace();
  wants->sample_every = 1;
  wants->per_second = std::max(wants->per_second, kLcoreNewsPerSecond);
  wants->stations = true;
  wants->any_port = true;
  for (const Node& node : views_.front()->graph->graph().nodes()) {
    for (size_t out = 0; out < node.info().outs.size(); ++out) {
      if (!limit_of(node, out).empty()) wants->outs[node.index()] |= 1U << out;
    }
  }
}

// REQUIRES: log_mutex_.
void HostImpl::tell_news_of(const Event& event, const PortNames& names) {
  using Learnt = Fdb::Learnt;
  if (news_watchers_.empty()) return;
  News news;
  news.count = event.kept_back;
  news.vni = event.vni;
  const bool is_local = event.in_port.value < names.size() && event.in_port != kUplinkPort;
  if (is_local) news.nic = names[event.in_port.value];
  if (event.kind == EventKind::drop) {
    const std::lock_guard lock(state_mutex_);
    news.limit = limit_of(views_.front()->graph->graph().nodes()[event.node], event.out);
    if (news.limit.empty()) return;
    news.kind = NewsKind::limit_reached;
    return journal_.add_damped(std::move(news));
  }
  if (event.kind != EventKind::station) return;
  if (event.learnt == Learnt::quota || event.learnt == Learnt::full) {
    news.kind = NewsKind::limit_reached;
    news.limit = event.learnt == Learnt::quota ? "segment_macs" : "fdb_capacity";
    return journal_.add_damped(std::move(news));
  }
  news.mac = wire::summarize(std::span(event.head.data(), event.head_length)).source_mac;
  if (!is_local) {
    const std::lock_guard lock(state_mutex_);
    if (const Peer* peer = state_.snapshot.peers->find(event.peer)) news.peer = peer->address;
  }
  if (event.learnt == Learnt::held) {
    news.kind = NewsKind::address_held;
    return journal_.add_damped(std::move(news));
  }
  news.kind = event.learnt == Learnt::moved ? NewsKind::address_moved : NewsKind::address_learnt;
  journal_.add_address(std::move(news));
}

}  // namespace butterfly

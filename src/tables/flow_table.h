// SPDX-License-Identifier: Apache-2.0
// The flows that one lcore owns: which connections exist, how far they are, who may talk.
//
// Key:      segment, protocol and both endpoints, ordered (wire/flow_key.h), as a FlowId.
// Value:    Flow, what every packet reads and writes, and FlowHistory, what only first packets,
//           changes of policy and listings need.
// Capacity: fixed when made, for both families together. Full: insert() gives null and the packet
//           is a named drop; flows that exist go on. An expired flow is a miss at once; its room
//           comes back at that lookup or when sweep() gets there, and low room is used first.
// Writer:   the owning lcore, which is also the only reader (decision record 0006).
// Memory:   64 bytes a flow that its packets touch, 44 that they do not, of IPv6 the key's 40 too,
//           and 10 to 21 of index (tables/flow_index.h): 118 to 129, or 158 to 169. A packet of a
//           known flow touches one line of index and one of flow. Memory of flows never used is not
//           touched; what is used lies in huge pages where there are some.
//
// Entries end only by find(), sweep() and erase(). Within one round `now` stands still, so a flow
// that a lookup found stays where it is until the round ends: packets may carry a pointer to it.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "base/firewall_settings.h"
#include "base/ids.h"
#include "tables/flow_accounts.h"
#include "tables/flow_history.h"
#include "tables/flow_index.h"
#include "tables/free_entries.h"
#include "tables/lazy_array.h"
#include "tables/route_table.h"
#include "tables/tcp_state.h"
#include "wire/flow_id.h"

namespace butterfly {

enum class TimeoutClass : uint8_t {
  tcp_new,  // handshake not done
  tcp_established,
  tcp_half_closed,  // one side has sent FIN
  tcp_closing,      // both have, or a RST was seen
  tcp_time_wait,
  udp_new,  // no answer yet
  udp_replied,
  icmp,
  other,  // any other protocol
};

// How long a flow may be idle before it is forgotten, in milliseconds.
struct FlowTimeouts {
  std::array<uint32_t, 9> ms;  // by TimeoutClass

  FlowTimeouts(const FirewallSettings& settings = {}) {
    for (size_t i = 0; i < ms.size(); ++i) ms[i] = settings[knob_at(i)] * 1000;
  }
  uint32_t of(TimeoutClass timeout) const { return ms[static_cast<size_t>(timeout)]; }
};

// What the firewall bricks tell record about one packet (Packet::verdicts), as bits.
inline constexpr uint8_t kBindFrom = 0x01;    // the nic it came from was asked just now: remember
inline constexpr uint8_t kBindTo = 0x02;      // so was the nic it goes to
inline constexpr uint8_t kStartsAnew = 0x04;  // judged as the start of a flow though one exists
inline constexpr uint8_t kUntracked = 0x08;   // belongs to no flow
inline constexpr uint8_t kFlooded = 0x10;     // set by switch: went to everyone, not to one place

// When a flow was last seen, in steps of 16 ms, wrapping after three days.
inline constexpr unsigned kSeenShift = 4;
inline constexpr uint32_t kSeenMask = 0xff'ffff;

// What every packet of a flow reads and writes: one cache line.
struct alignas(64) Flow {
  wire::FlowId id;
  uint32_t bytes[2];  // since the last spill, by Role of the sender
  tcp::Track tcp_track;
  tcp::Progress tcp;
  RouteMark routes[2];  // by Role of the sender: where its packets went; none when not known
  uint16_t packets[2];  // as bytes
  uint32_t last_seen : 24;
  TimeoutClass timeout : 4;
  bool is_live : 1;
  bool is_v6 : 1;
  bool initiator_is_high : 1;  // side of the initiator in the key
  bool has_note : 1;           // Shortcut's: a route is to be noted at the end of the round

  wire::Family family() const { return is_v6 ? wire::Family::v6 : wire::Family::v4; }
  // The role of the sender of a packet, by the side on which it fell in the key.
  Role role_of(bool source_is_high) const {
    return source_is_high == initiator_is_high ? Role::initiator : Role::responder;
  }
  void see(TimeMs now) { last_seen = now >> kSeenShift & kSeenMask; }
  RouteMark& route(Role role) { return routes[static_cast<size_t>(role)]; }
  // Forgets where packets went: the next ones walk every brick again.
  void forget_routes() { routes[0] = routes[1] = {}; }
};
static_assert(sizeof(Flow) == 64);

class FlowTable {
 public:
  // Room for `capacity` flows, at least one. Tables with equal seeds have equal hashes.
  FlowTable(uint32_t capacity, const wire::HashSeed& seed, const FlowTimeouts& timeouts = {});

  const wire::FlowHasher& hasher() const { return hasher_; }
  // From now on these count, also for flows that exist.
  void set_timeouts(const FlowTimeouts& timeouts) noexcept;

  // The live flow with that id, or null. `hash` is the hasher's of the id.
  [[gnu::noinline]] Flow* find(const wire::FlowId& id, uint32_t hash, TimeMs now) noexcept;

  // find() in three steps, each for a whole burst before the next, so that memory is there when it
  // is looked at: fetch() the index, have a guess() at the flow, then find_from() it.
  const void* fetch(uint32_t hash) const noexcept { return index_.fetch(hash); }
  // A flow that may be the one, or null.
  Flow* guess(const void* fetched, uint32_t hash) const noexcept {
    const uint32_t entry = FlowIndex::guess(fetched, hash);
    if (entry == FlowIndex::kNone) return nullptr;
    __builtin_prefetch(&flows_[entry], 1);
    return &flows_[entry];
  }
  // As find(). `flow` is a guess() of this round.
  Flow* find_from(Flow* flow, const wire::FlowId& id, uint32_t hash, TimeMs now) noexcept {
    // What has expired is freed by find().
    if (flow && flow->is_live && flow->id == id && !is_expired(*flow, now)) [[likely]]
      return flow;
    return find(id, hash, now);
  }
  // A new flow, last seen now and all else zero, that counts for nobody yet; null when the table is
  // full. `id` and `hash` are those of the key. REQUIRES: find() gives null.
  Flow* insert(const wire::FlowKey& key, wire::Family family, const wire::FlowId& id, uint32_t hash,
               TimeMs now) noexcept;
  void erase(Flow& flow) noexcept;
  // Frees what has expired among the next `buckets` of the index, to its end at most, and forgets
  // what `routes` does not hold any more; returns how many flows were freed.
  uint32_t sweep(TimeMs now, uint32_t buckets, RouteTable* routes = nullptr) noexcept;

  // The flow begins, or begins anew: these let it pass, and it counts for `account`, which is the
  // nic of the initiator's verdict, or without one of the responder's, or nobody.
  void begin_account(Flow& flow, const NicVerdict& initiator, const NicVerdict& responder,
                     const AccountKey& account) noexcept {
    const uint32_t entry = entry_of(flow);
    accounts_.leave(entry);
    FlowHistory& history = histories_[entry];
    history.verdicts[0] = initiator;
    history.verdicts[1] = responder;
    accounts_.enter(entry, account, is_half_open(flow));
  }
  // The rules of another nic, another life or of now let it pass. `nic` is the verdict's.
  void set_verdict(Flow& flow, Role role, const NicVerdict& verdict,
                   const AccountKey& nic) noexcept;
  // To be called when `timeout` has changed.
  void note_progress(Flow& flow) noexcept {
    accounts_.set_half_open(entry_of(flow), is_half_open(flow));
  }
  static bool is_half_open(const Flow& flow) { return flow.timeout == TimeoutClass::tcp_new; }
  FlowAccounts& accounts() { return accounts_; }
  const FlowAccounts& accounts() const { return accounts_; }
  Flow& at(uint32_t entry) { return flows_[entry]; }

  wire::FlowKey key_of(const Flow& flow) const noexcept;
  // Its verdicts are written by set_verdict(), the rest by the table. A test may write more.
  FlowHistory& history(Flow& flow) noexcept { return histories_[entry_of(flow)]; }
  const FlowHistory& history(const Flow& flow) const noexcept { return histories_[entry_of(flow)]; }
  // Counts a packet of the flow. `length` in bytes, below 2^31.
  [[gnu::always_inline]] void count(Flow& flow, Role sender, uint32_t length) noexcept {
    const auto role = static_cast<size_t>(sender);
    flow.bytes[role] += length;
    flow.packets[role] = static_cast<uint16_t>(flow.packets[role] + 1);
    const uint32_t full = flow.bytes[role] | static_cast<uint32_t>(flow.packets[role]) << 16;
    if (full >> 31 != 0) [[unlikely]]
      spill(flow, role);
  }
  Tally tally(const Flow& flow, Role sender) const noexcept;
  void reset_tallies(Flow& flow) noexcept;
  // `tally` as that of the sender; at most 2^38 - 1 packets and 2^50 - 1 bytes; of the responder of
  // a half-open flow 2^15 - 1 and 2^30.
  void set_tally(Flow& flow, Role sender, const Tally& tally) noexcept;

  // How long ago its last packet was, in steps of 16 ms; and how long that may be.
  uint32_t idle_ms(const Flow& flow, TimeMs now) const {
    return (((now >> kSeenShift) - flow.last_seen) & kSeenMask) << kSeenShift;
  }
  uint32_t timeout_ms(TimeoutClass timeout) const {
    return limits_[static_cast<size_t>(timeout)] << kSeenShift;
  }
  // Never early, and up to two steps late.
  bool is_expired(const Flow& flow, TimeMs now) const {
    const uint32_t age = ((now >> kSeenShift) - flow.last_seen) & kSeenMask;
    return age > limits_[static_cast<size_t>(flow.timeout)];
  }

  static constexpr uint32_t kNoMore = 0xffffffff;
  // Shows the flows of the next `count` entries from `first` on, until `visit` says false; it may
  // erase what it is shown. Returns the entry to go on with, kNoMore at the end. Who is there all
  // the while, from a first call with 0 to the end, is shown exactly once.
  template <typename Visit>
  uint32_t visit_some(uint32_t first, uint32_t count, Visit visit) noexcept {
    uint32_t entry = first;
    for (; count > 0 && entry < used_; --count) {
      Flow& flow = flows_[entry++];
      if (flow.is_live && !visit(flow)) break;
    }
    return entry < used_ ? entry : kNoMore;
  }
  // Shows every flow to `visit`, also those that have expired and were not swept yet.
  template <typename Visit>
  void for_each(Visit visit) const {
    for (uint32_t entry = 0; entry < used_; ++entry) {
      if (flows_[entry].is_live) visit(static_cast<const Flow&>(flows_[entry]));
    }
  }
  uint32_t size() const { return size_; }
  uint32_t capacity() const { return capacity_; }

 private:
  uint32_t entry_of(const Flow& flow) const { return static_cast<uint32_t>(&flow - flows_.data()); }
  [[gnu::cold]] void spill(Flow& flow, size_t role) noexcept;
  void free_entry(uint32_t entry) noexcept;
  // Takes out what has expired; null.
  [[gnu::noinline]] Flow* end(uint32_t hash, uint32_t entry) noexcept;
  static FlowHistory::Before& before_of(FlowHistory& history, size_t role) {
    return role == 0 ? history.before_of_initiator : history.before_of_responder;
  }

  uint32_t capacity_;
  std::array<uint32_t, 9> limits_;  // by TimeoutClass, in steps of last_seen
  wire::FlowHasher hasher_;
  FlowIndex index_;
  // By number of the entry.
  LazyArray<Flow> flows_;
  LazyArray<FlowHistory> histories_;
  LazyArray<wire::FlowKey> v6_keys_;
  FlowAccounts accounts_{histories_};
  FreeEntries free_;
  uint32_t size_ = 0;
  uint32_t used_ = 0;  // entries from here on were never used
};

}  // namespace butterfly

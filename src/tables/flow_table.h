// SPDX-License-Identifier: Apache-2.0
// The flows that one lcore owns: which connections exist, how far they are, who may talk.
//
// Key:      segment, protocol and both endpoints, ordered (wire/flow_key.h); IPv4 and IPv6.
// Value:    Flow: TCP progress, idle time, counters, and the verdicts of the local nics at its
// ends. Capacity: fixed when made. Full: insert() gives null and the packet is a named drop; flows
// that
//           exist go on. An expired flow is a miss at once; its room comes back at that lookup or
//           when sweep() gets there.
// Writer:   the owning lcore, which is also the only reader (decision record 0006).
// Memory:   128 bytes an entry and 12.8 bytes of index: 140.8 bytes a flow, both families. Pages
//           of entries never used are not touched.
//
// Entries end only by find(), sweep() and erase(). Within one round `now` stands still, so a flow
// that a lookup found stays where it is until the round ends: packets may carry a pointer to it.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>

#include "base/clock.h"
#include "base/ids.h"
#include "tables/tcp_state.h"
#include "wire/flow_key.h"

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
  std::array<uint32_t, 9> ms{30'000, 86'400'000, 3'600'000, 10'000, 45'000,
                             30'000, 180'000,    30'000,    600'000};

  uint32_t of(TimeoutClass timeout) const { return ms[static_cast<size_t>(timeout)]; }
};

// That the rules of one life of a nic let the flow pass, and when they were asked. 40 bits a
// number: a thousand changes a second for 34 years.
struct [[gnu::packed]] NicVerdict {
  uint64_t serial : 40;  // 0: no local nic was asked
  uint64_t generation : 40;

  static NicVerdict of(NicSerial nic, Generation generation) {
    constexpr uint64_t kMask = (uint64_t{1} << 40) - 1;
    return {nic.value & kMask, generation & kMask};
  }
  bool is_of(NicSerial nic) const { return serial == nic.value; }
};
static_assert(sizeof(NicVerdict) == 10);

// What the firewall bricks tell record about one packet (Packet::verdicts), as bits.
inline constexpr uint8_t kBindFrom = 0x01;    // the nic it came from was asked just now: remember
inline constexpr uint8_t kBindTo = 0x02;      // so was the nic it goes to
inline constexpr uint8_t kStartsAnew = 0x04;  // judged as the start of a flow though one exists
inline constexpr uint8_t kUntracked = 0x08;   // belongs to no flow

// One entry: two cache lines.
struct alignas(64) Flow {
  wire::FlowKey key;
  TimeMs last_seen;
  tcp::Progress tcp;
  bool is_live : 1;
  bool is_v6 : 1;
  bool initiator_is_high : 1;  // side of the initiator in the key
  TimeoutClass timeout : 4;
  uint64_t packets[2];  // by Role of the sender
  // Line 2.
  uint64_t bytes[2];
  tcp::Track tcp_track;
  NicVerdict verdicts[2];  // by Role of the nic's guest

  wire::Family family() const { return is_v6 ? wire::Family::v6 : wire::Family::v4; }
  uint8_t protocol() const { return static_cast<uint8_t>(key.tail(family()) >> 32); }
  // The role of the sender of a packet, by the side on which it fell in the key.
  Role role_of(bool source_is_high) const {
    return source_is_high == initiator_is_high ? Role::initiator : Role::responder;
  }
  bool has_key(const wire::FlowKey& wanted, wire::Family wanted_family) const {
    return is_live && is_v6 == (wanted_family == wire::Family::v6) &&
           key.equals(wanted, wanted_family);
  }
  NicVerdict& verdict(Role role) { return verdicts[static_cast<size_t>(role)]; }
  const NicVerdict& verdict(Role role) const { return verdicts[static_cast<size_t>(role)]; }
};
static_assert(sizeof(Flow) == 128);

class FlowTable {
 public:
  struct Query {
    const wire::FlowKey* key;
    wire::Family family;
    uint32_t hash;
  };
  static constexpr size_t kMaxQueries = 32;
  static constexpr size_t kSlots = 10;  // of a bucket

  // Room for `capacity` flows, at least one.
  explicit FlowTable(uint32_t capacity, const FlowTimeouts& timeouts = {});

  // The live flow of the key, or null. `hash` is hash_flow_key() of it, the same at every call.
  Flow* find(const wire::FlowKey& key, wire::Family family, uint32_t hash, TimeMs now) noexcept;
  // As find() for each query, memory fetched ahead. REQUIRES: at most kMaxQueries, as many flows.
  void find_burst(std::span<const Query> queries, TimeMs now, std::span<Flow*> flows) noexcept;
  // A new flow with that key, last seen now and all else zero; null when the table is full.
  // REQUIRES: find() gives null.
  Flow* insert(const wire::FlowKey& key, wire::Family family, uint32_t hash, TimeMs now) noexcept;
  void erase(Flow& flow, uint32_t hash) noexcept;
  // Frees what has expired among the next `slots` index slots; returns how many flows.
  uint32_t sweep(TimeMs now, uint32_t slots) noexcept;

  uint32_t size() const { return size_; }
  uint32_t capacity() const { return capacity_; }

 private:
  // One cache line. A flow lies in its first bucket or, when that was full, in its second.
  struct alignas(64) Bucket {
    uint16_t tags[kSlots];  // 0: free
    uint16_t overflowed;    // flows of which this is the first bucket and that lie elsewhere
    uint16_t second;        // bit a slot: this is the flow's second bucket
    uint32_t entries[kSlots];
  };
  static_assert(sizeof(Bucket) == 64);
  struct Place {
    uint32_t bucket;
    uint32_t slot;
  };

  static uint16_t tag_of(uint32_t hash) {
    const auto tag = static_cast<uint16_t>(hash);
    return tag == 0 ? uint16_t{1} : tag;
  }
  // The high bits of the hash; the tag is the low ones.
  uint32_t first_bucket(uint32_t hash) const {
    return static_cast<uint32_t>(static_cast<uint64_t>(hash) * bucket_count_ >> 32);
  }
  // Symmetric, so a flow can be moved and freed without its hash.
  uint32_t other_bucket(uint32_t bucket, uint16_t tag) const {
    const uint32_t spread = static_cast<uint32_t>(tag * 0x9e3779b1U);
    const auto sum = static_cast<uint32_t>(static_cast<uint64_t>(spread) * bucket_count_ >> 32);
    return sum >= bucket ? sum - bucket : sum + bucket_count_ - bucket;
  }
  static uint32_t matches(const Bucket& bucket, uint16_t tag);
  static int free_slot(const Bucket& bucket);

  bool is_expired(const Flow& flow, TimeMs now) const {
    return age_ms(now, flow.last_seen) > timeouts_.of(flow.timeout);
  }
  Flow* find_among(uint32_t bucket, uint32_t candidates, const Query& query, TimeMs now);
  Flow* find_in_second(const Query& query, TimeMs now);
  bool place(uint32_t hash, uint32_t entry);
  void put(Place place, uint16_t tag, uint32_t entry, bool second);
  void take(Place place);
  bool make_room(uint32_t bucket, int& slot);
  void free_at(Place place);

  uint32_t capacity_;
  uint32_t bucket_count_;
  FlowTimeouts timeouts_;
  std::unique_ptr<Bucket[]> buckets_;
  std::unique_ptr<Flow[]> entries_;
  uint32_t size_ = 0;
  uint32_t fresh_ = 0;  // entries from here on were never used
  uint32_t free_head_;  // list of freed entries, linked by the key's first word
  uint32_t sweep_bucket_ = 0;
};

}  // namespace butterfly

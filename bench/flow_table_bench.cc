// SPDX-License-Identifier: Apache-2.0
// Decision record 0008: what finding a flow costs, in our table and in one built on rte_hash with
// the same 16-byte keys, and what adding one does. Hits read and write the flow's entry.
#include <rte_hash.h>

#include <array>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <vector>

#include "bench/memory.h"
#include "bench/stopwatch.h"
#include "graph/packet.h"
#include "tables/flow_table.h"

namespace butterfly::bench {
namespace {

constexpr uint32_t kCapacity = 5'000'000;
constexpr uint32_t kBursts = 4'000;
constexpr int kRounds = 5;
constexpr wire::HashSeed kSeed{{0x0123456789abcdef, 0xfedcba9876543210}};

wire::FlowKey key_of(uint32_t number) {
  const uint64_t addresses = 0x0100'000aULL | static_cast<uint64_t>(number >> 14) << 40;
  const uint64_t tail = ((number & 0x3fff) + 1024) | 80ULL << 16 | 6ULL << 32 | 4242ULL << 40;
  return {{addresses, tail}};
}

using Burst = std::array<wire::FlowId, kBurst>;

class Ours {
 public:
  Ours() : table_(kCapacity, kSeed) {}

  void insert(const Burst& ids) {
    for (const wire::FlowId& id : ids) {
      const wire::FlowKey key{{id.words[0], id.words[1]}};
      const uint32_t hash = table_.hasher().hash_of(id);
      if (table_.find(id, hash, 1)) std::abort();
      Flow* flow = table_.insert(key, wire::Family::v4, id, hash, 1);
      if (!flow) std::abort();
      flow->timeout = TimeoutClass::tcp_established;
    }
  }
  void erase(const wire::FlowId& id) {
    table_.erase(*table_.find(id, table_.hasher().hash_of(id), 1));
  }
  void find(const Burst& ids) {
    std::array<uint32_t, kBurst> hashes;
    std::array<const void*, kBurst> fetched;
    std::array<Flow*, kBurst> flows;
    for (size_t i = 0; i < ids.size(); ++i) {
      hashes[i] = table_.hasher().hash_of(ids[i]);
      fetched[i] = table_.fetch(hashes[i]);
    }
    for (size_t i = 0; i < ids.size(); ++i) flows[i] = table_.guess(fetched[i], hashes[i]);
    for (size_t i = 0; i < ids.size(); ++i) {
      Flow* flow = table_.find_from(flows[i], ids[i], hashes[i], 1);
      if (!flow) std::abort();
      table_.count(*flow, Role::initiator, 64);
    }
  }

 private:
  FlowTable table_;
};

// Keys lie in rte_hash, flows beside it by the position it gives; the key's copy in the flow is
// not compared again.
class OnRteHash {
 public:
  OnRteHash() : hasher_(kSeed), flows_(kCapacity) {
    rte_hash_parameters parameters{};
    parameters.name = "flows";
    parameters.entries = kCapacity;
    parameters.key_len = sizeof(wire::FlowId);
    static const int socket = huge_heap("flows", size_t{1} << 30);
    parameters.socket_id = socket;
    hash_ = rte_hash_create(&parameters);
    if (!hash_) std::abort();
  }
  ~OnRteHash() { rte_hash_free(hash_); }
  OnRteHash(const OnRteHash&) = delete;
  OnRteHash& operator=(const OnRteHash&) = delete;

  void insert(const Burst& ids) {
    for (const wire::FlowId& id : ids) {
      const uint32_t hash = hasher_.hash_of(id);
      if (rte_hash_lookup_with_hash(hash_, &id, hash) >= 0) std::abort();
      const int32_t place = rte_hash_add_key_with_hash(hash_, &id, hash);
      if (place < 0) std::abort();
      flows_[static_cast<size_t>(place)] = {};
    }
  }
  void erase(const wire::FlowId& id) {
    if (rte_hash_del_key_with_hash(hash_, &id, hasher_.hash_of(id)) < 0) std::abort();
  }
  void find(const Burst& ids) {
    std::array<const void*, kBurst> keys;
    std::array<hash_sig_t, kBurst> hashes;
    std::array<int32_t, kBurst> places;
    for (size_t i = 0; i < ids.size(); ++i) {
      keys[i] = &ids[i];
      hashes[i] = hasher_.hash_of(ids[i]);
    }
    if (rte_hash_lookup_with_hash_bulk(hash_, keys.data(), hashes.data(), kBurst, places.data()) !=
        0) {
      std::abort();
    }
    for (const int32_t place : places) __builtin_prefetch(&flows_[static_cast<size_t>(place)], 1);
    for (const int32_t place : places) {
      if (place < 0) std::abort();
      Flow& flow = flows_[static_cast<size_t>(place)];
      flow.bytes[0] += 64;
      flow.packets[0] = static_cast<uint16_t>(flow.packets[0] + 1);
    }
  }

 private:
  wire::FlowHasher hasher_;
  rte_hash* hash_;
  LazyArray<Flow> flows_;
};

Burst burst_of(uint32_t first) {
  Burst ids;
  for (uint32_t i = 0; i < kBurst; ++i) {
    const wire::FlowKey key = key_of(first + i);
    ids[i] = {{key.words[0], key.words[1]}};
  }
  return ids;
}
Burst random_burst(Random& random, uint32_t flows) {
  Burst ids;
  for (wire::FlowId& id : ids) {
    const wire::FlowKey key = key_of(random.below(flows));
    id = {{key.words[0], key.words[1]}};
  }
  return ids;
}

struct Result {
  Samples find;
  Samples insert;
  Samples insert_again;  // into room that others have left, in no order
};

template <typename Table>
void fill(Table& table, uint32_t bursts, uint64_t overhead, Samples& samples) {
  for (uint32_t i = 0; i < bursts; ++i) {
    const Burst ids = burst_of(i * kBurst);
    const uint64_t start = begin_stretch();
    table.insert(ids);
    samples.add(end_stretch() - start, overhead, kBurst);
  }
}

template <typename Table>
void empty(Table& table, uint32_t flows) {
  constexpr uint64_t kStep = 7919;  // a prime: every flow once
  for (uint64_t i = 0; i < flows; ++i) {
    const wire::FlowKey key = key_of(static_cast<uint32_t>(i * kStep % flows));
    table.erase({{key.words[0], key.words[1]}});
  }
}

template <typename Table>
Result measure(uint32_t flows, uint64_t overhead) {
  Table table;
  Result result;
  Random random(7);
  const uint32_t bursts = (flows + kBurst - 1) / kBurst;
  fill(table, bursts, overhead, result.insert);
  for (uint32_t i = 0; i < kBursts; ++i) {
    const Burst ids = random_burst(random, flows);
    const uint64_t start = begin_stretch();
    table.find(ids);
    result.find.add(end_stretch() - start, overhead, kBurst);
  }
  empty(table, bursts * kBurst);
  fill(table, bursts, overhead, result.insert_again);
  return result;
}

void keep_better(Result& best, Result result) {
  if (best.find.is_empty() || result.find.percentile(50) < best.find.percentile(50)) {
    best = std::move(result);
  }
}
// Few insertions are first touches of memory and nothing else.
void print(const char* form, uint32_t flows, Result& result) {
  std::printf("flow-table %u %s %.1f %.1f", flows, form, result.find.percentile(10),
              result.find.percentile(50));
  if (flows >= 10'000) {
    std::printf(" %.1f %.1f", result.insert.percentile(10), result.insert.percentile(50));
    std::printf(" %.1f %.1f", result.insert_again.percentile(10),
                result.insert_again.percentile(50));
  }
  std::printf("\n");
}

void measure_all() {
  const uint64_t overhead = stretch_overhead();
  std::printf(
      "# flow-table flows form | cycles a lookup p10 p50, an insertion p10 p50, again p10 p50\n");
  for (const uint32_t flows : {1u, 100u, 10'000u, 100'000u, 1'000'000u, 4'000'000u}) {
    Result ours;
    Result rte;
    for (int round = 0; round < kRounds; ++round) {
      keep_better(ours, measure<Ours>(flows, overhead));
      keep_better(rte, measure<OnRteHash>(flows, overhead));
    }
    print("ours", flows, ours);
    print("rte_hash", flows, rte);
  }
}

}  // namespace
}  // namespace butterfly::bench

int main() { butterfly::bench::measure_all(); }

// SPDX-License-Identifier: Apache-2.0
// The rules for peers given by prefixes of one family, in one direction. Prefixes contain one
// another or are apart, so all that contain an address are the last one that begins before it, and
// those around that one.
//
// Key:      a prefix. Value: the rules for it. Capacity: 2^32 - 2 prefixes.
// Cost:     a search (tables/rank_index.h) and a step for each prefix around the place that it
//           finds: at most 33 (IPv4) or 129 (IPv6), and none of the others.
// Edit:     linear in the prefixes: they lie in arrays. Rules of prefixes that it does not touch
//           are shared.
// Memory:   48 bytes a prefix (IPv4), 80 (IPv6), and what its rules take when there are several.
// Written by the control side, then immutable.
#pragma once

#include <bit>
#include <concepts>
#include <map>
#include <vector>

#include "base/ip.h"
#include "tables/service_rules.h"

namespace butterfly {

// The addresses of a family as numbers on its own line.
using Number4 = uint32_t;
using Number6 = Uint128;
template <typename Number>
Number number_of(const IpAddress& address) {
  const uint8_t* bytes = address.bytes().data();
  if constexpr (std::same_as<Number, Number4>) {
    return __builtin_bswap32(load_raw<uint32_t>(bytes + 12));
  } else {
    return Uint128{__builtin_bswap64(load_raw<uint64_t>(bytes))} << 64 |
           __builtin_bswap64(load_raw<uint64_t>(bytes + 8));
  }
}
// REQUIRES: a prefix of that family.
template <typename Number>
Number last_number_of(const Cidr& prefix) {
  const Number first = number_of<Number>(prefix.address());
  const unsigned length = prefix.length();
  return length == 0 ? static_cast<Number>(~Number{0}) : first | (~Number{0} >> (length - 1) >> 1);
}

template <typename Number>
class PrefixRules {
 public:
  using Edits = std::map<Cidr, ServiceEdit>;

  PrefixRules() = default;
  // These, edited. REQUIRES: prefixes of this family; what goes is there.
  PrefixRules edited(Edits edits) const;

  bool empty() const { return slots_.empty(); }
  // The first that fits and is accepted, or null: longer prefixes first.
  const Rule* find(const Number& address, uint32_t service, Accepts accepts) const noexcept {
    for (size_t i = firsts_.rank(address); i != 0; i = slots_[i - 1].around) {
      const Slot& slot = slots_[i - 1];
      if (slot.last < address) continue;
      if (const Rule* rule = slot.rules.find(service, accepts)) return rule;
    }
    return nullptr;
  }

 private:
  struct Slot {
    Number last;
    uint32_t around;  // one more than the slot of the smallest prefix around this one; 0: none
    ServiceRules rules;
  };
  void add(const Number& first, const Number& last, ServiceRules rules,
           std::vector<Number>& firsts);

  RankIndex<Number> firsts_;
  std::vector<Slot> slots_;  // by firsts_; of those that begin together the widest first
};

extern template class PrefixRules<Number4>;
extern template class PrefixRules<Number6>;

}  // namespace butterfly

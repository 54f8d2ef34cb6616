// SPDX-License-Identifier: Apache-2.0
// The rules for one peer in one direction: which of them let a protocol, port or ICMP type pass.
//
// What a rule says of protocol, ports and ICMP is one range on a line of 2^24 services: protocol
// first, then the destination port, or ICMP's type and code. So a question is: which ranges hold
// this point?
//
// Key:      a service. Value: the rule. Capacity: 2^32 - 1 rules.
// Cost:     some sixteen numbers are looked at for each digit of the rules' number in base sixteen,
//           however the ranges overlap, for an answer and for none. An answer that is turned down
//           costs a look at the ranges that begin before the service and end behind it, and, at
//           worst, at all that begin before it.
// Edit:     linear in the rules of this peer: they lie in arrays.
// Memory:   21 bytes a rule; none but the value itself while there is only one.
// Written by the control side, then immutable. Rules belong to the caller, who outlives this.
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "absl/functional/function_ref.h"
#include "tables/rank_index.h"

namespace butterfly {

struct Rule;
// Whether a rule that fits is the answer; else the next one that fits is looked for.
using Accepts = absl::FunctionRef<bool(const Rule*)>;

// Both ends belong to it.
struct ServiceRange {
  uint32_t first = 0;
  uint32_t last = 0;
  bool contains(uint32_t service) const { return first <= service && service <= last; }
  friend auto operator<=>(const ServiceRange&, const ServiceRange&) = default;
};
inline constexpr ServiceRange kEveryService{0, 0xffffff};
// All of a protocol; `detail`: destination port, or ICMP type << 8 | code.
constexpr ServiceRange services_of(uint8_t protocol) {
  return {uint32_t{protocol} << 16, uint32_t{protocol} << 16 | 0xffff};
}
constexpr uint32_t service_of(uint8_t protocol, uint16_t detail) {
  return uint32_t{protocol} << 16 | detail;
}

struct ServiceRule {
  ServiceRange range;
  const Rule* rule;
};
// What a change does to the rules of one peer.
struct ServiceEdit {
  std::vector<const Rule*> gone;
  std::vector<ServiceRule> came;
};

class ServiceRules {
 public:
  ServiceRules() = default;
  // These, edited. REQUIRES: what goes is there.
  ServiceRules edited(ServiceEdit edit) const;

  bool empty() const { return !only_ && !many_; }
  // The first that fits and is accepted, or null. Of those that fit the one comes first that
  // reaches furthest (of several the one that begins first, then the smallest id), then those that
  // begin last.
  const Rule* find(uint32_t service, Accepts accepts) const noexcept {
    if (!many_) {
      return only_ && range_.contains(service) && accepts(only_) ? only_ : nullptr;
    }
    return many_->find(service, accepts);
  }
  // In the order of their ranges, then ids.
  std::vector<ServiceRule> all() const;

 private:
  class Many {
   public:
    // REQUIRES: sorted.
    explicit Many(const std::vector<ServiceRule>& rules);
    const Rule* find(uint32_t service, Accepts accepts) const noexcept;
    std::vector<ServiceRule> all() const;

   private:
    struct Slot {
      uint32_t last;
      uint32_t furthest;  // slot, up to this one, whose range reaches furthest
      const Rule* rule;
    };
    RankIndex<uint32_t> firsts_;
    std::vector<Slot> slots_;  // by firsts_
  };
  // One rule, as most peers have, is asked without a way to elsewhere.
  ServiceRange range_;
  const Rule* only_ = nullptr;
  std::shared_ptr<const Many> many_;  // when there are two or more
};

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// The addresses of a security group: those of its nics, each in its own segment, and those listed
// by the operator, in every segment, which may be prefixes.
//
// Key:      segment and address. No value. Capacity: as memory lasts.
// Cost:     of a question: a hash and about two cache lines, twice, and a search among the
// prefixes,
//           each only if there are any such members.
// Edit:     an address: one page of some hundred (base/shared_hash_set.h). A prefix: linear in the
//           prefixes, some 10 ns each.
// Memory:   11 to 32 bytes an IPv4 address, 43 to 128 an IPv6 one, 9 and 34 a prefix.
//
// A value whose copies share what they have in common. Written by the control side, then immutable.
#pragma once

#include <memory>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/shared_hash_set.h"
#include "base/shared_map.h"
#include "tables/prefix_rules.h"

namespace butterfly {

class AddressSet {
 public:
  struct Member {
    Vni vni;  // value 0: in every segment
    Cidr prefix;
    friend auto operator<=>(const Member&, const Member&) = default;
  };
  AddressSet() = default;
  explicit AddressSet(const std::vector<Member>& members) { edit({}, members); }

  // Takes out, then puts in. What was put in more than once, by two nics of one address, is there
  // until it has been taken out as often. REQUIRES: what goes is there; a prefix that is not a
  // whole address has VNI 0.
  void edit(const std::vector<Member>& gone, const std::vector<Member>& came);

  bool contains(Vni vni, const IpAddress& address) const noexcept {
    return address.is_v4() ? contains_v4(vni, address) : contains_v6(vni, address);
  }
  // Each once, sorted: for tests and people.
  std::vector<Member> members() const;

 private:
  struct Key6 {
    Uint128 address;
    uint32_t vni;
    friend bool operator==(const Key6&, const Key6&) = default;
  };
  struct Hash4 {
    uint64_t operator()(uint64_t key) const;
  };
  struct Hash6 {
    uint64_t operator()(const Key6& key) const;
  };
  static uint64_t key4(Vni vni, Number4 address) { return uint64_t{vni.value} << 32 | address; }

  // Prefixes of one family, as numbers: those that an address is in, if any, all begin at or before
  // it, and the one of these that ends last is one of them.
  template <typename Number>
  class Prefixes {
   public:
    Prefixes() = default;
    explicit Prefixes(const std::vector<Cidr>& sorted);
    bool contains(const Number& address) const {
      const size_t begun = firsts_.rank(address);
      return begun != 0 && furthest_[begun - 1] >= address;
    }

   private:
    RankIndex<Number> firsts_;
    std::vector<Number> furthest_;
  };

  struct Listed {
    std::vector<Cidr> all;  // sorted, each once
    Prefixes<Number4> v4;
    Prefixes<Number6> v6;
  };

  bool contains_v4(Vni vni, const IpAddress& address) const noexcept;
  bool contains_v6(Vni vni, const IpAddress& address) const noexcept;
  void put(const Member& member);
  void take(const Member& member);
  void list(std::vector<Cidr> gone, std::vector<Cidr> came);

  SharedHashSet<uint64_t, Hash4> v4_;
  SharedHashSet<Key6, Hash6> v6_;
  size_t of_segments_ = 0;                // addresses that count in one segment
  size_t everywhere_ = 0;                 // whole addresses that count in every segment
  std::shared_ptr<const Listed> listed_;  // null: none
  SharedMap<Member, uint32_t> again_;     // how often more than once
};

}  // namespace butterfly

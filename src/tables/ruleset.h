// SPDX-License-Identifier: Apache-2.0
// Security groups compiled for the datapath: which packet that starts a flow may pass.
//
// A nic's policy is the union of its groups' allow rules. Evaluated for the first packet of a flow
// (and again when the policy changed), never for tracked packets.
//
// Cost of a question, a group: a search among the rules for anyone; one among the prefixes, and one
// among the rules of each prefix around the address (at most 33 for IPv4, 129 for IPv6); one among
// the rules of each group that rules name, and a look at its members when one fits. Each search is
// tables/rank_index.h: its steps grow with the logarithm of the number of rules.
// Decision record 0012 has the figures.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/shared_map.h"
#include "tables/address_set.h"
#include "tables/expression.h"
#include "tables/prefix_rules.h"
#include "tables/procedure.h"
#include "tables/service_rules.h"
#include "wire/flow_key.h"

namespace butterfly {

enum class Direction : uint8_t { ingress, egress };

// One compiled rule. Fields that do not matter hold the whole range. Immutable, shared by the
// versions of its group.
struct Rule {
  std::string id;  // stable, as the API names it; unique in its group
  Direction direction = Direction::ingress;
  std::optional<wire::Family> family;  // empty: both
  std::optional<uint8_t> protocol;     // empty: any
  // Destination port of the flow's first packet, inclusive; other than all only with a protocol
  // that has ports.
  uint16_t first_port = 0;
  uint16_t last_port = 65535;
  std::optional<uint8_t> icmp_type;  // only with the ICMP of its family
  std::optional<uint8_t> icmp_code;  // only with a type
  std::optional<Cidr> peer;          // the other side's address
  std::string peer_group;            // the other side is a member of it; empty: do not care
  std::shared_ptr<const Expression> expression;  // that the first packet must match; null: any
  ProcedureSlot procedure = 0;                   // what is done to the flow's packets
  // Where the connections that it lets start are counted (tables/hit_counts.h), and what stood
  // there before the rule came.
  uint32_t hits_slot = 0;
  uint64_t hits_base = 0;
};

// The first packet of a flow, as rules look at it: in the flow's original direction.
struct FlowStart {
  wire::Family family = wire::Family::v4;
  wire::FiveTuple tuple;
  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;
  Vni vni;
};

// What the packet asks for, and what the rule lets pass of protocols, ports and ICMP types.
uint32_t service_asked_by(const FlowStart& start) noexcept;
ServiceRange services_allowed_by(const Rule& rule) noexcept;

// The rules of one security group. Immutable once published, shared by the nics that use it; a copy
// costs next to nothing and shares what a change to it does not touch.
class RuleGroup {
 public:
  struct Change {
    std::shared_ptr<const Rule> before;  // null: it comes
    std::shared_ptr<const Rule> after;   // null: it goes
  };
  // The members of a group that rules name; null: there is none, nobody is in it.
  using FindMembers = absl::FunctionRef<std::shared_ptr<const AddressSet>(const std::string&)>;

  std::string name;
  bool reject = false;        // nics that use it tell whom they refuse
  Generation generation = 0;  // of the snapshot in which it, or a set it uses, last changed

  // Linear in the rules of each peer, and in the prefixes, that a change touches.
  // REQUIRES: `before` is what rule(before->id) is; each rule is in `changes` once.
  void edit(const std::vector<Change>& changes, FindMembers find_members);
  // A group that rules name has other members. No rule is compiled again.
  void set_members(const std::string& group, std::shared_ptr<const AddressSet> members);

  // Null when there is none.
  std::shared_ptr<const Rule> rule(const std::string& id) const;
  const SharedMap<std::string, std::shared_ptr<const Rule>>& rules() const { return rules_; }
  // Of a group that rules name; null when none names it.
  std::shared_ptr<const AddressSet> members_of(const std::string& group) const;

  // The first rule that allows `start` and is accepted, or null. Rules for anyone come first, then
  // those for prefixes, longest first, then those for groups, by name; of several for one peer the
  // one whose ports (or ICMP types, or protocols) reach furthest. The order is the same however the
  // rules got here.
  const Rule* find(Direction direction, const FlowStart& start, Accepts accepts) const noexcept;

 private:
  struct GroupPeer {
    std::string name;
    std::shared_ptr<const AddressSet> members;  // not null
    ServiceRules rules;
  };
  // The rules of one direction, for packets of one family.
  template <typename Number>
  struct Index {
    ServiceRules anyone;
    std::shared_ptr<const PrefixRules<Number>> prefixes;        // null: none
    std::shared_ptr<const std::vector<GroupPeer>> group_peers;  // by name; null: none

    const Rule* find(uint32_t service, const FlowStart& start, const IpAddress& peer,
                     Accepts accepts) const noexcept;
    [[gnu::noinline]] const Rule* find_by_peer(uint32_t service, const FlowStart& start,
                                               const IpAddress& peer,
                                               Accepts accepts) const noexcept;
  };
  struct Edits;
  template <typename Number>
  static void edit(Index<Number>& index, Edits edits, FindMembers find_members);
  template <typename Visit>
  void for_each_index(const Visit& visit);

  std::array<Index<Number4>, 2> v4_;  // by direction
  std::array<Index<Number6>, 2> v6_;
  SharedMap<std::string, std::shared_ptr<const Rule>> rules_;  // by id; owns what the indexes show
};

// What one nic's groups amount to.
struct Policy {
  std::vector<std::shared_ptr<const RuleGroup>> groups;
  // A nic that names no group at all lets everything out (with its own addresses).
  bool allow_all_egress = false;
  // Whoever is refused is told so, instead of silence.
  bool rejects = false;
  // Whether everything passes in a direction, by a rule that asks for nothing or for want of
  // groups. Known of nics that carry what no rule can look into.
  std::array<bool, 2> passes_all{};  // by direction
  // Verdicts taken in an earlier generation than this must be taken again.
  Generation generation = 0;
};

// A rule that allows something, and whose it is: null, null when there is none.
struct Match {
  const Rule* rule = nullptr;
  const RuleGroup* group = nullptr;
  explicit operator bool() const { return rule != nullptr; }
};

// The rule that allows `start` through the nic in that direction: of the first group of the policy
// that has one, the first of RuleGroup::find() that is accepted. With `policy.allow_all_egress`
// `kAllowAllEgress`, of no group, stands for the implied rule, which nobody is asked about.
extern const Rule kAllowAllEgress;
Match find_allowing_rule(const Policy& policy, Direction direction, const FlowStart& start,
                         Accepts accepts) noexcept;
Match find_allowing_rule(const Policy& policy, Direction direction,
                         const FlowStart& start) noexcept;

}  // namespace butterfly

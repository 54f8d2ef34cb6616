// SPDX-License-Identifier: Apache-2.0
// Security groups compiled for the datapath: which packet that starts a flow may pass.
//
// A nic's policy is the union of its groups' allow rules. Evaluated for the first packet of a flow
// (and again when the policy changed), never for tracked packets. Linear in the rules of one
// direction; about 130 bytes a rule; a group peer costs two searches of a sorted array.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "tables/procedure.h"
#include "wire/flow_key.h"

namespace butterfly {

// The addresses of a security group: those of its nics (each in its own segment) and those listed
// by the operator (in every segment). Immutable.
class AddressSet {
 public:
  struct Member {
    Vni vni;  // value 0: in every segment
    IpAddress address;
    friend auto operator<=>(const Member&, const Member&) = default;
  };
  AddressSet() = default;
  explicit AddressSet(std::vector<Member> members);
  bool contains(Vni vni, const IpAddress& address) const;
  const std::vector<Member>& members() const { return members_; }

 private:
  std::vector<Member> members_;  // sorted, unique
};

// One compiled rule. Fields that do not matter hold the whole range.
struct Rule {
  std::string id;                      // stable, as the API names it
  std::optional<wire::Family> family;  // empty: both
  std::optional<uint8_t> protocol;     // empty: any
  uint16_t first_port = 0;             // destination port of the flow's first packet, inclusive
  uint16_t last_port = 65535;
  std::optional<uint8_t> icmp_type;
  std::optional<uint8_t> icmp_code;
  std::optional<Cidr> peer;                   // the other side's address
  std::shared_ptr<const AddressSet> members;  // the other side's address; null: do not care
  ProcedureSlot procedure = 0;                // what is done to the flow's packets
};

// The rules of one security group, by direction. Immutable, shared by the nics that use it.
struct RuleGroup {
  std::string name;
  std::vector<Rule> ingress;
  std::vector<Rule> egress;
  bool reject = false;        // nics that use it tell whom they refuse
  Generation generation = 0;  // of the snapshot in which it, or a set it uses, last changed
};

// What one nic's groups amount to.
struct Policy {
  std::vector<std::shared_ptr<const RuleGroup>> groups;
  // A nic that names no group at all lets everything out (with its own addresses).
  bool allow_all_egress = false;
  // Whoever is refused is told so, instead of silence.
  bool rejects = false;
  // Verdicts taken in an earlier generation than this must be taken again.
  Generation generation = 0;
};

enum class Direction : uint8_t { ingress, egress };

// The first packet of a flow, as rules look at it: in the flow's original direction.
struct FlowStart {
  wire::Family family = wire::Family::v4;
  wire::FiveTuple tuple;
  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;
  Vni vni;
};

// The rule that allows `start` through the nic in that direction, or null. With
// `policy.allow_all_egress`, `kAllowAllEgress` stands for the implied rule.
extern const Rule kAllowAllEgress;
const Rule* find_allowing_rule(const Policy& policy, Direction direction, const FlowStart& start);

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// Parts of validate() that its files share.
#pragma once

#include <string>
#include <string_view>

#include "host/intent/intent.h"

namespace butterfly {

// 1..64 of [A-Za-z0-9._-], starts with a letter or digit. `what` begins the message: "nic 'a b'".
Status validate_name(const std::string& what, std::string_view name);
Status validate_count(const std::string& what, size_t count, size_t limit);
// One that a host can have. `what` as above.
Status validate_address(const std::string& what, const IpAddress& address);
Status validate_member(const std::string& what, const Cidr& member);

// Whether the fields of one rule fit together. Messages begin "group 'web': rule 0123…: ".
Status validate_rule(const std::string& group, const RuleIntent& rule);
// The same, and that it is kept under its id.
Status validate_rule(const std::string& group, const std::string& id, const RuleIntent& rule);

// The fields that say which packets fit. `where` begins the message: "group 'web': rule 0123…: ".
Status validate_match(const std::string& where, const RuleIntent& rule);
// Text for people. `where` as above.
Status validate_description(const std::string& where, const std::string& description);
Status validate_guard_rule(const std::string& key, const GuardIntent& rule);

// That every rule's procedure is there.
Status validate_procedures_of(const GroupIntent& group, const Intent& intent);

// How many groups its rules name.
Status validate_peer_groups_of(const GroupIntent& group);

// One object of a map, kept under that key, by itself.
Status validate_nic(const std::string& id, const NicIntent& nic);
// That the subnets which it names are there, and that it has an address in each.
Status validate_subnets_of(const NicIntent& nic, const Intent& intent);
Status validate_subnet(const std::string& name, const SubnetIntent& subnet);
// That no nic may use a MAC that another one has, or that is behind a peer for good.
Status validate_allowed_macs(const Intent& intent);
// Name and sizes: what need not look at each rule and member.
Status validate_group_outline(const std::string& name, const GroupIntent& group);
Status validate_procedure(const std::string& name, const ProcedureIntent& procedure);
Status validate_peer(const IpAddress& address, const PeerIntent& peer);
Status validate_segment(Vni vni, const SegmentIntent& segment);
// And that its peer serves it.
Status validate_fdb_entry(const std::pair<Vni, Mac>& key, const FdbIntent& entry,
                          const Intent& intent);

// All static entries, and that none of them is a nic of ours.
Status validate_fdb(const Intent& intent);
// "web-1.example.org": letters, digits and dashes in labels of at most 63 (RFC 1123 §2.1).
Status validate_hostname(const std::string& what, std::string_view name, size_t longest);

// Segments exist for every VNI that a nic or a peer names.
Status validate_vni_count(const Intent& intent);

}  // namespace butterfly

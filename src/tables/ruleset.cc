// SPDX-License-Identifier: Apache-2.0
#include "tables/ruleset.h"

#include <algorithm>
#include <utility>

#include "wire/headers.h"

namespace butterfly {
namespace {

using wire::Family;

bool has_ports(uint8_t protocol) {
  return protocol == wire::kProtoTcp || protocol == wire::kProtoUdp || protocol == wire::kProtoSctp;
}

bool is_icmp_of(uint8_t protocol, Family family) {
  return protocol == (family == Family::v4 ? wire::kProtoIcmp : wire::kProtoIcmpv6);
}

bool accept_any(const Rule*) { return true; }

}  // namespace

uint32_t service_asked_by(const FlowStart& start) noexcept {
  const uint8_t protocol = start.tuple.protocol;
  if (has_ports(protocol)) return service_of(protocol, start.tuple.destination.port);
  if (!is_icmp_of(protocol, start.family)) return service_of(protocol, 0);
  return service_of(protocol, static_cast<uint16_t>(start.icmp_type << 8 | start.icmp_code));
}

ServiceRange services_allowed_by(const Rule& rule) noexcept {
  if (!rule.protocol) return kEveryService;
  const uint8_t protocol = *rule.protocol;
  if (has_ports(protocol)) {
    return {service_of(protocol, rule.first_port), service_of(protocol, rule.last_port)};
  }
  if (!rule.icmp_type) return services_of(protocol);
  const auto type = static_cast<uint16_t>(*rule.icmp_type << 8);
  const uint16_t first = rule.icmp_code.value_or(0);
  const uint16_t last = rule.icmp_code.value_or(255);
  return {service_of(protocol, type | first), service_of(protocol, type | last)};
}

const Rule kAllowAllEgress{.id = "no-group",
                           .family = {},
                           .protocol = {},
                           .icmp_type = {},
                           .icmp_code = {},
                           .peer = {},
                           .peer_group = {},
                           .expression = {}};

// What a change does to one index.
struct RuleGroup::Edits {
  ServiceEdit anyone;
  std::map<Cidr, ServiceEdit> prefixes;
  std::map<std::string, ServiceEdit> groups;

  ServiceEdit& of_peer(const Rule& rule) {
    if (rule.peer) return prefixes[*rule.peer];
    return rule.peer_group.empty() ? anyone : groups[rule.peer_group];
  }
};

template <typename Number>
const Rule* RuleGroup::Index<Number>::find(uint32_t service, const FlowStart& start,
                                           const IpAddress& peer, Accepts accepts) const noexcept {
  if (const Rule* rule = anyone.find(service, accepts)) return rule;
  return prefixes || group_peers ? find_by_peer(service, start, peer, accepts) : nullptr;
}

template <typename Number>
const Rule* RuleGroup::Index<Number>::find_by_peer(uint32_t service, const FlowStart& start,
                                                   const IpAddress& peer,
                                                   Accepts accepts) const noexcept {
  if (prefixes) {
    const auto address = number_of<Number>(peer);
    if (const Rule* rule = prefixes->find(address, service, accepts)) return rule;
  }
  if (!group_peers) return nullptr;
  for (const GroupPeer& group : *group_peers) {
    // The members last: they are the dearest question.
    bool is_asked = false;
    bool is_member = false;
    const auto accepts_member = [&](const Rule* rule) {
      if (!is_asked) is_member = group.members->contains(start.vni, peer);
      is_asked = true;
      return is_member && accepts(rule);
    };
    if (const Rule* rule = group.rules.find(service, accepts_member)) return rule;
  }
  return nullptr;
}

const Rule* RuleGroup::find(Direction direction, const FlowStart& start,
                            Accepts accepts) const noexcept {
  const bool ingress = direction == Direction::ingress;
  const IpAddress& peer = ingress ? start.tuple.source.address : start.tuple.destination.address;
  const uint32_t service = service_asked_by(start);
  const auto way = static_cast<size_t>(direction);
  return start.family == Family::v4 ? v4_[way].find(service, start, peer, accepts)
                                    : v6_[way].find(service, start, peer, accepts);
}

template <typename Number>
void RuleGroup::edit(Index<Number>& index, Edits edits, FindMembers find_members) {
  index.anyone = index.anyone.edited(std::move(edits.anyone));
  if (!edits.prefixes.empty()) {
    static const PrefixRules<Number> none;
    auto prefixes = std::make_shared<PrefixRules<Number>>(
        (index.prefixes ? *index.prefixes : none).edited(std::move(edits.prefixes)));
    index.prefixes = prefixes->empty() ? nullptr : std::move(prefixes);
  }
  if (edits.groups.empty()) return;
  std::vector<GroupPeer> peers;
  if (index.group_peers) peers = *index.group_peers;
  for (auto& [name, edit] : edits.groups) {
    auto peer = std::ranges::lower_bound(peers, name, {}, &GroupPeer::name);
    if (peer == peers.end() || peer->name != name) {
      static const auto nobody = std::make_shared<const AddressSet>();
      auto members = find_members(name);
      peer = peers.insert(peer, {name, members ? std::move(members) : nobody, {}});
    }
    peer->rules = peer->rules.edited(std::move(edit));
  }
  std::erase_if(peers, [](const GroupPeer& peer) { return peer.rules.empty(); });
  index.group_peers =
      peers.empty() ? nullptr : std::make_shared<const std::vector<GroupPeer>>(std::move(peers));
}

void RuleGroup::edit(const std::vector<Change>& changes, FindMembers find_members) {
  std::array<Edits, 2> v4;
  std::array<Edits, 2> v6;
  const auto for_each_edit = [&](const Rule& rule, const auto& visit) {
    const bool is_v4 = rule.peer ? rule.peer->is_v4() : rule.family != Family::v6;
    const bool is_v6 = rule.peer ? !rule.peer->is_v4() : rule.family != Family::v4;
    const auto way = static_cast<size_t>(rule.direction);
    if (is_v4 && rule.family != Family::v6) visit(v4[way].of_peer(rule));
    if (is_v6 && rule.family != Family::v4) visit(v6[way].of_peer(rule));
  };
  for (const auto& [before, after] : changes) {
    if (before) {
      for_each_edit(*before, [&](ServiceEdit& edit) { edit.gone.push_back(before.get()); });
      if (!after) rules_.erase(before->id);
    }
    if (!after) continue;
    const ServiceRule entry{services_allowed_by(*after), after.get()};
    for_each_edit(*after, [&](ServiceEdit& edit) { edit.came.push_back(entry); });
    rules_.set(after->id, after);
  }
  for (size_t way = 0; way < 2; ++way) {
    edit(v4_[way], std::move(v4[way]), find_members);
    edit(v6_[way], std::move(v6[way]), find_members);
  }
}

template <typename Visit>
void RuleGroup::for_each_index(const Visit& visit) {
  for (auto& index : v4_) visit(index);
  for (auto& index : v6_) visit(index);
}

void RuleGroup::set_members(const std::string& group, std::shared_ptr<const AddressSet> members) {
  static const auto nobody = std::make_shared<const AddressSet>();
  if (!members) members = nobody;
  for_each_index([&](auto& index) {
    if (!index.group_peers) return;
    const auto peer = std::ranges::lower_bound(*index.group_peers, group, {}, &GroupPeer::name);
    if (peer == index.group_peers->end() || peer->name != group) return;
    auto peers = std::make_shared<std::vector<GroupPeer>>(*index.group_peers);
    (*peers)[static_cast<size_t>(peer - index.group_peers->begin())].members = members;
    index.group_peers = std::move(peers);
  });
}

std::shared_ptr<const Rule> RuleGroup::rule(const std::string& id) const {
  const auto found = rules_.find(id);
  return found == rules_.end() ? nullptr : found->second;
}

std::shared_ptr<const AddressSet> RuleGroup::members_of(const std::string& group) const {
  std::shared_ptr<const AddressSet> members;
  const auto look_in = [&](const auto& index) {
    if (!index.group_peers) return;
    const auto peer = std::ranges::lower_bound(*index.group_peers, group, {}, &GroupPeer::name);
    if (peer != index.group_peers->end() && peer->name == group) members = peer->members;
  };
  for (const auto& index : v4_) look_in(index);
  for (const auto& index : v6_) look_in(index);
  return members;
}

Match find_allowing_rule(const Policy& policy, Direction direction, const FlowStart& start,
                         Accepts accepts) noexcept {
  if (direction == Direction::egress && policy.allow_all_egress) return {&kAllowAllEgress, nullptr};
  for (const auto& group : policy.groups) {
    if (const Rule* rule = group->find(direction, start, accepts)) return {rule, group.get()};
  }
  return {};
}

Match find_allowing_rule(const Policy& policy, Direction direction,
                         const FlowStart& start) noexcept {
  return find_allowing_rule(policy, direction, start, accept_any);
}

}  // namespace butterfly

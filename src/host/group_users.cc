// SPDX-License-Identifier: Apache-2.0
#include "host/group_users.h"

namespace butterfly {

void GroupUsers::follow(const Difference& change) {
  for (const auto& nic : change.nics) follow(nic);
  for (const auto& group : change.groups) follow(group);
}

void GroupUsers::follow(const Changed<decltype(Intent::nics)>& nic) {
  if (nic.before && nic.after && nic.before->second.groups == nic.after->second.groups) return;
  if (nic.before) {
    for (const std::string& group : nic.before->second.groups) {
      SharedSet<std::string>& users = nics_[group];
      users.erase(nic.key());
      if (users.empty()) nics_.erase(group);
    }
  }
  if (nic.after) {
    for (const std::string& group : nic.after->second.groups) nics_[group].insert(nic.key());
  }
}

void GroupUsers::follow(const Changed<decltype(Intent::groups)>& group) {
  using Rules = decltype(GroupIntent::rules);
  static const Rules none;
  const Rules& before = group.before ? group.before->second.rules : none;
  const Rules& after = group.after ? group.after->second.rules : none;
  Rules::for_each_difference(before, after, [&](const auto* old_rule, const auto* rule) {
    if (old_rule) count(old_rule->second.peer_group, group.key(), /*is_more=*/false);
    if (rule) count(rule->second.peer_group, group.key(), /*is_more=*/true);
  });
}

void GroupUsers::count(const std::string& named, const std::string& by, bool is_more) {
  if (named.empty()) return;
  auto& namers = rules_[named];
  uint32_t& rules = namers[by];
  rules = is_more ? rules + 1 : rules - 1;
  if (rules != 0) return;
  namers.erase(by);
  if (namers.empty()) rules_.erase(named);
}

const SharedSet<std::string>& GroupUsers::nics_in(const std::string& group) const {
  static const SharedSet<std::string> nobody;
  const auto found = nics_.find(group);
  return found == nics_.end() ? nobody : found->second;
}

const SharedMap<std::string, uint32_t>& GroupUsers::groups_naming(const std::string& group) const {
  static const SharedMap<std::string, uint32_t> nobody;
  const auto found = rules_.find(group);
  return found == rules_.end() ? nobody : found->second;
}

}  // namespace butterfly

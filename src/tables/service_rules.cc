// SPDX-License-Identifier: Apache-2.0
#include "tables/service_rules.h"

#include <algorithm>
#include <iterator>

#include "tables/ruleset.h"

namespace butterfly {
namespace {

bool is_before(const ServiceRule& a, const ServiceRule& b) {
  return a.range != b.range ? a.range < b.range : a.rule->id < b.rule->id;
}

}  // namespace

ServiceRules ServiceRules::edited(ServiceEdit edit) const {
  if (edit.gone.empty() && edit.came.empty()) return *this;
  std::ranges::sort(edit.gone);
  std::ranges::sort(edit.came, is_before);
  std::vector<ServiceRule> kept = all();
  std::erase_if(kept, [&](const ServiceRule& rule) {
    return std::ranges::binary_search(edit.gone, rule.rule);
  });
  std::vector<ServiceRule> rules;
  rules.reserve(kept.size() + edit.came.size());
  std::ranges::merge(kept, edit.came, std::back_inserter(rules), is_before);
  ServiceRules result;
  if (rules.size() == 1) {
    result.range_ = rules[0].range;
    result.only_ = rules[0].rule;
  } else if (!rules.empty()) {
    result.many_ = std::make_shared<const Many>(rules);
  }
  return result;
}

std::vector<ServiceRule> ServiceRules::all() const {
  if (many_) return many_->all();
  if (only_) return {{range_, only_}};
  return {};
}

ServiceRules::Many::Many(const std::vector<ServiceRule>& rules) {
  std::vector<uint32_t> firsts;
  firsts.reserve(rules.size());
  slots_.reserve(rules.size());
  for (const auto& [range, rule] : rules) {
    const auto slot = static_cast<uint32_t>(slots_.size());
    uint32_t furthest = slots_.empty() ? slot : slots_.back().furthest;
    if (slot != furthest && slots_[furthest].last < range.last) furthest = slot;
    firsts.push_back(range.first);
    slots_.push_back({range.last, furthest, rule});
  }
  firsts_ = RankIndex<uint32_t>(firsts);
}

// Whether any fits is known from the one that reaches furthest of all that begin in time.
const Rule* ServiceRules::Many::find(uint32_t service, Accepts accepts) const noexcept {
  const size_t begun = firsts_.rank(service);
  if (begun == 0) return nullptr;
  const uint32_t furthest = slots_[begun - 1].furthest;
  if (slots_[furthest].last < service) return nullptr;
  if (accepts(slots_[furthest].rule)) return slots_[furthest].rule;
  for (size_t i = begun; i-- > 0 && slots_[slots_[i].furthest].last >= service;) {
    if (i == furthest || slots_[i].last < service) continue;
    if (accepts(slots_[i].rule)) return slots_[i].rule;
  }
  return nullptr;
}

std::vector<ServiceRule> ServiceRules::Many::all() const {
  std::vector<ServiceRule> rules;
  rules.reserve(slots_.size());
  for (size_t i = 0; i < slots_.size(); ++i) {
    rules.push_back({{firsts_.at(i), slots_[i].last}, slots_[i].rule});
  }
  return rules;
}

}  // namespace butterfly

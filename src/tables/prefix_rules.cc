// SPDX-License-Identifier: Apache-2.0
#include "tables/prefix_rules.h"

namespace butterfly {

// A map of prefixes has those that begin together in the order of their lengths, as the slots.
template <typename Number>
PrefixRules<Number> PrefixRules<Number>::edited(Edits edits) const {
  PrefixRules result;
  std::vector<Number> firsts;
  firsts.reserve(slots_.size() + edits.size());
  result.slots_.reserve(slots_.size() + edits.size());
  size_t i = 0;
  const auto keep_before = [&](const Number& first, const Number& last) {
    for (; i < slots_.size(); ++i) {
      const Number& begin = firsts_.at(i);
      if (begin > first || (begin == first && slots_[i].last <= last)) return;
      result.add(begin, slots_[i].last, slots_[i].rules, firsts);
    }
  };
  for (auto& [prefix, edit] : edits) {
    const auto first = number_of<Number>(prefix.address());
    const auto last = last_number_of<Number>(prefix);
    keep_before(first, last);
    const bool is_there = i < slots_.size() && firsts_.at(i) == first && slots_[i].last == last;
    ServiceRules rules = (is_there ? slots_[i].rules : ServiceRules()).edited(std::move(edit));
    i += is_there;
    if (!rules.empty()) result.add(first, last, std::move(rules), firsts);
  }
  for (; i < slots_.size(); ++i) {
    result.add(firsts_.at(i), slots_[i].last, slots_[i].rules, firsts);
  }
  result.firsts_ = RankIndex<Number>(firsts);
  return result;
}

template <typename Number>
void PrefixRules<Number>::add(const Number& first, const Number& last, ServiceRules rules,
                              std::vector<Number>& firsts) {
  uint32_t around = static_cast<uint32_t>(slots_.size());
  while (around != 0 && slots_[around - 1].last < last) around = slots_[around - 1].around;
  firsts.push_back(first);
  slots_.push_back({last, around, std::move(rules)});
}

template class PrefixRules<Number4>;
template class PrefixRules<Number6>;

}  // namespace butterfly

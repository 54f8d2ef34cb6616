// SPDX-License-Identifier: Apache-2.0
#include "tables/guard_list.h"

#include <algorithm>
#include <tuple>

namespace butterfly {
namespace {

using wire::Family;

constexpr uint8_t way_bit(Direction direction, Family family) {
  return static_cast<uint8_t>(
      1U << (2 * static_cast<unsigned>(direction) + (family == Family::v6 ? 1U : 0U)));
}

bool is_of_family(const Rule& match, Family family) {
  if (match.peer && match.peer->is_v4() != (family == Family::v4)) return false;
  return !match.family || *match.family == family;
}

}  // namespace

const GuardList kNoGuardList;

GuardList::GuardList(std::vector<std::shared_ptr<const GuardRule>> rules)
    : rules_(std::move(rules)) {
  std::ranges::sort(rules_, {},
                    [](const auto& rule) { return std::tie(rule->priority, rule->match.id); });
  lines_.reserve(rules_.size());
  for (const auto& rule : rules_) {
    lines_.push_back(line_of(*rule));
    if (rule->action != GuardRule::Action::deny) continue;
    denies_everywhere_ = denies_everywhere_ || rule->vni == Vni{0};
    denied_in_.push_back(rule->vni);
  }
  std::ranges::sort(denied_in_);
}

// IPv4 addresses are numbers in the last 32 of 128 bits; the family keeps them apart.
GuardList::Line GuardList::line_of(const GuardRule& rule) {
  Line line{0, ~Uint128{0}, services_allowed_by(rule.match), rule.vni.value, 0};
  if (const auto& peer = rule.match.peer) {
    line.first_peer =
        peer->is_v4() ? number_of<Number4>(peer->address()) : number_of<Number6>(peer->address());
    line.last_peer =
        peer->is_v4() ? last_number_of<Number4>(*peer) : last_number_of<Number6>(*peer);
  }
  for (const Direction direction : {Direction::ingress, Direction::egress}) {
    if (rule.direction && *rule.direction != direction) continue;
    for (const Family family : {Family::v4, Family::v6}) {
      if (is_of_family(rule.match, family)) line.ways |= way_bit(direction, family);
    }
  }
  return line;
}

const GuardRule* GuardList::find(Direction direction, const FlowStart& start,
                                 Accepts accepts) const noexcept {
  const IpAddress& address = direction == Direction::ingress ? start.tuple.source.address
                                                             : start.tuple.destination.address;
  const Uint128 peer = start.family == Family::v4 ? Uint128{number_of<Number4>(address)}
                                                  : number_of<Number6>(address);
  const uint32_t service = service_asked_by(start);
  const uint8_t way = way_bit(direction, start.family);
  for (size_t i = 0; i < lines_.size(); ++i) {
    const Line& line = lines_[i];
    if ((line.ways & way) == 0 || !line.services.contains(service)) continue;
    if (line.vni != 0 && line.vni != start.vni.value) continue;
    if (peer < line.first_peer || line.last_peer < peer) continue;
    if (accepts(&rules_[i]->match)) return rules_[i].get();
  }
  return nullptr;
}

}  // namespace butterfly

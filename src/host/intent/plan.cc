// SPDX-License-Identifier: Apache-2.0
// The difference between two intents. Both sides of every map are sorted, so one walk finds it.
#include "host/intent/plan.h"

#include <algorithm>

namespace butterfly {
namespace {

using Verb = Action::Verb;
using Object = Action::Object;

std::string name_of(const std::string& name) { return name; }
std::string name_of(const IpAddress& address) { return address.to_string(); }
std::string name_of(const std::pair<Vni, Mac>& key) {
  return std::to_string(key.first.value) + "/" + key.second.to_string();
}
std::string name_of(Vni vni) { return std::to_string(vni.value); }

// "a,b" or "none".
template <typename Range>
std::string joined(const Range& range) {
  std::string text;
  for (const auto& item : range) text += (text.empty() ? "" : ",") + name_of(item);
  return text.empty() ? "none" : text;
}

// The clauses of a detail: "mac A → B, groups a → none".
class Detail {
 public:
  void add(const std::string& clause) { text_ += (text_.empty() ? "" : ", ") + clause; }
  void changed(const char* field, const std::string& before, const std::string& after) {
    if (before != after) add(std::string(field) + " " + before + " → " + after);
  }
  // "members +10.0.0.2 -10.0.0.1", counted instead of listed when there are more than four.
  template <typename Set, typename Name>
  void changed_set(const char* field, const Set& before, const Set& after, Name name) {
    std::string listed;
    size_t added = 0, removed = 0;
    for (const auto& item : after) {
      if (before.contains(key(item))) continue;
      ++added;
      listed += " +" + name(item);
    }
    for (const auto& item : before) {
      if (after.contains(key(item))) continue;
      ++removed;
      listed += " -" + name(item);
    }
    if (added + removed == 0) return;
    if (added + removed > 4) {
      listed = " +" + std::to_string(added) + " -" + std::to_string(removed);
    }
    add(field + listed);
  }
  std::string take() { return std::move(text_); }

 private:
  template <typename T>
  static const T& key(const T& item) {
    return item;
  }
  static const std::string& key(const std::pair<const std::string, RuleIntent>& item) {
    return item.first;
  }
  std::string text_;
};

const char* type_text(NicType type) { return type == NicType::tap ? "tap" : "vhost-user"; }
std::string tap_text(const NicIntent& nic) {
  return nic.type == NicType::tap ? nic.kernel_name() : "none";
}

std::string compare(const NicIntent& before, const NicIntent& after) {
  Detail detail;
  detail.changed("mac", before.mac.to_string(), after.mac.to_string());
  detail.changed("vni", name_of(before.vni), name_of(after.vni));
  detail.changed("type", type_text(before.type), type_text(after.type));
  detail.changed("tap", tap_text(before), tap_text(after));
  detail.changed_set("addresses", before.addresses, after.addresses,
                     [](const IpAddress& address) { return address.to_string(); });
  detail.changed("groups", joined(before.groups), joined(after.groups));
  detail.changed("antispoof", before.antispoof ? "on" : "off", after.antispoof ? "on" : "off");
  return detail.take();
}

std::string compare(const GroupIntent& before, const GroupIntent& after) {
  Detail detail;
  detail.changed_set("rules", before.rules, after.rules,
                     [](const auto& rule) { return rule.first; });
  detail.changed_set("members", before.members, after.members,
                     [](const IpAddress& address) { return address.to_string(); });
  std::string text = detail.take();
  return text.empty() ? "descriptions" : text;
}

std::string compare(const PeerIntent& before, const PeerIntent& after) {
  Detail detail;
  detail.changed_set("vnis", before.vnis, after.vnis, [](Vni vni) { return name_of(vni); });
  return detail.take();
}

std::string compare(const FdbIntent& before, const FdbIntent& after) {
  Detail detail;
  detail.changed("peer", before.peer.to_string(), after.peer.to_string());
  return detail.take();
}

std::string describe(const NicIntent& nic) {
  return std::string(type_text(nic.type)) + ", mac " + nic.mac.to_string() + ", vni " +
         name_of(nic.vni);
}
std::string describe(const GroupIntent& group) {
  return std::to_string(group.rules.size()) + " rules, " + std::to_string(group.members.size()) +
         " members";
}
std::string describe(const PeerIntent& peer) { return "vnis " + joined(peer.vnis); }
std::string describe(const FdbIntent& entry) { return "peer " + entry.peer.to_string(); }

template <typename T>
bool needs_new_port(const T&, const T&) {
  return false;
}
bool needs_new_port(const NicIntent& before, const NicIntent& after) {
  return before.type != after.type || tap_text(before) != tap_text(after);
}

template <typename Map>
void plan_removals(Object object, const Map& before, const Map& after,
                   std::vector<Action>& actions) {
  for (const auto& [key, value] : before) {
    if (!after.contains(key)) actions.push_back({Verb::remove, object, name_of(key), false, ""});
  }
}

template <typename Map>
void plan_arrivals(Object object, const Map& before, const Map& after,
                   std::vector<Action>& actions) {
  for (const auto& [key, value] : after) {
    const auto old = before.find(key);
    if (old == before.end()) {
      actions.push_back({Verb::add, object, name_of(key), false, describe(value)});
    } else if (!(old->second == value)) {
      actions.push_back({Verb::change, object, name_of(key), needs_new_port(old->second, value),
                         compare(old->second, value)});
    }
  }
}

}  // namespace

StatusOr<std::vector<Action>> plan(const Intent& old_intent, const Intent& next) {
  RETURN_IF_ERROR(validate(next));
  std::vector<Action> actions;
  // What goes, goes first and users before what they use: a new nic may want an old one's tap name.
  plan_removals(Object::fdb, old_intent.fdb, next.fdb, actions);
  plan_removals(Object::nic, old_intent.nics, next.nics, actions);
  plan_removals(Object::peer, old_intent.peers, next.peers, actions);
  plan_removals(Object::group, old_intent.groups, next.groups, actions);
  // Beyond this line things come, in the opposite order.
  plan_arrivals(Object::group, old_intent.groups, next.groups, actions);
  plan_arrivals(Object::peer, old_intent.peers, next.peers, actions);
  plan_arrivals(Object::nic, old_intent.nics, next.nics, actions);
  plan_arrivals(Object::fdb, old_intent.fdb, next.fdb, actions);
  return actions;
}

std::string to_string(const Action& action) {
  constexpr const char* kVerbs[] = {"add", "change", "remove"};
  constexpr const char* kObjects[] = {"nic", "group", "peer", "fdb"};
  std::string text = std::string(kVerbs[static_cast<size_t>(action.verb)]) + " " +
                     kObjects[static_cast<size_t>(action.object)] + " " + action.name;
  if (!action.detail.empty()) text += ": " + action.detail;
  if (action.replaces_port) text += " (new port: its link drops)";
  return text;
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// The difference between two intents, in words and in order.
#include "host/intent/plan.h"

#include <algorithm>

namespace butterfly {
namespace {

using Verb = Action::Verb;
using Object = Action::Object;

std::string name_of(const std::string& name) { return name; }
std::string name_of(const IpAddress& address) { return address.to_string(); }
std::string name_of(const Cidr& member) { return member.to_short_string(); }
std::string name_of(const std::pair<Vni, Mac>& key) {
  return std::to_string(key.first.value) + "/" + key.second.to_string();
}
std::string name_of(const AllowedIntent& allowed) {
  return allowed.prefix.to_short_string() + (allowed.mac ? "," + allowed.mac->to_string() : "");
}
std::string name_of(const Mac& mac) { return mac.to_string(); }
std::string name_of(Vni vni) { return std::to_string(vni.value); }
std::string name_of(const RouteIntent& route) {
  return route.prefix.to_string() + (route.via ? " via " + route.via->to_string() : "");
}
std::string name_of(const std::pair<const std::string, RuleIntent>& rule) { return rule.first; }

// "a,b" or "none".
template <typename Range>
std::string joined(const Range& range) {
  std::string text;
  for (const auto& item : range) text += (text.empty() ? "" : ",") + name_of(item);
  return text.empty() ? "none" : text;
}

// Those of `from` that are not in `in`.
template <typename Set>
std::vector<std::string> missing(const Set& from, const Set& in) {
  std::vector<std::string> names;
  for (const auto& item : from) {
    if (!in.contains(item)) names.push_back(name_of(item));
  }
  return names;
}

// The clauses of a detail: "mac A → B, groups a → none".
class Detail {
 public:
  void add(const std::string& clause) { text_ += (text_.empty() ? "" : ", ") + clause; }
  void changed(const char* field, const std::string& before, const std::string& after) {
    if (before != after) add(std::string(field) + " " + before + " → " + after);
  }
  // "members +10.0.0.2 -10.0.0.1", counted instead of listed when there are more than four.
  void changed_set(const char* field, const std::vector<std::string>& came,
                   const std::vector<std::string>& went) {
    if (came.empty() && went.empty()) return;
    std::string listed;
    if (came.size() + went.size() > 4) {
      listed = " +" + std::to_string(came.size()) + " -" + std::to_string(went.size());
    } else {
      for (const std::string& item : came) listed += " +" + item;
      for (const std::string& item : went) listed += " -" + item;
    }
    add(field + listed);
  }
  std::string take() { return std::move(text_); }

 private:
  std::string text_;
};

const char* on(bool is_on) { return is_on ? "on" : "off"; }
std::string word(const std::string& text) { return text.empty() ? "none" : text; }
std::string word(const std::optional<IpAddress>& address) {
  return address ? address->to_string() : "none";
}

const char* type_text(NicType type) { return type == NicType::tap ? "tap" : "vhost-user"; }
std::string tap_text(const NicIntent& nic) {
  return nic.type == NicType::tap ? nic.kernel_name() : "none";
}

const char* server_text(const NicIntent& nic) { return nic.vhost_server ? "on" : "off"; }
std::string mtu_text(const NicIntent& nic) {
  return nic.mtu == 0 ? "default" : std::to_string(nic.mtu);
}

std::string compare(const NicIntent& before, const NicIntent& after) {
  Detail detail;
  detail.changed("mac", before.mac.to_string(), after.mac.to_string());
  detail.changed("vni", name_of(before.vni), name_of(after.vni));
  detail.changed("type", type_text(before.type), type_text(after.type));
  detail.changed("tap", tap_text(before), tap_text(after));
  detail.changed("vhost-server", server_text(before), server_text(after));
  detail.changed("queues", std::to_string(before.queues), std::to_string(after.queues));
  detail.changed("packed", before.packed ? "on" : "off", after.packed ? "on" : "off");
  detail.changed("mtu", mtu_text(before), mtu_text(after));
  detail.changed_set("addresses", missing(after.addresses, before.addresses),
                     missing(before.addresses, after.addresses));
  detail.changed_set("allowed", missing(after.allowed, before.allowed),
                     missing(before.allowed, after.allowed));
  detail.changed("groups", joined(before.groups), joined(after.groups));
  detail.changed("antispoof", before.antispoof ? "on" : "off", after.antispoof ? "on" : "off");
  detail.changed("subnets", joined(before.subnets), joined(after.subnets));
  detail.changed("hostname", word(before.hostname), word(after.hostname));
  detail.changed("dhcp-server", on(before.dhcp_server), on(after.dhcp_server));
  detail.changed("router", on(before.router), on(after.router));
  detail.changed("bypass", on(before.bypass), on(after.bypass));
  detail.changed("carry-vlans", on(before.carry_vlans), on(after.carry_vlans));
  return detail.take();
}

// What came and what went between two shared maps or sets.
template <typename Shared>
void note_changes(Detail& detail, const char* field, const Shared& before, const Shared& after) {
  std::vector<std::string> came, went;
  Shared::for_each_difference(before, after, [&](const auto* old_one, const auto* now) {
    if (old_one && now) return;
    (now ? came : went).push_back(name_of(now ? *now : *old_one));
  });
  detail.changed_set(field, came, went);
}

// Rules that keep their id and say something else: those with keys.
void note_replaced_rules(Detail& detail, const GroupIntent& before, const GroupIntent& after) {
  decltype(after.rules)::for_each_difference(
      before.rules, after.rules, [&](const auto* old_one, const auto* now) {
        if (!old_one || !now) return;
        RuleIntent same_words = old_one->second;
        same_words.description = now->second.description;
        if (same_words == now->second) return;
        detail.add("rule " + now->first + " (key " + now->second.key + ") replaced");
      });
}

std::string compare(const GroupIntent& before, const GroupIntent& after) {
  Detail detail;
  note_changes(detail, "rules", before.rules, after.rules);
  note_replaced_rules(detail, before, after);
  note_changes(detail, "members", before.members, after.members);
  detail.changed("reject", before.reject ? "on" : "off", after.reject ? "on" : "off");
  std::string text = detail.take();
  return text.empty() ? "descriptions" : text;
}

std::string compare(const PeerIntent& before, const PeerIntent& after) {
  Detail detail;
  detail.changed_set("vnis", missing(after.vnis, before.vnis), missing(before.vnis, after.vnis));
  return detail.take();
}

std::string compare(const SubnetIntent& before, const SubnetIntent& after) {
  Detail detail;
  detail.changed("prefix", before.prefix.to_string(), after.prefix.to_string());
  detail.changed("gateway", word(before.gateway), word(after.gateway));
  detail.changed("server", word(before.server), word(after.server));
  detail.changed("routes", joined(before.routes), joined(after.routes));
  detail.changed("dns", joined(before.dns), joined(after.dns));
  detail.changed("domains", joined(before.domains), joined(after.domains));
  detail.changed("mtu", std::to_string(before.mtu), std::to_string(after.mtu));
  detail.changed("lease", std::to_string(before.lease_s) + " s",
                 std::to_string(after.lease_s) + " s");
  detail.changed("on-link", on(before.on_link), on(after.on_link));
  detail.changed("managed", on(before.managed), on(after.managed));
  detail.changed("autonomous", on(before.autonomous), on(after.autonomous));
  return detail.take();
}

std::string compare(const SegmentIntent& before, const SegmentIntent& after) {
  Detail detail;
  detail.changed_set("gateways", missing(after.gateways, before.gateways),
                     missing(before.gateways, after.gateways));
  detail.changed("suppress", on(before.suppress), on(after.suppress));
  detail.changed("learn-peers", on(before.learn_peers), on(after.learn_peers));
  detail.changed("group", word(before.group), word(after.group));
  return detail.take();
}

std::string compare(const FdbIntent& before, const FdbIntent& after) {
  Detail detail;
  detail.changed("peer", before.peer.to_string(), after.peer.to_string());
  detail.changed_set("addresses", missing(after.addresses, before.addresses),
                     missing(before.addresses, after.addresses));
  return detail.take();
}

std::string limit(uint64_t value) { return value == 0 ? "none" : std::to_string(value); }

std::string compare(const ProcedureIntent& before, const ProcedureIntent& after) {
  const auto on = [](bool is_on) { return is_on ? "on" : "off"; };
  Detail detail;
  detail.changed("max-mss", limit(before.max_mss), limit(after.max_mss));
  detail.changed("min-ttl", limit(before.min_ttl), limit(after.min_ttl));
  detail.changed("no-df", on(before.no_df), on(after.no_df));
  detail.changed("random-id", on(before.random_id), on(after.random_id));
  detail.changed("packets/s", limit(before.packets_per_s), limit(after.packets_per_s));
  detail.changed("bits/s", limit(before.bits_per_s), limit(after.bits_per_s));
  detail.changed("burst ms", limit(before.burst_ms), limit(after.burst_ms));
  detail.changed("log", on(before.log), on(after.log));
  return detail.take();
}

const char* action_text(const GuardIntent& rule) {
  constexpr const char* kActions[] = {"allow", "deny", "groups"};
  return kActions[static_cast<size_t>(rule.action)];
}
std::string vni_text(const GuardIntent& rule) {
  return rule.vni.value == 0 ? "every" : name_of(rule.vni);
}

std::string compare(const GuardIntent& before, const GuardIntent& after) {
  Detail detail;
  detail.changed("priority", std::to_string(before.priority), std::to_string(after.priority));
  detail.changed("action", action_text(before), action_text(after));
  detail.changed("vni", vni_text(before), vni_text(after));
  if (before.match != after.match) detail.add("match replaced");
  std::string text = detail.take();
  return text.empty() ? "description" : text;
}

std::string describe(const NicIntent& nic) {
  return std::string(type_text(nic.type)) + ", mac " + nic.mac.to_string() + ", vni " +
         name_of(nic.vni);
}
std::string describe(const GroupIntent& group) {
  return std::to_string(group.rules.size()) + " rules, " + std::to_string(group.members.size()) +
         " members" + (group.reject ? ", rejects" : "");
}
std::string describe(const PeerIntent& peer) { return "vnis " + joined(peer.vnis); }
std::string describe(const SubnetIntent& subnet) {
  return subnet.prefix.to_string() + ", gateway " + word(subnet.gateway);
}
std::string describe(const SegmentIntent& segment) {
  return "gateways " + joined(segment.gateways) + (segment.suppress ? ", suppresses" : "") +
         (segment.learn_peers ? ", learns peers" : "") +
         (segment.group ? ", group " + segment.group->to_string() : "");
}
std::string describe(const FdbIntent& entry) { return "peer " + entry.peer.to_string(); }
std::string describe(const ProcedureIntent& procedure) {
  const std::string text = compare(ProcedureIntent(), procedure);
  return text.empty() ? "does nothing" : text;
}

std::string describe(const GuardIntent& rule) {
  return std::string(action_text(rule)) + ", priority " + std::to_string(rule.priority) + ", vni " +
         vni_text(rule);
}

template <typename T>
bool replaces_port(const T&, const T&) {
  return false;
}
bool replaces_port(const NicIntent& before, const NicIntent& after) {
  return needs_new_port(before, after);
}

template <typename Map>
void plan_removals(Object object, const std::vector<Changed<Map>>& changes,
                   std::vector<Action>& actions) {
  for (const auto& change : changes) {
    if (change.after) continue;
    actions.push_back({Verb::remove, object, name_of(change.key()), false, ""});
  }
}

template <typename Map>
void plan_arrivals(Object object, const std::vector<Changed<Map>>& changes,
                   std::vector<Action>& actions) {
  for (const auto& [before, after] : changes) {
    if (!after) continue;
    if (!before) {
      actions.push_back({Verb::add, object, name_of(after->first), false, describe(after->second)});
    } else {
      actions.push_back({Verb::change, object, name_of(after->first),
                         replaces_port(before->second, after->second),
                         compare(before->second, after->second)});
    }
  }
}

}  // namespace

StatusOr<std::vector<Action>> plan(const Intent& old_intent, const Intent& next) {
  const Difference change = difference(old_intent, next);
  RETURN_IF_ERROR(validate_change(next, change));
  return actions_of(change);
}

std::vector<Action> actions_of(const Difference& change) {
  std::vector<Action> actions;
  // What goes, goes first and users before what they use: a new nic may want an old one's tap name.
  plan_removals(Object::fdb, change.fdb, actions);
  plan_removals(Object::nic, change.nics, actions);
  plan_removals(Object::peer, change.peers, actions);
  plan_removals(Object::group, change.groups, actions);
  plan_removals(Object::procedure, change.procedures, actions);
  plan_removals(Object::guard_rule, change.guard, actions);
  plan_removals(Object::segment, change.segments, actions);
  plan_removals(Object::subnet, change.subnets, actions);
  // Beyond this line things come, in the opposite order.
  plan_arrivals(Object::subnet, change.subnets, actions);
  plan_arrivals(Object::segment, change.segments, actions);
  plan_arrivals(Object::guard_rule, change.guard, actions);
  plan_arrivals(Object::procedure, change.procedures, actions);
  plan_arrivals(Object::group, change.groups, actions);
  plan_arrivals(Object::peer, change.peers, actions);
  plan_arrivals(Object::nic, change.nics, actions);
  plan_arrivals(Object::fdb, change.fdb, actions);
  if (change.firewall) {
    actions.push_back({Verb::change, Object::firewall, "settings", false,
                       compare(change.firewall->before, change.firewall->after)});
  }
  if (change.switching) {
    actions.push_back({Verb::change, Object::switching, "settings", false,
                       compare(change.switching->before, change.switching->after)});
  }
  return actions;
}

std::string to_string(const Action& action) {
  constexpr const char* kVerbs[] = {"add", "change", "remove"};
  constexpr const char* kObjects[] = {"nic",        "group",    "peer",   "fdb",     "procedure",
                                      "guard rule", "firewall", "subnet", "segment", "switch"};
  std::string text = std::string(kVerbs[static_cast<size_t>(action.verb)]) + " " +
                     kObjects[static_cast<size_t>(action.object)] + " " + action.name;
  if (!action.detail.empty()) text += ": " + action.detail;
  if (action.replaces_port) text += " (new port: its link drops)";
  return text;
}

}  // namespace butterfly

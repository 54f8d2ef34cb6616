// SPDX-License-Identifier: Apache-2.0
// Intent as rows of the store.
#include "control/store_rows.h"

#include "control/from_proto.h"
#include "control/to_proto.h"
#include "host/intent/difference.h"

namespace butterfly {
namespace {

std::string name_of(const std::string& name) { return name; }
std::string name_of(Vni vni) { return std::to_string(vni.value); }
std::string name_of(const IpAddress& address) { return address.to_string(); }
std::string name_of(const std::pair<Vni, Mac>& key) {
  return std::to_string(key.first.value) + "/" + key.second.to_string();
}

// The rows of one map's changed objects, one row each.
template <typename Map>
Status write_changes(const char* kind, const std::vector<Changed<Map>>& changes,
                     const RowSink& sink) {
  for (const auto& change : changes) {
    if (!change.after) RETURN_IF_ERROR(sink.erase(kind, name_of(change.key())));
  }
  for (const auto& change : changes) {
    if (!change.after) continue;
    const Row row{kind, name_of(change.key()), to_proto(change.after->second).SerializeAsString()};
    RETURN_IF_ERROR(sink.put(row));
  }
  return ok_status();
}

// The rows of rules and members, which are named after their group.
Status write_parts(const GroupIntent& before, const GroupIntent& after, const std::string& name,
                   const RowSink& sink) {
  const std::string prefix = name + "/";  // no name contains a slash
  Status status = ok_status();
  decltype(after.rules)::for_each_difference(
      before.rules, after.rules, [&](const auto* old_rule, const auto* rule) {
        if (!status.ok()) return;
        status = rule ? sink.put({"rule", prefix + rule->first,
                                  to_proto(rule->second).SerializeAsString()})
                      : sink.erase("rule", prefix + old_rule->first);
      });
  decltype(after.members)::for_each_difference(
      before.members, after.members, [&](const Cidr* old_member, const Cidr* member) {
        if (!status.ok()) return;
        status = member ? sink.put({"member", prefix + member->to_short_string(), ""})
                        : sink.erase("member", prefix + old_member->to_short_string());
      });
  return status;
}

Status bad_row(const Row& row, const std::string& fact) {
  return invalid(row.kind + " '" + row.name + "': " + fact);
}

// What a group is besides its name, rules and members; empty for most.
std::string settings_of(const GroupIntent& group) {
  v1::GroupSettings settings;
  if (group.reject) settings.set_reject(true);
  return settings.SerializeAsString();
}

Status read_group(const Row& row, Intent& intent) {
  v1::GroupSettings settings;
  if (!settings.ParseFromString(row.body)) return bad_row(row, "unreadable");
  GroupIntent& group = intent.groups[row.name];
  group.name = row.name;
  group.reject = settings.reject();
  return ok_status();
}

Status write_group(const Changed<decltype(Intent::groups)>& group, const RowSink& sink) {
  static const GroupIntent nothing;
  const std::string& name = group.key();
  if (!group.after) RETURN_IF_ERROR(sink.erase("group", name));
  if (group.after &&
      (!group.before || settings_of(group.before->second) != settings_of(group.after->second))) {
    RETURN_IF_ERROR(sink.put({"group", name, settings_of(group.after->second)}));
  }
  return write_parts(group.before ? group.before->second : nothing,
                     group.after ? group.after->second : nothing, name, sink);
}

// A row whose body is a message that knows its own name.
template <typename Message, typename Map, typename Key>
Status read_object(const Row& row, Map& map, Key key) {
  Message message;
  if (!message.ParseFromString(row.body)) return bad_row(row, "unreadable");
  auto object = from_proto(message);
  if (!object.ok()) return object.status();
  const auto name = key(*object);
  if (name_of(name) != row.name) return bad_row(row, "names '" + name_of(name) + "'");
  map.set(name, *std::move(object));
  return ok_status();
}

Status read_part_of_group(const Row& row, Intent& intent) {
  const size_t slash = row.name.find('/');
  const std::string name = row.name.substr(0, slash);
  if (slash == std::string::npos || !intent.groups.contains(name)) {
    return bad_row(row, "belongs to no group");
  }
  const std::string rest = row.name.substr(slash + 1);
  if (row.kind == "member") {
    const auto member = Cidr::parse(rest);
    if (!member) return bad_row(row, "is no address");
    intent.groups[name].members.insert(*member);
    return ok_status();
  }
  v1::Rule message;
  if (!message.ParseFromString(row.body)) return bad_row(row, "unreadable");
  auto rule = from_proto(name, message);
  if (!rule.ok()) return rule.status();
  if (rest != rule_id(*rule)) return bad_row(row, "is rule " + rule_id(*rule));
  intent.groups[name].rules.set(rest, *std::move(rule));
  return ok_status();
}

template <typename Settings>
Status write_settings(const char* kind, const Settings& settings, const RowSink& sink) {
  // No row: the defaults, whatever they will be one day.
  if (settings == Settings()) return sink.erase(kind, "settings");
  return sink.put({kind, "settings", to_proto(settings).SerializeAsString()});
}

template <typename Message, typename Settings>
Status read_settings(const Row& row, Settings& settings) {
  Message message;
  if (!message.ParseFromString(row.body)) return bad_row(row, "unreadable");
  if (row.name != "settings") return bad_row(row, "is no row of the " + row.kind);
  merge(message, settings);
  return ok_status();
}

}  // namespace

Status write_difference(const Intent& before, const Intent& next, const RowSink& sink) {
  const Difference change = difference(before, next);
  RETURN_IF_ERROR(write_changes("nic", change.nics, sink));
  for (const auto& group : change.groups) RETURN_IF_ERROR(write_group(group, sink));
  RETURN_IF_ERROR(write_changes("peer", change.peers, sink));
  RETURN_IF_ERROR(write_changes("procedure", change.procedures, sink));
  RETURN_IF_ERROR(write_changes("guard", change.guard, sink));
  RETURN_IF_ERROR(write_changes("subnet", change.subnets, sink));
  RETURN_IF_ERROR(write_changes("fdb", change.fdb, sink));
  RETURN_IF_ERROR(write_changes("segment", change.segments, sink));
  if (change.firewall) RETURN_IF_ERROR(write_settings("firewall", next.firewall, sink));
  return change.switching ? write_settings("switch", next.switching, sink) : ok_status();
}

Status read_row(const Row& row, Intent& intent) {
  if (row.kind == "nic") {
    return read_object<v1::Nic>(row, intent.nics, [](const NicIntent& nic) { return nic.id; });
  }
  if (row.kind == "peer") {
    return read_object<v1::Peer>(row, intent.peers,
                                 [](const PeerIntent& peer) { return peer.address; });
  }
  if (row.kind == "fdb") {
    return read_object<v1::FdbEntry>(
        row, intent.fdb, [](const FdbIntent& entry) { return std::pair(entry.vni, entry.mac); });
  }
  if (row.kind == "segment") {
    return read_object<v1::Segment>(row, intent.segments,
                                    [](const SegmentIntent& segment) { return segment.vni; });
  }
  if (row.kind == "firewall") return read_settings<v1::FirewallSettings>(row, intent.firewall);
  if (row.kind == "switch") return read_settings<v1::SwitchSettings>(row, intent.switching);
  if (row.kind == "procedure") {
    return read_object<v1::Procedure>(
        row, intent.procedures, [](const ProcedureIntent& procedure) { return procedure.name; });
  }
  if (row.kind == "guard") {
    return read_object<v1::GuardRule>(row, intent.guard,
                                      [](const GuardIntent& rule) { return rule.key; });
  }
  if (row.kind == "subnet") {
    return read_object<v1::Subnet>(row, intent.subnets,
                                   [](const SubnetIntent& subnet) { return subnet.name; });
  }
  if (row.kind == "group") return read_group(row, intent);
  if (row.kind == "rule" || row.kind == "member") return read_part_of_group(row, intent);
  return bad_row(row, "unknown kind");
}

}  // namespace butterfly

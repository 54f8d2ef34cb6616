// SPDX-License-Identifier: Apache-2.0
// Intent as rows of the store.
#include "control/store_rows.h"

#include "control/from_proto.h"
#include "control/to_proto.h"

namespace butterfly {
namespace {

std::string name_of(const std::string& name) { return name; }
std::string name_of(const IpAddress& address) { return address.to_string(); }
std::string name_of(const std::pair<Vni, Mac>& key) {
  return std::to_string(key.first.value) + "/" + key.second.to_string();
}

// The rows of one map whose values are one row each.
template <typename Map>
Status write_map(const char* kind, const std::string& prefix, const Map& before, const Map& next,
                 const RowSink& sink) {
  for (const auto& [key, value] : before) {
    if (!next.contains(key)) RETURN_IF_ERROR(sink.erase(kind, prefix + name_of(key)));
  }
  for (const auto& [key, value] : next) {
    const auto old = before.find(key);
    if (old != before.end() && old->second == value) continue;
    const Row row{kind, prefix + name_of(key), to_proto(value).SerializeAsString()};
    RETURN_IF_ERROR(sink.put(row));
  }
  return ok_status();
}

Status write_members(const GroupIntent& before, const GroupIntent& next, const std::string& prefix,
                     const RowSink& sink) {
  for (const IpAddress& member : before.members) {
    if (next.members.contains(member)) continue;
    RETURN_IF_ERROR(sink.erase("member", prefix + member.to_string()));
  }
  for (const IpAddress& member : next.members) {
    if (before.members.contains(member)) continue;
    RETURN_IF_ERROR(sink.put({"member", prefix + member.to_string(), ""}));
  }
  return ok_status();
}

Status write_group(const GroupIntent& before, const GroupIntent& next, const std::string& name,
                   const RowSink& sink) {
  const std::string prefix = name + "/";  // no name contains a slash
  RETURN_IF_ERROR(write_map("rule", prefix, before.rules, next.rules, sink));
  return write_members(before, next, prefix, sink);
}

Status write_groups(const Intent& before, const Intent& next, const RowSink& sink) {
  for (const auto& [name, group] : before.groups) {
    if (next.groups.contains(name)) continue;
    RETURN_IF_ERROR(write_group(group, {}, name, sink));
    RETURN_IF_ERROR(sink.erase("group", name));
  }
  for (const auto& [name, group] : next.groups) {
    const auto old = before.groups.find(name);
    if (old == before.groups.end()) {
      RETURN_IF_ERROR(sink.put({"group", name, ""}));
      RETURN_IF_ERROR(write_group({}, group, name, sink));
    } else if (!(old->second == group)) {
      RETURN_IF_ERROR(write_group(old->second, group, name, sink));
    }
  }
  return ok_status();
}

Status bad_row(const Row& row, const std::string& fact) {
  return invalid(row.kind + " '" + row.name + "': " + fact);
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
  map.emplace(name, *std::move(object));
  return ok_status();
}

Status read_part_of_group(const Row& row, Intent& intent) {
  const size_t slash = row.name.find('/');
  const auto group = intent.groups.find(row.name.substr(0, slash));
  if (slash == std::string::npos || group == intent.groups.end()) {
    return bad_row(row, "belongs to no group");
  }
  const std::string rest = row.name.substr(slash + 1);
  if (row.kind == "member") {
    const auto member = IpAddress::parse(rest);
    if (!member) return bad_row(row, "is no address");
    group->second.members.insert(*member);
    return ok_status();
  }
  v1::Rule message;
  if (!message.ParseFromString(row.body)) return bad_row(row, "unreadable");
  auto rule = from_proto(group->first, message);
  if (!rule.ok()) return rule.status();
  if (rest != rule_id(*rule)) return bad_row(row, "is rule " + rule_id(*rule));
  group->second.rules.emplace(rest, *std::move(rule));
  return ok_status();
}

}  // namespace

Status write_difference(const Intent& before, const Intent& next, const RowSink& sink) {
  RETURN_IF_ERROR(write_map("nic", "", before.nics, next.nics, sink));
  RETURN_IF_ERROR(write_groups(before, next, sink));
  RETURN_IF_ERROR(write_map("peer", "", before.peers, next.peers, sink));
  return write_map("fdb", "", before.fdb, next.fdb, sink);
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
  if (row.kind == "group") {
    intent.groups[row.name].name = row.name;
    return ok_status();
  }
  if (row.kind == "rule" || row.kind == "member") return read_part_of_group(row, intent);
  return bad_row(row, "unknown kind");
}

}  // namespace butterfly

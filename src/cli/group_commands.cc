// SPDX-License-Identifier: Apache-2.0
// butterfly sg …
#include "cli/commands.h"

namespace butterfly {
namespace {

using Names = std::vector<std::string>;

std::string groups_text(const v1::ListGroupsResponse& response) {
  Table table({"NAME", "RULES", "MEMBERS"});
  for (const v1::Group& group : response.groups()) {
    table.add(
        {group.name(), std::to_string(group.rules_size()), std::to_string(group.members_size())});
  }
  return table.to_string();
}

std::string members_text(const v1::GetGroupResponse& response) {
  std::string text;
  for (const std::string& member : response.group().members()) text += member + "\n";
  return text;
}

void add_names_verb(CLI::App& topic, Command& command, const std::string& name,
                    const std::string& help,
                    const std::function<void(v1::Change&, const std::string&)>& fill) {
  const auto names = std::make_shared<Names>();
  CLI::App& verb = add_verb(topic, command, name, help, [&command, names, fill] {
    v1::ApplyRequest request;
    for (const std::string& group : *names) fill(*request.add_changes(), group);
    return command.change(request);
  });
  verb.add_option("NAME", *names, "security groups")->required();
}

void add_delete(CLI::App& topic, Command& command) {
  struct Options {
    Names names;
    bool force = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb =
      add_verb(topic, command, "del", "Remove groups, all or none", [&command, options] {
        v1::ApplyRequest request;
        for (const std::string& name : options->names) {
          auto& change = *request.add_changes()->mutable_group_delete();
          change.set_name(name);
          change.set_force(options->force);
        }
        return command.change(request);
      });
  verb.add_option("NAME", options->names, "security groups")->required();
  verb.add_flag("--force", options->force, "also groups in use; their users keep the bare name");
}

void add_reject(CLI::App& topic, Command& command) {
  struct Options {
    std::string group, state;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(topic, command, "reject",
                            "Whether the group's nics tell whom they refuse, instead of silence",
                            [&command, options] {
                              v1::ApplyRequest request;
                              auto& change = *request.add_changes()->mutable_group_set();
                              change.set_name(options->group);
                              change.set_reject(options->state == "on");
                              return command.change(request);
                            });
  verb.add_option("SG", options->group, "security group")->required();
  verb.add_option("STATE", options->state, "on or off")
      ->required()
      ->check(CLI::IsMember({"on", "off"}));
}

void add_members_verb(CLI::App& topic, Command& command, const std::string& name,
                      const std::string& help, v1::Members* (v1::Change::*mutable_members)()) {
  struct Options {
    std::string group;
    Names addresses;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(topic, command, name, help, [&command, options, mutable_members] {
    v1::ApplyRequest request;
    v1::Members& change = *(request.add_changes()->*mutable_members)();
    change.set_group(options->group);
    for (const std::string& address : options->addresses) change.add_addresses(address);
    return command.change(request);
  });
  verb.add_option("SG", options->group, "security group")->required();
  verb.add_option("IP", options->addresses, "addresses and prefixes")->required();
}

}  // namespace

void add_group_commands(CLI::App& root, Command& command) {
  CLI::App& sg = add_topic(root, "sg", "Security groups, their rules and members");
  add_verb(sg, command, "list", "All groups", [&command] {
    return command.ask<v1::ListGroupsResponse>(v1::ListGroupsRequest(), groups_text);
  });
  add_names_verb(sg, command, "add",
                 "Make groups that let everything out and nothing in; existing ones stay as they "
                 "are",
                 [](v1::Change& change, const std::string& name) { change.set_group_add(name); });
  add_delete(sg, command);
  add_reject(sg, command);
  add_rule_commands(sg, command);
  add_check_command(sg, command);

  CLI::App& member = add_topic(sg, "member", "Addresses of a group besides those of its nics");
  const auto group = std::make_shared<std::string>();
  add_verb(member, command, "list", "The group's members",
           [&command, group] {
             v1::GetGroupRequest request;
             request.set_name(*group);
             return command.ask<v1::GetGroupResponse>(request, members_text);
           })
      .add_option("SG", *group, "security group")
      ->required();
  add_members_verb(member, command, "add", "Add addresses and prefixes",
                   &v1::Change::mutable_member_add);
  add_members_verb(member, command, "del", "Remove addresses and prefixes",
                   &v1::Change::mutable_member_delete);
  add_members_verb(member, command, "replace", "Make these all of them, at once",
                   &v1::Change::mutable_members_replace);
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// butterfly segment …: what is particular about tenant segments.
#include "cli/commands.h"

namespace butterfly {
namespace {

std::string segments_text(const v1::GetIntentResponse& response) {
  Table table({"VNI", "GATEWAYS", "SUPPRESS", "LEARN-PEERS", "GROUP"});
  for (const v1::Segment& segment : response.intent().segments()) {
    table.add({std::to_string(segment.vni()), joined(segment.gateways()),
               segment.suppress() ? "on" : "off", segment.learn_peers() ? "on" : "off",
               segment.group()});
  }
  return table.to_string();
}

int list(Command& command) {
  v1::GetIntentResponse response;
  const Status status = command.client().call(v1::GetIntentRequest(), response);
  if (!status.ok()) return command.fail(status);
  if (command.json) {
    for (const v1::Segment& segment : response.intent().segments()) {
      std::cout << to_json(segment, /*one_line=*/true);
    }
  } else {
    std::cout << segments_text(response);
  }
  std::cout << std::flush;
  return kDone;
}

}  // namespace

void add_segment_commands(CLI::App& root, Command& command) {
  CLI::App& segment = add_topic(root, "segment", "Tenant segments that have something particular");
  add_verb(segment, command, "list", "All of them", [&command] { return list(command); });

  struct Options {
    uint32_t vni = 0;
    std::vector<std::string> gateways;
    bool suppress = false;
    bool learn_peers = false;
    std::string group;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& set =
      add_verb(segment, command, "set", "Make a segment exactly so", [&command, options] {
        v1::ApplyRequest request;
        v1::Segment& change = *request.add_changes()->mutable_segment_put();
        change.set_vni(options->vni);
        for (const std::string& mac : options->gateways) change.add_gateways(mac);
        change.set_suppress(options->suppress);
        change.set_learn_peers(options->learn_peers);
        change.set_group(options->group);
        return command.change(request);
      });
  set.add_option("--vni", options->vni, "tenant segment")->required();
  add_repeated(set, "--gateway", options->gateways,
               "private: a MAC that its guests reach, and no other; repeatable");
  set.add_flag("--suppress", options->suppress,
               "answer ARP and neighbour solicitations from what is configured");
  set.add_flag("--learn-peers", options->learn_peers,
               "hosts that speak for it become its peers without being configured");
  set.add_option("--group", options->group,
                 "multicast address of the underlay to which flooded frames go");

  const auto vni = std::make_shared<uint32_t>();
  CLI::App& del =
      add_verb(segment, command, "del", "Nothing is particular about it any more", [&command, vni] {
        v1::ApplyRequest request;
        request.add_changes()->set_segment_delete(*vni);
        return command.change(request);
      });
  del.add_option("--vni", *vni, "tenant segment")->required();
}

}  // namespace butterfly

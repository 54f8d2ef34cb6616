// SPDX-License-Identifier: Apache-2.0
// butterfly peer …
#include "cli/commands.h"

namespace butterfly {
namespace {

std::string peers_text(const v1::ListPeersResponse& response) {
  Table table({"ADDRESS", "VNIS", "NEXT-HOP", "NEXT-HOP-MAC", "LEARNT"});
  for (const v1::PeerView& view : response.peers()) {
    table.add({view.peer().address(), joined(view.peer().vnis()), view.next_hop(),
               view.next_hop_mac(), view.learnt() ? "yes" : "no"});
  }
  return table.to_string();
}

}  // namespace

void add_peer_commands(CLI::App& root, Command& command) {
  CLI::App& peer = add_topic(root, "peer", "Other hosts' tunnel endpoints");
  add_verb(peer, command, "list", "All peers", [&command] {
    return command.ask<v1::ListPeersResponse>(v1::ListPeersRequest(), peers_text);
  });

  struct Options {
    std::string address;
    std::vector<uint32_t> vnis;
  };
  const auto added = std::make_shared<Options>();
  CLI::App& add = add_verb(peer, command, "add", "Make a peer, or set the segments that it serves",
                           [&command, added] {
                             v1::ApplyRequest request;
                             v1::Peer& change = *request.add_changes()->mutable_peer_put();
                             change.set_address(added->address);
                             for (const uint32_t vni : added->vnis) change.add_vnis(vni);
                             return command.change(request);
                           });
  add.add_option("--ip", added->address, "its VTEP address")->required();
  add_repeated(add, "--vni", added->vnis, "a segment that it serves; repeatable")->required();

  const auto removed = std::make_shared<std::string>();
  CLI::App& del = add_verb(peer, command, "del", "Remove a peer", [&command, removed] {
    v1::ApplyRequest request;
    request.add_changes()->set_peer_delete(*removed);
    return command.change(request);
  });
  del.add_option("--ip", *removed, "its VTEP address")->required();
}

}  // namespace butterfly

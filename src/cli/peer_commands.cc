// SPDX-License-Identifier: Apache-2.0
// butterfly peer …, butterfly fdb …
#include "cli/commands.h"

namespace butterfly {
namespace {

std::string peers_text(const v1::ListPeersResponse& response) {
  Table table({"ADDRESS", "VNIS", "NEXT-HOP", "NEXT-HOP-MAC"});
  for (const v1::PeerView& view : response.peers()) {
    table.add(
        {view.peer().address(), joined(view.peer().vnis()), view.next_hop(), view.next_hop_mac()});
  }
  return table.to_string();
}

std::string fdb_text(const v1::ListFdbResponse& response) {
  Table table({"VNI", "MAC", "PEER"});
  for (const v1::FdbEntry& entry : response.entries()) {
    table.add({std::to_string(entry.vni()), entry.mac(), entry.peer()});
  }
  return table.to_string() + std::to_string(response.learnt()) + " learnt besides\n";
}

struct FdbOptions {
  uint32_t vni = 0;
  std::string mac, peer;
};

void add_fdb_key(CLI::App& verb, FdbOptions& options) {
  verb.add_option("--vni", options.vni, "tenant segment")->required();
  verb.add_option("--mac", options.mac, "a MAC behind a peer")->required();
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

void add_fdb_commands(CLI::App& root, Command& command) {
  CLI::App& fdb = add_topic(root, "fdb", "MACs that are known to live behind a peer");
  add_verb(fdb, command, "list", "All configured entries",
           [&command] { return command.ask<v1::ListFdbResponse>(v1::ListFdbRequest(), fdb_text); });

  const auto added = std::make_shared<FdbOptions>();
  CLI::App& add =
      add_verb(fdb, command, "add", "Make an entry, or move its MAC", [&command, added] {
        v1::ApplyRequest request;
        v1::FdbEntry& change = *request.add_changes()->mutable_fdb_put();
        change.set_vni(added->vni);
        change.set_mac(added->mac);
        change.set_peer(added->peer);
        return command.change(request);
      });
  add_fdb_key(add, *added);
  add.add_option("--peer", added->peer, "VTEP address of the peer")->required();

  const auto removed = std::make_shared<FdbOptions>();
  CLI::App& del = add_verb(fdb, command, "del", "Remove an entry", [&command, removed] {
    v1::ApplyRequest request;
    v1::FdbKey& change = *request.add_changes()->mutable_fdb_delete();
    change.set_vni(removed->vni);
    change.set_mac(removed->mac);
    return command.change(request);
  });
  add_fdb_key(del, *removed);
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// butterfly fdb …: which MAC is where.
#include <algorithm>

#include "cli/commands.h"

namespace butterfly {
namespace {

struct FilterOptions {
  std::string mac, nic, peer;
  uint32_t vni = 0;
};

void add_filter(CLI::App& verb, FilterOptions& options) {
  verb.add_option("--vni", options.vni, "tenant segment");
  verb.add_option("--mac", options.mac, "this one, in any segment");
  auto* nic = verb.add_option("--nic", options.nic, "those at a nic of this host");
  verb.add_option("--peer", options.peer, "those behind a peer: its VTEP address")->excludes(nic);
}

v1::StationFilter filter_of(const FilterOptions& options, const CLI::App& verb) {
  v1::StationFilter filter;
  if (verb.count("--vni") > 0) filter.set_vni(options.vni);
  filter.set_mac(options.mac);
  filter.set_nic(options.nic);
  filter.set_peer(options.peer);
  return filter;
}

const char* kind_text(v1::StationKind kind) {
  switch (kind) {
    case v1::STATION_KIND_NIC:
      return "nic";
    case v1::STATION_KIND_STATIC:
      return "static";
    case v1::STATION_KIND_LEARNT:
      return "learnt";
    default:
      return "";
  }
}

std::string text_of(std::vector<v1::Station> stations) {
  std::ranges::sort(stations, {}, [](const v1::Station& station) {
    return std::pair(station.vni(), std::string_view(station.mac()));
  });
  Table table({"VNI", "MAC", "WHERE", "KIND", "AGE"});
  for (const v1::Station& station : stations) {
    const bool is_learnt = station.kind() == v1::STATION_KIND_LEARNT;
    table.add({std::to_string(station.vni()), station.mac(),
               station.nic().empty() ? "peer " + station.peer() : "nic " + station.nic(),
               std::string(kind_text(station.kind())) + (station.held() ? " (held)" : ""),
               is_learnt ? std::to_string(station.age_ms() / 1000) + "s" : ""});
  }
  return table.to_string();
}

int list(Command& command, const v1::ListStationsRequest& request) {
  std::vector<v1::Station> stations;
  const Status status = command.client().list(request, [&](const v1::ListStationsResponse& part) {
    for (const v1::Station& station : part.stations()) {
      if (command.json) {
        std::cout << to_json(station, /*one_line=*/true);
      } else {
        stations.push_back(station);
      }
    }
  });
  if (!status.ok()) return command.fail(status);
  if (!command.json) std::cout << text_of(std::move(stations));
  std::cout << std::flush;
  return kDone;
}

void add_list(CLI::App& topic, Command& command) {
  struct Options {
    FilterOptions filter;
    bool learnt_only = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb = topic.add_subcommand("list", "Every MAC that is known, and where it is");
  verb->callback([&command, options, verb] {
    command.action = [&command, options, verb] {
      v1::ListStationsRequest request;
      *request.mutable_filter() = filter_of(options->filter, *verb);
      request.set_learnt_only(options->learnt_only);
      return list(command, request);
    };
  });
  add_filter(*verb, options->filter);
  verb->add_flag("--learnt", options->learnt_only, "only those that were learnt");
}

void add_flush(CLI::App& topic, Command& command) {
  struct Options {
    FilterOptions filter;
    bool all = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb =
      topic.add_subcommand("flush", "Forget learnt MACs: who still sends is learnt again");
  verb->callback([&command, options, verb] {
    command.action = [&command, options, verb] {
      v1::FlushFdbRequest request;
      *request.mutable_filter() = filter_of(options->filter, *verb);
      request.set_all(options->all);
      return command.ask<v1::FlushFdbResponse>(request, [](const auto& response) {
        return "flushed " + std::to_string(response.flushed()) + "\n";
      });
    };
  });
  add_filter(*verb, options->filter);
  verb->add_flag("--all", options->all, "every learnt MAC of this host");
}

struct EntryOptions {
  uint32_t vni = 0;
  std::string mac, peer;
  std::vector<std::string> addresses;
};

void add_key(CLI::App& verb, EntryOptions& options) {
  verb.add_option("--vni", options.vni, "tenant segment")->required();
  verb.add_option("--mac", options.mac, "a MAC behind a peer")->required();
}

}  // namespace

void add_fdb_commands(CLI::App& root, Command& command) {
  CLI::App& fdb = add_topic(root, "fdb", "Which MAC is where: of nics, static, learnt");
  add_list(fdb, command);
  add_flush(fdb, command);

  const auto added = std::make_shared<EntryOptions>();
  CLI::App& add =
      add_verb(fdb, command, "add", "Make a static entry, or move its MAC", [&command, added] {
        v1::ApplyRequest request;
        v1::FdbEntry& change = *request.add_changes()->mutable_fdb_put();
        change.set_vni(added->vni);
        change.set_mac(added->mac);
        change.set_peer(added->peer);
        for (const std::string& address : added->addresses) change.add_addresses(address);
        return command.change(request);
      });
  add_key(add, *added);
  add.add_option("--peer", added->peer, "VTEP address of the peer")->required();
  add_repeated(add, "--ip", added->addresses, "an address that it has; repeatable");

  const auto removed = std::make_shared<EntryOptions>();
  CLI::App& del = add_verb(fdb, command, "del", "Remove a static entry", [&command, removed] {
    v1::ApplyRequest request;
    v1::FdbKey& change = *request.add_changes()->mutable_fdb_delete();
    change.set_vni(removed->vni);
    change.set_mac(removed->mac);
    return command.change(request);
  });
  add_key(del, *removed);
}

}  // namespace butterfly

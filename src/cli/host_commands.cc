// SPDX-License-Identifier: Apache-2.0
// butterfly status, counters, graph, trace, health.
#include "cli/commands.h"

namespace butterfly {
namespace {

int print_health(Command& command) {
  const auto serving = command.client().is_serving();
  if (!serving.ok()) return command.fail(serving.status());
  const std::string word = *serving ? "serving" : "not serving";
  std::cout << (command.json ? "{\"status\": \"" + word + "\"}" : word) << std::endl;
  return *serving ? kDone : kRefused;
}

int trace(Command& command, const std::string& nic, uint32_t count) {
  v1::TraceRequest request;
  request.set_nic(nic);
  request.set_count(count);
  const Status status = command.client().trace(request, [&](const v1::TraceResponse& packet) {
    std::cout << (command.json ? to_json(packet, /*one_line=*/true) : packet_text(packet))
              << std::flush;
  });
  return status.ok() ? kDone : command.fail(status);
}

void add_trace(CLI::App& root, Command& command) {
  struct Options {
    std::string nic;
    uint32_t count = 10;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb =
      add_verb(root, command, "trace", "Follow packets of a nic through the bricks",
               [&command, options] { return trace(command, options->nic, options->count); });
  verb.add_option("--nic", options->nic, "name of the nic")->required();
  verb.add_option("--count", options->count, "packets to follow (default 10)")
      ->check(CLI::Range(1u, 1'000'000u));
}

void add_counters(CLI::App& root, Command& command) {
  const auto drops = std::make_shared<bool>(false);
  CLI::App& verb =
      add_verb(root, command, "counters", "Packets by brick and named out", [&command, drops] {
        v1::GetCountersRequest request;
        request.set_drops_only(*drops);
        return command.ask<v1::GetCountersResponse>(request, counters_text);
      });
  verb.add_flag("--drops", *drops, "only what was dropped");
}

void add_graph(CLI::App& root, Command& command) {
  const auto dot = std::make_shared<bool>(false);
  CLI::App& verb = add_verb(root, command, "graph", "The bricks and their edges", [&command, dot] {
    return command.ask<v1::GetGraphResponse>(
        v1::GetGraphRequest(), [dot](const v1::GetGraphResponse& response) {
          return *dot ? response.dot() : edges_text(response.dot());
        });
  });
  verb.add_flag("--dot", *dot, "for Graphviz");
}

}  // namespace

void add_host_commands(CLI::App& root, Command& command) {
  add_verb(root, command, "status", "The daemon, its uplink, lcores and warnings", [&command] {
    return command.ask<v1::GetStatusResponse>(v1::GetStatusRequest(), status_text);
  });
  add_counters(root, command);
  add_graph(root, command);
  add_trace(root, command);
  add_verb(root, command, "shutdown", "End the daemon, in order: guests stay, without network",
           [&command] {
             return command.ask<v1::ShutdownResponse>(
                 v1::ShutdownRequest(), [](const auto&) { return std::string("stopping\n"); });
           });
  add_verb(root, command, "health", "Whether the daemon serves (exit code 0)",
           [&command] { return print_health(command); });
}

}  // namespace butterfly

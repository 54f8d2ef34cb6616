// SPDX-License-Identifier: Apache-2.0
// butterfly status, counters, graph, trace, health.
#include "cli/commands.h"

namespace butterfly {
namespace {

int print_health(Session& session) {
  const auto serving = session.client().is_serving();
  if (!serving.ok()) return session.fail(serving.status());
  const std::string word = *serving ? "serving" : "not serving";
  std::cout << (session.json ? "{\"status\": \"" + word + "\"}" : word) << std::endl;
  return *serving ? kDone : kRefused;
}

int trace(Session& session, const std::string& nic, uint32_t count) {
  v1::TraceRequest request;
  request.set_nic(nic);
  request.set_count(count);
  const Status status = session.client().trace(request, [&](const v1::TraceResponse& packet) {
    std::cout << (session.json ? to_json(packet, /*one_line=*/true) : packet_text(packet))
              << std::flush;
  });
  return status.ok() ? kDone : session.fail(status);
}

void add_trace(CLI::App& root, Session& session) {
  struct Options {
    std::string nic;
    uint32_t count = 10;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb =
      add_verb(root, session, "trace", "Follow packets of a nic through the bricks",
               [&session, options] { return trace(session, options->nic, options->count); });
  verb.add_option("--nic", options->nic, "name of the nic")->required();
  verb.add_option("--count", options->count, "packets to follow (default 10)")
      ->check(CLI::Range(1u, 1'000'000u));
}

void add_counters(CLI::App& root, Session& session) {
  const auto drops = std::make_shared<bool>(false);
  CLI::App& verb =
      add_verb(root, session, "counters", "Packets by brick and named out", [&session, drops] {
        v1::GetCountersRequest request;
        request.set_drops_only(*drops);
        return session.ask<v1::GetCountersResponse>(request, counters_text);
      });
  verb.add_flag("--drops", *drops, "only what was dropped");
}

void add_graph(CLI::App& root, Session& session) {
  const auto dot = std::make_shared<bool>(false);
  CLI::App& verb = add_verb(root, session, "graph", "The bricks and their edges", [&session, dot] {
    return session.ask<v1::GetGraphResponse>(
        v1::GetGraphRequest(), [dot](const v1::GetGraphResponse& response) {
          return *dot ? response.dot() : edges_text(response.dot());
        });
  });
  verb.add_flag("--dot", *dot, "for Graphviz");
}

}  // namespace

void add_host_commands(CLI::App& root, Session& session) {
  add_verb(root, session, "status", "The daemon, its uplink, lcores and warnings", [&session] {
    return session.ask<v1::GetStatusResponse>(v1::GetStatusRequest(), status_text);
  });
  add_counters(root, session);
  add_graph(root, session);
  add_trace(root, session);
  add_verb(root, session, "health", "Whether the daemon serves (exit code 0)",
           [&session] { return print_health(session); });
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// butterfly conn …
#include <unistd.h>

#include <iterator>

#include "cli/commands.h"

namespace butterfly {
namespace {

struct FilterOptions {
  std::string nic, protocol, address, state, role;
  uint32_t vni = 0;
  uint16_t port = 0;
  bool half_open = false;
};

const std::vector<std::string> kStates{"new",     "established", "half-closed",
                                       "closing", "time-wait",   "closed"};

std::string state_text(v1::ConnectionState state) {
  const auto index = static_cast<size_t>(state) - 1;
  return index < kStates.size() ? kStates[index] : std::to_string(state);
}

uint32_t protocol_of(const std::string& word) {
  for (uint32_t protocol = 0; protocol < 256; ++protocol) {
    if (word == protocol_word(protocol) || word == std::to_string(protocol)) return protocol;
  }
  return 256;
}

std::string check_protocol_word(const std::string& word) {
  if (protocol_of(word) < 256) return "";
  return "'" + word + "' is no protocol (wanted tcp, udp, icmp, icmpv6, sctp or 0..255)";
}

void add_filter(CLI::App& verb, FilterOptions& options) {
  verb.add_option("--nic", options.nic, "a nic whose rules let it pass");
  verb.add_option("--vni", options.vni, "tenant segment");
  verb.add_option("--protocol", options.protocol, "tcp, udp, icmp, icmpv6, sctp or 0..255")
      ->check(CLI::Validator(check_protocol_word, "PROTOCOL"));
  verb.add_option("--address", options.address, "address of either end");
  verb.add_option("--port", options.port, "port of either end");
  verb.add_option("--state", options.state, CLI::detail::join(kStates, ", "))
      ->check(CLI::IsMember(kStates));
  verb.add_flag("--half-open", options.half_open, "only TCP whose handshake is not done");
  verb.add_option("--role", options.role,
                  "role of the nic, or else of the address: initiator or responder")
      ->check(CLI::IsMember({"initiator", "responder"}));
}

v1::ConnectionFilter filter_of(const FilterOptions& options, const CLI::App& verb) {
  v1::ConnectionFilter filter;
  filter.set_nic(options.nic);
  if (verb.count("--vni") > 0) filter.set_vni(options.vni);
  if (verb.count("--protocol") > 0) filter.set_protocol(protocol_of(options.protocol));
  filter.set_address(options.address);
  if (verb.count("--port") > 0) filter.set_port(options.port);
  for (size_t i = 0; i < kStates.size(); ++i) {
    if (options.state == kStates[i]) filter.set_state(static_cast<v1::ConnectionState>(i + 1));
  }
  filter.set_half_open(options.half_open);
  if (options.role == "initiator") filter.set_role(v1::CONNECTION_ROLE_INITIATOR);
  if (options.role == "responder") filter.set_role(v1::CONNECTION_ROLE_RESPONDER);
  return filter;
}

std::string end_text(const v1::ConnectionEnd& end, v1::Family family) {
  if (end.port() == 0) return end.address();
  const std::string port = ":" + std::to_string(end.port());
  return family == v1::FAMILY_V6 ? "[" + end.address() + "]" + port : end.address() + port;
}

std::string seconds_text(uint64_t ms) { return std::to_string(ms / 1000) + "s"; }

std::string traffic_text(const v1::ConnectionEnd& end) {
  return std::to_string(end.packets()) + "/" + std::to_string(end.bytes());
}

// "web-1,db*": by role of their guests; a star where the rules of now were not asked yet.
std::string nics_text(const v1::Connection& connection) {
  std::string text;
  for (const v1::ConnectionEnd* end : {&connection.initiator(), &connection.responder()}) {
    if (end->nic().empty()) continue;
    if (!text.empty()) text += ",";
    text += end->nic() + (end->is_current() ? "" : "*");
  }
  return text;
}

std::vector<std::string> row_of(const v1::Connection& connection) {
  return {std::to_string(connection.vni()),
          protocol_word(connection.protocol()),
          end_text(connection.initiator(), connection.family()),
          end_text(connection.responder(), connection.family()),
          state_text(connection.state()),
          seconds_text(connection.idle_ms()),
          seconds_text(connection.expires_in_ms()),
          traffic_text(connection.initiator()),
          traffic_text(connection.responder()),
          nics_text(connection)};
}

// A table for each part, so that a million of them need no memory here either.
void print_part(const Command& command, const v1::ListConnectionsResponse& part, bool& is_begun) {
  if (command.json) {
    for (const v1::Connection& connection : part.connections()) {
      std::cout << to_json(connection, /*one_line=*/true);
    }
    std::cout << std::flush;
    return;
  }
  Table table(
      {"VNI", "PROTOCOL", "FROM", "TO", "STATE", "IDLE", "EXPIRES", "SENT", "ANSWERED", "NICS"});
  for (const v1::Connection& connection : part.connections()) table.add(row_of(connection));
  std::string text = table.to_string();
  if (is_begun) text.erase(0, text.find('\n') + 1);
  is_begun = true;
  std::cout << text << std::flush;
}

void add_list(CLI::App& topic, Command& command) {
  struct Options {
    FilterOptions filter;
    uint64_t limit = 0;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb = topic.add_subcommand("list", "Connections: who, how far, how much");
  verb->callback([&command, options, verb] {
    command.action = [&command, options, verb] {
      v1::ListConnectionsRequest request;
      *request.mutable_filter() = filter_of(options->filter, *verb);
      request.set_limit(options->limit);
      bool is_begun = false;
      const Status status = command.client().list(
          request, [&](const auto& part) { print_part(command, part, is_begun); });
      if (status.ok() && !is_begun) print_part(command, {}, is_begun);
      return status.ok() ? kDone : command.fail(status);
    };
  });
  add_filter(*verb, options->filter);
  verb->add_option("--limit", options->limit, "at most so many (default: all)")
      ->check(CLI::Range(uint64_t{1}, ~uint64_t{0}));
}

std::string counts_text(const v1::CountConnectionsResponse& response) {
  Table table({"PROTOCOL", "STATE", "CONNECTIONS"});
  for (const auto& count : response.counts()) {
    table.add({protocol_word(count.protocol()), state_text(count.state()),
               std::to_string(count.connections())});
  }
  table.add({"all", "", std::to_string(response.total())});
  return table.to_string();
}

void add_count(CLI::App& topic, Command& command) {
  const auto options = std::make_shared<FilterOptions>();
  CLI::App* verb = topic.add_subcommand("count", "How many, by protocol and state");
  verb->callback([&command, options, verb] {
    command.action = [&command, options, verb] {
      v1::CountConnectionsRequest request;
      *request.mutable_filter() = filter_of(*options, *verb);
      return command.ask<v1::CountConnectionsResponse>(request, counts_text);
    };
  });
  add_filter(*verb, *options);
}

void add_flush(CLI::App& topic, Command& command) {
  struct Options {
    FilterOptions filter;
    bool all = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb =
      topic.add_subcommand("flush", "Forget connections: their next packets are first ones");
  verb->callback([&command, options, verb] {
    command.action = [&command, options, verb] {
      v1::FlushConnectionsRequest request;
      *request.mutable_filter() = filter_of(options->filter, *verb);
      request.set_all(options->all);
      return command.ask<v1::FlushConnectionsResponse>(request, [](const auto& response) {
        return "flushed " + std::to_string(response.flushed()) + "\n";
      });
    };
  });
  add_filter(*verb, options->filter);
  verb->add_flag("--all", options->all, "every connection of this host");
}

int export_to_stdout(Command& command, const v1::ExportConnectionsRequest& request) {
  if (!command.json && isatty(STDOUT_FILENO) != 0) {
    command.fail(precondition("an export is no text (wanted: conn export NIC > FILE, or -o json)"));
    return kUsage;
  }
  const Status status =
      command.client().export_connections(request, [&](const v1::ConnectionExport& part) {
        if (command.json) {
          std::cout << to_json(part, /*one_line=*/true);
        } else {
          part.SerializeToOstream(&std::cout);
        }
      });
  std::cout << std::flush;
  return status.ok() ? kDone : command.fail(status);
}

int import_from_stdin(Command& command, const std::string& nic) {
  const std::string bytes{std::istreambuf_iterator<char>(std::cin), {}};
  v1::ConnectionExport connections;
  if (!connections.ParseFromString(bytes)) {
    return command.fail(invalid("connections: not an export, or a cut one (wanted what conn " +
                                std::string("export wrote)")));
  }
  v1::ImportConnectionsResponse response;
  const Status status = command.client().import_connections(nic, std::move(connections), response);
  if (!status.ok()) return command.fail(status);
  const auto number = [](uint64_t value) { return std::to_string(value); };
  std::cout << (command.json
                    ? to_json(response)
                    : "imported " + number(response.imported()) + ", renewed " +
                          number(response.renewed()) + ", kept " + number(response.kept()) +
                          ", expired " + number(response.expired()) + "\n")
            << std::flush;
  return kDone;
}

void add_export(CLI::App& topic, Command& command) {
  struct Options {
    std::string nic;
    bool when_gone = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb =
      add_verb(topic, command, "export", "Write a nic's connections to stdout, for another host",
               [&command, options] {
                 v1::ExportConnectionsRequest request;
                 request.set_nic(options->nic);
                 request.set_when_gone(options->when_gone);
                 return export_to_stdout(command, request);
               });
  verb.add_option("NIC", options->nic, "name of the nic")->required();
  verb.add_flag("--when-gone", options->when_gone,
                "wait until its guest is not connected, as when it has moved to another host");
}

void add_import(CLI::App& topic, Command& command) {
  const auto nic = std::make_shared<std::string>();
  CLI::App& verb = add_verb(topic, command, "import", "Take connections from stdin over for a nic",
                            [&command, nic] { return import_from_stdin(command, *nic); });
  verb.add_option("NIC", *nic, "name of the nic")->required();
}

}  // namespace

void add_connection_commands(CLI::App& root, Command& command) {
  CLI::App& topic = add_topic(root, "conn", "Connections that the firewall tracks");
  add_list(topic, command);
  add_count(topic, command);
  add_flush(topic, command);
  add_export(topic, command);
  add_import(topic, command);
}

}  // namespace butterfly

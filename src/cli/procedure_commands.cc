// SPDX-License-Identifier: Apache-2.0
// butterfly procedure …
#include "cli/commands.h"

namespace butterfly {
namespace {

std::string limit(uint64_t value) { return value == 0 ? "-" : std::to_string(value); }

std::string procedures_text(const v1::ListProceduresResponse& response) {
  Table table({"NAME", "MAX-MSS", "MIN-TTL", "NO-DF", "RANDOM-ID", "PACKETS/S", "BITS/S",
               "BURST-MS", "LOG"});
  for (const v1::Procedure& procedure : response.procedures()) {
    table.add({procedure.name(), limit(procedure.max_mss()), limit(procedure.min_ttl()),
               procedure.no_df() ? "yes" : "-", procedure.random_id() ? "yes" : "-",
               limit(procedure.packets_per_second()), limit(procedure.bits_per_second()),
               std::to_string(procedure.burst_ms()), procedure.log() ? "yes" : "-"});
  }
  return table.to_string();
}

void add_set(CLI::App& topic, Command& command) {
  struct Options {
    std::string name;
    uint32_t max_mss = 0, min_ttl = 0, burst_ms = 0;
    uint64_t packets = 0, bits = 0;
    bool no_df = false, random_id = false, log = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb = topic.add_subcommand("set", "Make a procedure, or make it exactly so");
  verb->callback([&command, options, verb] {
    command.action = [&command, options, verb] {
      v1::ApplyRequest request;
      v1::Procedure& change = *request.add_changes()->mutable_procedure_put();
      change.set_name(options->name);
      change.set_max_mss(options->max_mss);
      change.set_min_ttl(options->min_ttl);
      change.set_no_df(options->no_df);
      change.set_random_id(options->random_id);
      change.set_packets_per_second(options->packets);
      change.set_bits_per_second(options->bits);
      change.set_log(options->log);
      if (verb->count("--burst-ms") > 0) change.set_burst_ms(options->burst_ms);
      return command.change(request);
    };
  });
  verb->add_option("NAME", options->name, "procedure")->required();
  verb->add_option("--max-mss", options->max_mss, "lower a SYN's MSS to it: 64..65535 bytes");
  verb->add_option("--min-ttl", options->min_ttl, "raise TTL and hop limit to it: 1..255");
  verb->add_flag("--no-df", options->no_df, "clear IPv4's DF");
  verb->add_flag("--random-id", options->random_id, "random IPv4 identification");
  verb->add_option("--packets", options->packets, "a second, of a nic: 1..10^9");
  verb->add_option("--bits", options->bits, "a second, of a nic: 8000..10^12");
  verb->add_option("--burst-ms", options->burst_ms,
                   "so much of the rates at once: 1..10000, default 100");
  verb->add_flag("--log", options->log, "tell of each connection's first packet: butterfly log");
}

}  // namespace

void add_procedure_commands(CLI::App& root, Command& command) {
  CLI::App& topic =
      add_topic(root, "procedure", "What rules may want done to packets of their connections");
  add_verb(topic, command, "list", "All procedures", [&command] {
    return command.ask<v1::ListProceduresResponse>(v1::ListProceduresRequest(), procedures_text);
  });
  add_set(topic, command);
  const auto names = std::make_shared<std::vector<std::string>>();
  CLI::App& del =
      add_verb(topic, command, "del", "Remove procedures, all or none", [&command, names] {
        v1::ApplyRequest request;
        for (const std::string& name : *names) request.add_changes()->set_procedure_delete(name);
        return command.change(request);
      });
  del.add_option("NAME", *names, "procedures that no rule names")->required();
}

}  // namespace butterfly

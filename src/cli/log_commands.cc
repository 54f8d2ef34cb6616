// SPDX-License-Identifier: Apache-2.0
// butterfly log.
#include "cli/commands.h"

namespace butterfly {
namespace {

std::string end_text(const std::string& address, bool has_port, uint32_t port) {
  if (!has_port) return address;
  const bool is_v6 = address.find(':') != std::string::npos;
  return (is_v6 ? "[" + address + "]" : address) + ":" + std::to_string(port);
}

std::string type_text(uint32_t ethertype) {
  if (ethertype == 0x0806) return "arp";
  char text[16];
  std::snprintf(text, sizeof text, "0x%04x", ethertype);
  return text;
}

// "tcp 10.0.0.9:40000 > 10.0.0.1:22", "icmp 10.0.0.9 > 10.0.0.1 type 8 code 0",
// "0x88cc 52:54:00:00:00:01 > 01:80:c2:00:00:0e".
std::string packet_text(const v1::LogEvent& event) {
  const std::string what =
      event.has_protocol() ? protocol_word(event.protocol()) : type_text(event.ethertype());
  if (event.source().empty()) {
    return what + " " + event.source_mac() + " > " + event.destination_mac();
  }
  std::string text =
      what + " " + end_text(event.source(), event.has_source_port(), event.source_port()) + " > " +
      end_text(event.destination(), event.has_destination_port(), event.destination_port());
  if (event.has_icmp_type()) {
    text +=
        " type " + std::to_string(event.icmp_type()) + " code " + std::to_string(event.icmp_code());
  }
  return text;
}

std::string event_text(const v1::LogEvent& event) {
  const bool is_drop = event.kind() == v1::LOG_KIND_DROP;
  std::string text = clock_text(event.time_ms()) + (is_drop ? " drop " : " start ") +
                     event.brick() + "/" + event.out();
  if (!event.nic_from().empty()) text += " from " + event.nic_from();
  if (!event.nic_to().empty()) text += " to " + event.nic_to();
  if (event.vni() != 0) text += " vni " + std::to_string(event.vni());
  text += ": " + packet_text(event) + ", " + std::to_string(event.length_bytes()) + " bytes";
  if (!event.group().empty()) {
    text += ", rule " + event.rule() + " of group " + event.group();
  } else if (!event.rule().empty()) {
    text += ", guard rule " + event.rule();
  }
  if (!event.procedure().empty()) text += ", rate of procedure " + event.procedure();
  if (event.suppressed() != 0) {
    text += " (" + std::to_string(event.suppressed()) + " more were not shown)";
  }
  return text + (is_drop ? "; " + event.sentence() : "") + "\n";
}

int watch(Command& command, const v1::WatchLogRequest& request) {
  const Status status = command.client().watch_log(request, [&](const v1::LogEvent& event) {
    std::cout << (command.json ? to_json(event, /*one_line=*/true) : event_text(event))
              << std::flush;
  });
  return status.ok() ? kDone : command.fail(status);
}

}  // namespace

void add_log_commands(CLI::App& root, Command& command) {
  struct Options {
    std::string nic, out;
    uint32_t sample = 1, rate = 100;
    uint64_t count = 0;
    bool drops = false, starts = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb = add_verb(root, command, "log",
                            "Drops, and connections that rules with a log procedure let start",
                            [&command, options] {
                              v1::WatchLogRequest request;
                              if (options->drops) request.add_kinds(v1::LOG_KIND_DROP);
                              if (options->starts) request.add_kinds(v1::LOG_KIND_START);
                              request.set_nic(options->nic);
                              request.set_out(options->out);
                              request.set_sample_every(options->sample);
                              request.set_per_second(options->rate);
                              request.set_count(options->count);
                              return watch(command, request);
                            });
  verb.add_flag("--drops", options->drops, "only drops");
  verb.add_flag("--starts", options->starts, "only connections that start");
  verb.add_option("--nic", options->nic, "only what enters by it or goes to it");
  verb.add_option("--out", options->out, "only drops by BRICK/OUT, as counters names them");
  verb.add_option("--sample", options->sample, "one in so many of each out (default 1)")
      ->check(CLI::Range(1u, 1'000'000u));
  verb.add_option("--rate", options->rate, "at most so many a second (default 100)")
      ->check(CLI::Range(1u, 10'000u));
  verb.add_option("--count", options->count, "ends after so many (default: goes on)")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}));
}

}  // namespace butterfly

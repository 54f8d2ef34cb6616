// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/commands.h"

#include <rte_cycles.h>

#include <cstdlib>
#include <sstream>
#include <vector>

#include "bench/peers/opening.h"
#include "bench/peers/stream.h"

namespace butterfly::peers {
namespace {

using Words = std::map<std::string, std::string>;

uint64_t number(const Words& words, const std::string& key, uint64_t otherwise) {
  const auto found = words.find(key);
  return found == words.end() ? otherwise : std::strtoull(found->second.c_str(), nullptr, 10);
}

std::string word(const Words& words, const std::string& key, const std::string& otherwise) {
  const auto found = words.find(key);
  return found == words.end() ? otherwise : found->second;
}

FlowRange flows_of(const Words& words) {
  return {static_cast<uint32_t>(number(words, "first", 0)),
          std::max(1U, static_cast<uint32_t>(number(words, "count", 1)))};
}

wire::Family family_of(const Words& words) {
  return number(words, "family", 4) == 6 ? wire::Family::v6 : wire::Family::v4;
}

// Nothing that is too short for headers and time stamp, nothing that a buffer does not hold.
std::vector<uint16_t> lengths_of(const Words& words, wire::Family family) {
  std::vector<uint16_t> lengths;
  std::istringstream text(word(words, "lengths", "64"));
  for (std::string part; std::getline(text, part, ',');) {
    const auto length = static_cast<uint16_t>(std::strtoul(part.c_str(), nullptr, 10));
    lengths.push_back(std::clamp(length, least_length(family), uint16_t{1900}));
  }
  if (lengths.empty()) lengths.push_back(least_length(family));
  return lengths;
}

double nanoseconds(uint32_t ticks) {
  return static_cast<double>(ticks) * 1e9 / static_cast<double>(rte_get_tsc_hz());
}

std::string to_json(const StreamResult& result) {
  std::ostringstream out;
  out.precision(9);
  out << "{\"sent\":" << result.sent << ",\"arrived\":" << result.arrived
      << ",\"unread\":" << result.unread << ",\"other\":" << result.other
      << ",\"acks_sent\":" << result.acknowledgements_sent
      << ",\"acks_arrived\":" << result.acknowledgements_arrived << ",\"held_up\":"
      << (result.attempts == 0
              ? 0.0
              : static_cast<double>(result.held_up) / static_cast<double>(result.attempts))
      << ",\"seconds\":" << result.seconds << ",\"windows_pps\":[";
  const char* separator = "";
  for (const double rate : result.windows_pps) {
    out << separator << static_cast<uint64_t>(rate);
    separator = ",";
  }
  out << "]";
  if (result.latency.total() != 0) {
    out << ",\"latency_ns\":{\"p50\":" << nanoseconds(result.latency.percentile(500))
        << ",\"p99\":" << nanoseconds(result.latency.percentile(990))
        << ",\"p99.9\":" << nanoseconds(result.latency.percentile(999)) << "}";
  }
  if (!result.example.empty()) out << ",\"example\":\"" << result.example << "\"";
  out << "}";
  return out.str();
}

}  // namespace

std::string Commands::run(const std::string& line) {
  std::istringstream text(line);
  std::string verb;
  text >> verb;
  Words words;
  for (std::string pair; text >> pair;) {
    const size_t equals = pair.find('=');
    words[pair.substr(0, equals)] = equals == std::string::npos ? "" : pair.substr(equals + 1);
  }
  if (verb == "link") return link(words);
  if (verb == "vtep") return set_vtep(words);
  if (verb == "open") return open(words);
  if (verb == "stream") return stream(words);
  if (verb == "syns") return send_syns(words);
  if (verb == "quit") return "";
  return "{\"error\":\"no such command\"}";
}

std::string Commands::link(const Words& words) {
  const uint64_t wait = rte_get_tsc_hz() / 1000 * number(words, "ms", 5000);
  const uint64_t start = rte_rdtsc();
  bool linked = false;
  while (!linked && rte_rdtsc() - start < wait) {
    rte_delay_us_sleep(10'000);
    const bool guest = guest_.is_linked();  // both, as asking is what lets a connection in
    linked = wire_.is_linked() && guest;
  }
  return linked ? "{\"linked\":true}" : "{\"linked\":false}";
}

std::string Commands::set_vtep(const Words& words) {
  const auto mac = Mac::parse(word(words, "mac", ""));
  if (!mac) return "{\"error\":\"vtep: no MAC\"}";
  network_.vtep_mac = *mac;
  return "{}";
}

std::string Commands::open(const Words& words) {
  const uint64_t start = rte_rdtsc();
  const FlowRange flows = flows_of(words);
  Opening opening(network_, guest_, wire_, flows, family_of(words));
  const uint32_t opened = opening.run();
  std::ostringstream out;
  out << "{\"opened\":" << opened << ",\"seconds\":"
      << static_cast<double>(rte_rdtsc() - start) / static_cast<double>(rte_get_tsc_hz()) << "}";
  return out.str();
}

std::string Commands::stream(const Words& words) {
  StreamOptions options;
  options.flows = flows_of(words);
  options.family = family_of(words);
  options.lengths = lengths_of(words, options.family);
  const std::string ends = word(words, "ends", "guest");
  options.from_guest = ends != "wire";
  options.from_wire = ends != "guest";
  options.milliseconds = static_cast<uint32_t>(number(words, "ms", options.milliseconds));
  options.warm_up_ms = static_cast<uint32_t>(number(words, "warm", options.warm_up_ms));
  options.window_ms =
      std::max(1U, static_cast<uint32_t>(number(words, "window", options.window_ms)));
  options.quiet_ms = static_cast<uint32_t>(number(words, "quiet", options.quiet_ms));
  options.packets = number(words, "packets", 0);
  options.rate_pps = number(words, "rate", 0);
  options.takes_time = number(words, "latency", 0) != 0;
  options.reads_all = number(words, "all", 0) != 0;
  Courses& courses = courses_of(options.flows, options.family);
  Stream stream(network_, guest_, wire_, options, courses.from_guest, courses.from_wire);
  return to_json(stream.run());
}

std::string Commands::send_syns(const Words& words) {
  StreamOptions options;
  options.flows = flows_of(words);
  options.family = family_of(words);
  options.kind = SegmentKind::syn;
  options.packets = options.flows.count;
  options.warm_up_ms = 0;
  options.window_ms = 10;
  Course from_guest(options.flows);  // connections of one use
  Course from_wire(options.flows);
  Stream stream(network_, guest_, wire_, options, from_guest, from_wire);
  return to_json(stream.run());
}

Commands::Courses& Commands::courses_of(const FlowRange& flows, wire::Family family) {
  const auto key = std::tuple(flows.first, flows.count, family);
  return courses_.try_emplace(key, Courses{Course(flows), Course(flows)}).first->second;
}

}  // namespace butterfly::peers

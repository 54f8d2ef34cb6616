// SPDX-License-Identifier: Apache-2.0
#include "cli/rule_options.h"

#include <charconv>
#include <map>

#include "cli/decimal.h"

namespace butterfly {

int protocol_number(const std::string& word) {
  static const std::map<std::string, int> kWords{{"all", -1}, {"icmp", 1},    {"tcp", 6},
                                                 {"udp", 17}, {"icmpv6", 58}, {"sctp", 132}};
  if (const auto known = kWords.find(word); known != kWords.end()) return known->second;
  int number = 0;
  const char* end = word.data() + word.size();
  const auto [stop, error] = std::from_chars(word.data(), end, number);
  return error == std::errc() && stop == end && is_decimal(word) && number >= 0 && number <= 255
             ? number
             : -2;
}

CLI::Validator one_protocol() {
  return CLI::Validator(
      [](const std::string& word) -> std::string {
        if (protocol_number(word) >= 0) return "";
        return "'" + word + "' is no protocol (wanted tcp, udp, icmp, icmpv6, sctp or 0..255)";
      },
      "PROTOCOL");
}

namespace {

std::string check_protocol(const std::string& word) {
  if (protocol_number(word) != -2) return "";
  return "'" + word + "' is no protocol (wanted tcp, udp, icmp, icmpv6, sctp, all or 0..255)";
}

void add_port_options(CLI::App& verb, MatchOptions& options) {
  auto* port = verb.add_option("--port", options.port, "one destination port");
  auto* start = verb.add_option("--port-start", options.port_start, "first destination port");
  auto* end = verb.add_option("--port-end", options.port_end, "last destination port");
  port->excludes(start)->excludes(end);
  start->needs(end);
  end->needs(start);
}

void add_icmp_options(CLI::App& verb, MatchOptions& options) {
  const CLI::Range byte(0, 255);  // an 8-bit option would be read as a character
  auto* type = verb.add_option_function<int>(
      "--icmp-type", [&options](int value) { options.icmp_type = static_cast<uint8_t>(value); },
      "ICMP or ICMPv6 type");
  type->check(byte);
  verb.add_option_function<int>(
          "--icmp-code", [&options](int value) { options.icmp_code = static_cast<uint8_t>(value); },
          "ICMP or ICMPv6 code")
      ->check(byte)
      ->needs(type);
}

}  // namespace

void add_match_options(CLI::App& verb, MatchOptions& options) {
  verb.add_option("--ip-proto", options.protocol,
                  "tcp, udp, icmp, icmpv6, sctp, all or 0..255; may be left out with --expression")
      ->check(CLI::Validator(check_protocol, "PROTOCOL"));
  add_port_options(verb, options);
  add_icmp_options(verb, options);
  verb.add_option("--cidr", options.cidr, "the other side: a prefix");
  verb.add_option("--family", options.family, "v4 or v6 (default: both)")
      ->check(CLI::IsMember({"v4", "v6"}));
  verb.add_option("--expression", options.expression,
                  "pcap-filter(7) expression that the first packet must match as well");
}

void require_protocol(const MatchOptions& options) {
  if (options.protocol.empty() && options.expression.empty()) {
    throw CLI::RequiredError("--ip-proto");
  }
}

void fill(v1::Rule& rule, const MatchOptions& options, const CLI::App& verb) {
  if (!options.family.empty()) {
    rule.set_family(options.family == "v4" ? v1::FAMILY_V4 : v1::FAMILY_V6);
  }
  const int protocol = options.protocol.empty() ? -1 : protocol_number(options.protocol);
  if (protocol >= 0) rule.set_protocol(static_cast<uint32_t>(protocol));
  if (verb.count("--port") > 0) {
    rule.set_first_port(options.port);
    rule.set_last_port(options.port);
  }
  if (verb.count("--port-start") > 0) {
    rule.set_first_port(options.port_start);
    rule.set_last_port(options.port_end);
  }
  if (verb.count("--icmp-type") > 0) rule.set_icmp_type(options.icmp_type);
  if (verb.count("--icmp-code") > 0) rule.set_icmp_code(options.icmp_code);
  rule.set_peer_cidr(options.cidr);
  rule.set_expression(options.expression);
}

}  // namespace butterfly

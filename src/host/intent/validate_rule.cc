// SPDX-License-Identifier: Apache-2.0
// Whether the fields of one rule fit together.
#include <algorithm>

#include "base/classic_bpf.h"
#include "host/intent/limits.h"
#include "host/intent/validate_parts.h"

namespace butterfly {
namespace {

constexpr uint8_t kIcmp = 1;
constexpr uint8_t kTcp = 6;
constexpr uint8_t kUdp = 17;
constexpr uint8_t kIcmpv6 = 58;
constexpr uint8_t kSctp = 132;

std::string protocol_text(const RuleIntent& rule) {
  return rule.protocol ? "protocol " + std::to_string(*rule.protocol) : "any protocol";
}

Status validate_ports(const std::string& where, const RuleIntent& rule) {
  if (!rule.first_port && !rule.last_port) return ok_status();
  if (!rule.first_port || !rule.last_port) {
    return invalid(where + "one end of the port range is missing (wanted first and last port)");
  }
  if (rule.protocol != kTcp && rule.protocol != kUdp && rule.protocol != kSctp) {
    return invalid(where + "ports with " + protocol_text(rule) +
                   " (wanted tcp (6), udp (17) or sctp (132))");
  }
  if (*rule.first_port > *rule.last_port) {
    return invalid(where + "first port " + std::to_string(*rule.first_port) + " above last port " +
                   std::to_string(*rule.last_port) + " (wanted first <= last)");
  }
  return ok_status();
}

Status validate_icmp(const std::string& where, const RuleIntent& rule) {
  if (rule.icmp_code && !rule.icmp_type) {
    return invalid(where + "ICMP code without ICMP type (wanted the type as well)");
  }
  if (rule.icmp_type && rule.protocol != kIcmp && rule.protocol != kIcmpv6) {
    return invalid(where + "ICMP type with " + protocol_text(rule) +
                   " (wanted icmp (1) or icmpv6 (58))");
  }
  return ok_status();
}

// Family, protocol and CIDR each may imply IPv4 or IPv6; they must not contradict.
Status validate_family(const std::string& where, const RuleIntent& rule) {
  struct Claim {
    RuleFamily family;
    std::string text;
  };
  std::vector<Claim> claims;
  if (rule.family != RuleFamily::any) {
    claims.push_back({rule.family, rule.family == RuleFamily::v4 ? "family v4" : "family v6"});
  }
  if (rule.protocol == kIcmp) claims.push_back({RuleFamily::v4, "protocol icmp (IPv4)"});
  if (rule.protocol == kIcmpv6) claims.push_back({RuleFamily::v6, "protocol icmpv6 (IPv6)"});
  if (rule.peer_cidr) {
    claims.push_back({rule.peer_cidr->is_v4() ? RuleFamily::v4 : RuleFamily::v6,
                      "CIDR " + rule.peer_cidr->to_string()});
  }
  for (size_t i = 1; i < claims.size(); ++i) {
    if (claims[i].family != claims[0].family) {
      return invalid(where + claims[0].text + " with " + claims[i].text +
                     " (wanted one address family)");
    }
  }
  return ok_status();
}

// A terminal would act on them when the rule is listed.
bool is_control(char c) { return static_cast<uint8_t>(c) < 0x20 || c == 0x7f; }

// What can be known of an expression without compiling it. libpcap takes an empty one for "all".
Status validate_expression(const std::string& where, const std::string& expression) {
  if (expression.empty()) return ok_status();
  if (expression.size() > kMaxExpressionLength) {
    return invalid(where + "expression of " + std::to_string(expression.size()) +
                   " bytes (wanted at most " + std::to_string(kMaxExpressionLength) + ")");
  }
  const auto is_strange = [](char c) { return is_control(c) || static_cast<uint8_t>(c) > 0x7e; };
  if (std::ranges::any_of(expression, is_strange)) {
    return invalid(where + "expression has bytes other than printable ASCII (wanted one line)");
  }
  if (expression.find_first_not_of(' ') == std::string::npos) {
    return invalid(where + "expression is blank (wanted one, or none)");
  }
  return ok_status();
}

}  // namespace

Status validate_description(const std::string& where, const std::string& description) {
  if (description.size() > kMaxDescriptionLength) {
    return invalid(where + "description of " + std::to_string(description.size()) +
                   " bytes (wanted at most " + std::to_string(kMaxDescriptionLength) + ")");
  }
  if (std::ranges::any_of(description, is_control)) {
    return invalid(where + "description has control characters (wanted plain text)");
  }
  return ok_status();
}

Status validate_match(const std::string& where, const RuleIntent& rule) {
  RETURN_IF_ERROR(validate_ports(where, rule));
  RETURN_IF_ERROR(validate_icmp(where, rule));
  RETURN_IF_ERROR(validate_family(where, rule));
  return validate_expression(where, rule.expression);
}

Status validate_rule(const std::string& group, const RuleIntent& rule) {
  const std::string where = "group '" + group + "': rule " + rule_id(rule) + ": ";
  if (!rule.key.empty()) RETURN_IF_ERROR(validate_name(where + "key '" + rule.key + "'", rule.key));
  if (rule.direction == RuleDirection::both) {
    return invalid(where + "both directions (wanted ingress or egress)");
  }
  if (rule.peer_cidr && !rule.peer_group.empty()) {
    return invalid(where + "both CIDR " + rule.peer_cidr->to_string() + " and group '" +
                   rule.peer_group + "' (wanted one or none)");
  }
  if (!rule.peer_group.empty()) {
    RETURN_IF_ERROR(validate_name(where + "peer group '" + rule.peer_group + "'", rule.peer_group));
  }
  RETURN_IF_ERROR(validate_match(where, rule));
  return validate_description(where, rule.description);
}

}  // namespace butterfly

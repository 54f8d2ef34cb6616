// SPDX-License-Identifier: Apache-2.0
// Names of rules, and the rules that a new group starts with.
#include <cstdio>
#include <string>

#include "host/intent/fnv.h"
#include "host/intent/intent.h"

namespace butterfly {
namespace {

template <typename T>
std::string number(const std::optional<T>& value) {
  return value ? std::to_string(*value) : "any";
}

std::string digits_of(const std::string& text) {
  char digits[17];
  std::snprintf(digits, sizeof digits, "%016llx", static_cast<unsigned long long>(fnv1a(text)));
  return digits;
}

}  // namespace

// The text below is a stored format: operators keep rule ids. Field order never changes; a field
// that is added later is written only when it is set.
std::string rule_id(const RuleIntent& rule) {
  if (!rule.key.empty()) return digits_of("key|" + rule.key);
  return digits_of(std::string(rule.direction == RuleDirection::ingress ? "in" : "out") + "|" +
                   std::to_string(static_cast<int>(rule.family)) + "|" + number(rule.protocol) +
                   "|" + number(rule.first_port) + "-" + number(rule.last_port) + "|" +
                   number(rule.icmp_type) + "/" + number(rule.icmp_code) + "|" +
                   (rule.peer_cidr ? rule.peer_cidr->to_string() : "") + "|" + rule.peer_group +
                   (rule.procedure.empty() ? "" : "|procedure " + rule.procedure) +
                   (rule.expression.empty() ? "" : "|expression " + rule.expression));
}

std::vector<RuleIntent> default_group_rules() {
  RuleIntent v4;
  v4.direction = RuleDirection::egress;
  v4.family = RuleFamily::v4;
  RuleIntent v6 = v4;
  v6.family = RuleFamily::v6;
  v4.description = "everything out, IPv4";
  v6.description = "everything out, IPv6";
  return {v4, v6};
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// Whether a rule of the guard list is one that the datapath can judge by.
#include "host/intent/limits.h"
#include "host/intent/validate_parts.h"

namespace butterfly {
namespace {

// What a rule of a group may have and one of the guard list has no use for.
Status validate_unused(const std::string& where, const RuleIntent& match) {
  const struct {
    const char* field;
    const std::string& value;
  } rows[] = {{"peer group", match.peer_group},
              {"key", match.key},
              {"procedure", match.procedure},
              {"description", match.description}};
  for (const auto& [field, value] : rows) {
    if (value.empty()) continue;
    return invalid(where + "match with " + field + " '" + value +
                   "' (wanted none: a rule of the guard list has no such field there)");
  }
  return ok_status();
}

}  // namespace

Status validate_guard_rule(const std::string& key, const GuardIntent& rule) {
  const std::string what = "guard rule '" + rule.key + "'";
  const std::string where = what + ": ";
  if (key != rule.key) return invalid(where + "kept under '" + key + "'");
  RETURN_IF_ERROR(validate_name(what, rule.key));
  if (rule.vni.value > kVniMax) {
    return invalid(where + "VNI " + std::to_string(rule.vni.value) +
                   " exceeds 24 bits (wanted 1.." + std::to_string(kVniMax) +
                   ", or 0 for every segment)");
  }
  RETURN_IF_ERROR(validate_unused(where, rule.match));
  RETURN_IF_ERROR(validate_match(where, rule.match));
  return validate_description(where, rule.description);
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// Whether a procedure is one that the datapath can carry out, and whether rules find theirs.
#include "host/intent/limits.h"
#include "host/intent/validate_parts.h"

namespace butterfly {
namespace {

// Zero means that it is not wanted.
Status validate_range(const std::string& what, uint64_t value, uint64_t least, uint64_t most) {
  if (value == 0 || (value >= least && value <= most)) return ok_status();
  return invalid(what + " " + std::to_string(value) + " (wanted " + std::to_string(least) + ".." +
                 std::to_string(most) + ", or none)");
}

}  // namespace

Status validate_procedure(const std::string& name, const ProcedureIntent& procedure) {
  const std::string what = "procedure '" + procedure.name + "'";
  if (name != procedure.name) return invalid(what + ": kept under '" + name + "'");
  RETURN_IF_ERROR(validate_name(what, procedure.name));
  RETURN_IF_ERROR(validate_range(what + ": max MSS", procedure.max_mss, 64, 65'535));
  RETURN_IF_ERROR(
      validate_range(what + ": packets a second", procedure.packets_per_s, 1, 1'000'000'000));
  RETURN_IF_ERROR(
      validate_range(what + ": bits a second", procedure.bits_per_s, 8'000, 1'000'000'000'000));
  if (procedure.burst_ms >= 1 && procedure.burst_ms <= 10'000) return ok_status();
  return invalid(what + ": burst of " + std::to_string(procedure.burst_ms) +
                 " ms (wanted 1..10000)");
}

Status validate_procedures_of(const GroupIntent& group, const Intent& intent) {
  for (const auto& [id, rule] : group.rules) {
    if (rule.procedure.empty() || intent.procedures.contains(rule.procedure)) continue;
    return invalid("group '" + group.name + "': rule " + id + ": procedure '" + rule.procedure +
                   "' is not there (wanted one of the procedures)");
  }
  return ok_status();
}

}  // namespace butterfly

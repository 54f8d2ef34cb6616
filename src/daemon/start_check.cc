// SPDX-License-Identifier: Apache-2.0
#include "daemon/start_check.h"

#include <unistd.h>

#include <algorithm>

#include "daemon/eal.h"

namespace butterfly {
namespace {

std::string_view word_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::fine:
      return "fine     ";
    case Verdict::warning:
      return "warning  ";
    case Verdict::fault:
      return "fault    ";
  }
  return "";
}

std::string counted(const std::vector<Finding>& findings, Verdict verdict,
                    const std::string& what) {
  const auto count = std::ranges::count(findings, verdict, &Finding::verdict);
  return std::to_string(count) + " " + what + (count == 1 ? "" : "s");
}

void check_hugepages(const Config& config, const std::string& sysfs, Findings& findings) {
  if (config.dataplane.hugepages == HugepageUse::off) {
    return findings.fine("hugepages: off, as the configuration says");
  }
  const HugepageFacts facts = look_at_hugepages(config, sysfs);
  const std::string text = "hugepages: " + facts.text;
  if (facts.is_enough) return findings.fine(text);
  if (config.dataplane.hugepages == HugepageUse::automatic) {
    return findings.warn(text + "; it runs without, slower (wanted: " + facts.remedy + ")");
  }
  findings.fault_if_alone(text + " (wanted: " + facts.remedy + ", or hugepages = \"auto\")");
}

}  // namespace

void check_machine(const Config& config, const Surroundings& surroundings, Findings& findings) {
  std::string cpus;
  for (const unsigned cpu : config.dataplane.lcores) {
    cpus += (cpus.empty() ? "" : ", ") + std::to_string(cpu);
  }
  findings.fine("lcores: CPUs " + cpus);  // load_config() has asked which there are
  check_hugepages(config, surroundings.sysfs, findings);
  for (const std::string& line : missing_capabilities(config, surroundings.capabilities)) {
    findings.fault(line);
  }
  const std::string taps = missing_for_taps(surroundings.capabilities);
  if (!taps.empty()) findings.warn(taps);
  const std::string& program = surroundings.expression_program;
  if (access(program.c_str(), X_OK) != 0) {
    findings.warn("expressions: '" + program +
                  "' cannot be run; rules with expressions are refused (wanted: the program that "
                  "comes with butterflyd)");
  }
}

std::vector<Finding> check_start(const Config& config, const Surroundings& surroundings) {
  Findings findings;
  check_state_file(config.daemon, findings);
  check_sockets(config.daemon, findings);
  check_certificates(config.api, findings);
  check_machine(config, surroundings, findings);
  check_uplink(config, surroundings, findings);
  return findings.list;
}

std::string findings_text(const std::vector<Finding>& findings, const std::string& file) {
  std::string text;
  for (const Finding& finding : findings) {
    text += std::string(word_of(finding.verdict)) + finding.text + "\n";
  }
  return text + file + ": " + counted(findings, Verdict::fault, "fault") + ", " +
         counted(findings, Verdict::warning, "warning") + "\n";
}

bool has_fault(const std::vector<Finding>& findings) {
  return std::ranges::count(findings, Verdict::fault, &Finding::verdict) != 0;
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
#include "daemon/eal.h"

#include <fcntl.h>
#include <rte_eal.h>
#include <rte_errno.h>
#include <sched.h>
#include <sys/file.h>

#include <algorithm>
#include <fstream>

#include "base/fd.h"
#include "daemon/memory_plan.h"
#include "daemon/underlay.h"

namespace butterfly {
namespace {

// Held from counting the free pages until EAL has taken them, so that daemons that start together
// do not all count the same ones. A lock on a directory that is there leaves no file behind.
Fd lock_hugepages() {
  Fd lock(open("/sys/kernel/mm/hugepages", O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  if (lock) flock(lock.get(), LOCK_EX);
  return lock;
}

// Every CPU that we may run on: EAL's main thread floats, our lcores pin themselves.
std::string allowed_cpus() {
  cpu_set_t set;
  CPU_ZERO(&set);
  sched_getaffinity(0, sizeof set, &set);
  std::string text;
  for (int cpu = 0; cpu < CPU_SETSIZE; ++cpu) {
    if (CPU_ISSET(cpu, &set)) text += (text.empty() ? "" : ",") + std::to_string(cpu);
  }
  return text;
}

}  // namespace

HugepageFacts look_at_hugepages(const Config& config, const std::string& sysfs) {
  std::ifstream file(sysfs + "/kernel/mm/hugepages/hugepages-2048kB/free_hugepages");
  uint64_t pages = 0;
  file >> pages;
  const uint64_t free_mb = pages * 2;
  const DataplaneConfig& dataplane = config.dataplane;
  const size_t uplinks = config.uplink ? devices_of(*config.uplink).size() : 0;
  const uint32_t computed_mb = computed_memory_mb(static_cast<uint16_t>(dataplane.lcores.size()),
                                                  static_cast<uint16_t>(uplinks));
  const bool may_be_less = !dataplane.memory_mb && dataplane.hugepages != HugepageUse::off;
  const uint64_t wanted_mb =
      may_be_less ? std::min<uint64_t>(computed_mb, std::max<uint64_t>(free_mb, kLeastMemoryMb))
                  : dataplane.memory_mb.value_or(computed_mb);
  HugepageFacts facts;
  facts.memory_mb = static_cast<uint32_t>(wanted_mb);
  facts.is_enough = free_mb >= wanted_mb;
  facts.text = std::to_string(wanted_mb) + " MB wanted, " + std::to_string(free_mb) +
               " MB of 2 MiB pages free";
  facts.remedy = "sysctl vm.nr_hugepages=" + std::to_string(wanted_mb / 2 + 8);
  return facts;
}

StatusOr<EalResult> start_eal(const Config& all) {
  const DataplaneConfig& config = all.dataplane;
  EalResult result;
  const Fd lock = lock_hugepages();
  const auto [enough, facts, remedy, memory_mb] = look_at_hugepages(all);
  result.memory_mb = memory_mb;
  if (config.hugepages == HugepageUse::on && !enough) {
    return exhausted("hugepages: " + facts + " (wanted: " + remedy + ", or hugepages = \"auto\")");
  }
  result.hugepages = config.hugepages != HugepageUse::off && enough;
  if (!result.hugepages && config.hugepages == HugepageUse::automatic) {
    result.warnings.push_back("running without hugepages, slower: " + facts + "; " + remedy);
  }
  std::vector<std::string> arguments{"butterflyd",
                                     "--lcores=0@(" + allowed_cpus() + ")",
                                     "-m",
                                     std::to_string(memory_mb),
                                     "--no-telemetry",
                                     "--log-level=lib.eal:error",
                                     "--log-level=lib.vhost.config:error",
                                     "--log-level=lib.vhost.data:error"};
  // By itself EAL would probe every PCI device, the host's own network card among them. An address
  // that no machine has is all that is allowed; the uplink, if it is one, is allowed by its probe.
  arguments.insert(arguments.end(), {"-a", "ffff:ff:1f.7"});
  if (result.hugepages) {
    arguments.push_back("--in-memory");
  } else {
    arguments.insert(arguments.end(), {"--no-huge", "--no-shconf", "--iova-mode=va"});
  }
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  if (rte_eal_init(static_cast<int>(argv.size()), argv.data()) < 0) {
    return exhausted(std::string("DPDK did not start: ") + rte_strerror(rte_errno) + "; " + facts +
                     " (wanted: " + remedy + ", or a smaller memory_mb)");
  }
  return result;
}

}  // namespace butterfly

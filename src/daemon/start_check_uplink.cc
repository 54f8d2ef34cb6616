// SPDX-License-Identifier: Apache-2.0
// The uplink's device, before anything drives it.
#include <linux/capability.h>
#include <net/if.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cstdio>
#include <filesystem>

#include "base/mac.h"
#include "daemon/eal.h"
#include "daemon/start_check.h"
#include "daemon/underlay.h"
#include "ports/kernel_interface.h"

namespace butterfly {
namespace {

namespace fs = std::filesystem;

// Drivers of the kernel beside which DPDK drives the card, by verbs.
constexpr std::array<std::string_view, 3> kShared{"mlx4_core", "mlx5_core", "mana"};
// Drivers of the kernel that hand the card to us.
constexpr std::array<std::string_view, 3> kHandsOver{"vfio-pci", "uio_pci_generic", "igb_uio"};

bool is_pci_address(const std::string& device) {
  unsigned domain, bus, slot, function;
  int length = 0;
  return std::sscanf(device.c_str(), "%x:%x:%x.%x%n", &domain, &bus, &slot, &function, &length) ==
             4 &&
         (device[static_cast<size_t>(length)] == '\0' ||
          device[static_cast<size_t>(length)] == ',');
}

std::string target_of(const std::string& link) {
  std::error_code error;
  return fs::read_symlink(link, error).filename().string();
}

void check_mtu(const UplinkConfig& config, uint16_t mtu, Findings& findings) {
  const auto vtep = make_vtep(config, Mac{}, mtu);
  if (!vtep.ok()) return findings.fault(std::string(vtep.status().message()));
  const std::string warning = small_underlay(config, *vtep);
  if (!warning.empty()) return findings.warn(warning);
  findings.fine("uplink '" + config.device + "': MTU " + std::to_string(mtu) +
                ", guests' packets of up to " + std::to_string(vtep->inner_mtu()) + " bytes");
}

void check_kernel_interface(const UplinkConfig& config, Findings& findings) {
  const auto interface = find_uplink_interface(config.device, config.force);
  if (!interface.ok()) return findings.fault(std::string(interface.status().message()));
  if (is_claimed(config.device)) {
    findings.fault_if_alone("uplink '" + config.device +
                            "': in use by another process (wanted: an interface that is no other "
                            "butterflyd's uplink)");
  }
  check_mtu(config, config.mtu.value_or(interface->mtu), findings);
}

void check_locked_memory(const Config& config, const Surroundings& surroundings,
                         const std::string& what, Findings& findings) {
  const uint32_t wanted_mb = look_at_hugepages(config, surroundings.sysfs).memory_mb;
  const uint64_t wanted = uint64_t{wanted_mb} << 20;
  const bool has_no_limit = (surroundings.capabilities >> CAP_IPC_LOCK & 1) != 0;
  if (has_no_limit || surroundings.lockable_bytes >= wanted) return;
  findings.fault(
      what + ": " + std::to_string(surroundings.lockable_bytes >> 20) +
      " MB may be locked in memory, " + std::to_string(wanted_mb) +
      " MB are to be (wanted: LimitMEMLOCK=infinity in the unit, or ulimit -l unlimited)");
}

void check_pci(const Config& config, const Surroundings& surroundings, Findings& findings) {
  const std::string address = config.uplink->device.substr(0, config.uplink->device.find(','));
  const std::string what = "uplink '" + address + "'";
  const std::string device = surroundings.sysfs + "/bus/pci/devices/" + address;
  if (!fs::exists(device)) {
    return findings.fault(what + ": no such PCI device (wanted: an address as lspci -D shows it)");
  }
  const std::string driver = target_of(device + "/driver");
  if (std::ranges::find(kShared, driver) != kShared.end()) {
    return findings.fine(what + ": driven beside " + driver);
  }
  if (std::ranges::find(kHandsOver, driver) == kHandsOver.end()) {
    return findings.fault(
        what + ": " + (driver.empty() ? "no driver has it" : "the kernel's " + driver + " has it") +
        " (wanted: dpdk-devbind.py --bind=vfio-pci " + address + ")");
  }
  const std::string group = target_of(device + "/iommu_group");
  const std::string file = surroundings.devices + "/vfio/" + group;
  if (driver == "vfio-pci" && !group.empty() && access(file.c_str(), R_OK | W_OK) != 0) {
    return findings.fault(what + ": " + file +
                          " may not be read and written (wanted: chown it to the daemon's user, by "
                          "a udev rule)");
  }
  check_locked_memory(config, surroundings, what, findings);
  findings.fine(what + ": bound to " + driver);
}

void check_device(const Config& config, const Surroundings& surroundings, Findings& findings) {
  const UplinkConfig& uplink = *config.uplink;
  if (!is_dpdk_device(uplink.device)) {
    check_kernel_interface(uplink, findings);
  } else if (is_pci_address(uplink.device)) {
    check_pci(config, surroundings, findings);
  } else {
    findings.fine("uplink '" + uplink.device + "': a DPDK device, of which only a start can tell");
  }
}

}  // namespace

uint64_t lockable_memory() {
  rlimit limit{};
  return getrlimit(RLIMIT_MEMLOCK, &limit) == 0 ? limit.rlim_max : 0;  // RLIM_INFINITY is the most
}

void check_uplink(const Config& config, const Surroundings& surroundings, Findings& findings) {
  if (!config.uplink) return findings.fine("uplink: none, guests of this host only");
  const UplinkConfig& uplink = *config.uplink;
  if (const Status status = check_together(uplink); !status.ok()) {
    findings.fault(std::string(status.message()));
  }
  for (const std::string& device : devices_of(uplink)) {
    Config of_one = config;
    of_one.uplink->device = device;
    check_device(of_one, surroundings, findings);
  }
  if (!uplink.host_port.empty() && if_nametoindex(uplink.host_port.c_str()) != 0) {
    findings.fault_if_alone("host port '" + uplink.host_port +
                            "': there is an interface of that name (wanted: a free name)");
  }
}

}  // namespace butterfly

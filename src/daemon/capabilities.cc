// SPDX-License-Identifier: Apache-2.0
#include "daemon/capabilities.h"

#include <linux/capability.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <array>

#include "daemon/underlay.h"
#include "ports/kernel_interface.h"

namespace butterfly {
namespace {

std::string missing(const std::string& what, const char* name) {
  return what + ": " + name +
         " is missing (wanted: root, or a service with AmbientCapabilities=" + name +
         " as dist/butterflyd.service has it)";
}

bool has(uint64_t effective, unsigned capability) { return (effective >> capability & 1) != 0; }

}  // namespace

uint64_t effective_capabilities() {
  __user_cap_header_struct header{_LINUX_CAPABILITY_VERSION_3, 0};
  std::array<__user_cap_data_struct, _LINUX_CAPABILITY_U32S_3> data{};
  if (syscall(SYS_capget, &header, data.data()) != 0) return 0;
  return static_cast<uint64_t>(data[1].effective) << 32 | data[0].effective;
}

std::vector<std::string> missing_capabilities(const Config& config, uint64_t effective) {
  std::vector<std::string> lines;
  if (!config.uplink) return lines;
  const UplinkConfig& uplink = *config.uplink;
  for (const std::string& device : devices_of(uplink)) {
    const std::string what = "uplink '" + device + "'";
    if (is_dpdk_device(device)) continue;
    if (!has(effective, CAP_NET_RAW)) lines.push_back(missing(what, "CAP_NET_RAW"));
    // DPDK's af_packet sets the interface's MAC anew, to what it is.
    if (!has(effective, CAP_NET_ADMIN)) lines.push_back(missing(what, "CAP_NET_ADMIN"));
  }
  if (!uplink.host_port.empty() && !has(effective, CAP_NET_ADMIN)) {
    lines.push_back(missing("host port '" + uplink.host_port + "'", "CAP_NET_ADMIN"));
  }
  return lines;
}

std::string missing_for_taps(uint64_t effective) {
  return has(effective, CAP_NET_ADMIN) ? "" : missing("nics of type tap", "CAP_NET_ADMIN");
}

Status check_capabilities(const Config& config, uint64_t effective) {
  const auto lines = missing_capabilities(config, effective);
  return lines.empty() ? ok_status() : absl::PermissionDeniedError(lines.front());
}

}  // namespace butterfly

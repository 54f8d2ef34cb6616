// SPDX-License-Identifier: Apache-2.0
// What we need to know of a kernel network interface before taking it as our uplink.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/fd.h"
#include "base/ip.h"
#include "base/status.h"

namespace butterfly {

struct KernelInterface {
  int index = 0;
  uint16_t mtu = 0;
  bool is_up = false;
  bool is_veth = false;
  std::vector<IpAddress> addresses;  // without link-local ones
};

// Whether an uplink's device is driven by DPDK itself: a PCI address or a vdev string has a bus or
// a driver in it, a kernel interface is a bare name.
bool is_dpdk_device(const std::string& device);
// Names of the interfaces in the current network namespace.
std::vector<std::string> kernel_interfaces();
// not_found (naming the ones that exist) when there is no such interface.
StatusOr<KernelInterface> read_kernel_interface(const std::string& name);
// As that, and fit to be an uplink. failed_precondition when it is down, or, unless `force`, has an
// address of the host.
StatusOr<KernelInterface> find_uplink_interface(const std::string& name, bool force);
// Whether the interface is up and its cable leads somewhere. false: it is gone, too. Any thread.
bool has_carrier(const std::string& name);
// Ends with the descriptor, or its process. failed_precondition while another process of this
// network namespace has the interface as its uplink: both would answer for it.
StatusOr<Fd> claim_interface(const std::string& name);
// Whether some process of this network namespace has claimed it.
bool is_claimed(const std::string& name);
// A socket that becomes readable when a frame arrives on the interface. Its buffer is tiny: it is
// for waking, not for reading.
StatusOr<Fd> open_arrival_socket(const std::string& name, int index);

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// The nics of a snapshot as the datapath sees them, by port.
#pragma once

#include <algorithm>
#include <memory>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/mac.h"
#include "tables/flow_history.h"
#include "tables/guest_service.h"
#include "tables/ruleset.h"
#include "tables/shared_slots.h"

namespace butterfly {

// fe80::/64 with the interface identifier that RFC 4291, appendix A makes from a MAC.
inline Ipv6 link_local_of(const Mac& mac) {
  const auto& m = mac.bytes;
  return {{0xfe, 0x80, 0, 0, 0, 0, 0, 0, static_cast<uint8_t>(m[0] ^ 0x02), m[1], m[2], 0xff, 0xfe,
           m[3], m[4], m[5]}};
}

// One guest's virtual NIC. Immutable; shared by the snapshots in which nothing of it changed.
struct Nic {
  std::string id;
  PortId port = kNoPort;
  NicSerial serial;           // of this life of the nic
  Generation generation = 0;  // of the snapshot that last changed anything of it; never 0 there
  Vni vni;
  uint16_t segment = 0;  // slot in the SegmentTable
  Mac mac;
  bool antispoof = true;
  bool is_dhcp_server = false;       // may be one, as far as its rules let it
  bool is_router = false;            // the same
  bool bypasses = false;             // no firewall is asked about its packets
  bool carries_vlans = false;        // frames with VLAN tags may pass
  std::vector<IpAddress> addresses;  // sorted; what antispoof lets the guest use as its own
  std::vector<Cidr> allowed;         // what it may use besides, as the MACs
  std::vector<Mac> macs;
  Policy policy;
  std::shared_ptr<const GuestService> service;  // null: the switch answers nothing itself

  // Of the flows that count for it.
  AccountKey account() const { return {port, static_cast<uint32_t>(serial.value), segment, vni}; }
  bool owns(const IpAddress& address) const {
    return std::binary_search(addresses.begin(), addresses.end(), address);
  }
  // Whether frames may come from that MAC.
  bool has_mac(const Mac& other) const {
    return other == mac || std::find(macs.begin(), macs.end(), other) != macs.end();
  }
  // Whether the address is its own, or one that it may use besides; with any of its MACs.
  bool may_speak_as(const IpAddress& address) const {
    return owns(address) || std::any_of(allowed.begin(), allowed.end(), [&](const Cidr& prefix) {
             return prefix.contains(address);
           });
  }
  // Whether the address is the link-local one of any of its MACs.
  bool has_link_local(const IpAddress& address) const {
    return address == IpAddress(link_local_of(mac)) ||
           std::any_of(macs.begin(), macs.end(), [&](const Mac& other) {
             return address == IpAddress(link_local_of(other));
           });
  }
  // Whether packets of that source may come from it.
  bool may_use(const IpAddress& address) const {
    return !antispoof || may_speak_as(address) || has_link_local(address);
  }
};

// By PortId; null where the port carries no nic. Immutable once published; copies share their nics.
class NicTable {
 public:
  const Nic* find(PortId port) const {
    return port.value < kMaxPorts ? nics_.at(port.value) : nullptr;
  }
  // As find(), to be shared. REQUIRES: a port, as for those below.
  std::shared_ptr<const Nic> share(PortId port) const { return nics_.share(port.value); }
  void set(std::shared_ptr<const Nic> nic) {
    const PortId port = nic->port;
    nics_.set(port.value, std::move(nic));
  }
  void clear(PortId port) { nics_.set(port.value, nullptr); }

 private:
  SharedSlots<Nic, kMaxPorts> nics_;
};

}  // namespace butterfly

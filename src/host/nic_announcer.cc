// SPDX-License-Identifier: Apache-2.0
#include "host/nic_announcer.h"

#include <algorithm>

#include "graph/become.h"
#include "wire/neighbour_frames.h"

namespace butterfly {
namespace {

template <typename Frame>
void send_as(const Nic& nic, const Frame& frame, HostGraph& graph, Lcore& lcore) {
  Packet* packet = lcore.pool().alloc();
  auto& ledger = lcore.counters().ledger();
  (packet ? ledger.made : ledger.no_buffer).add(1);
  if (!packet) return;  // the next time
  become(*packet, frame);
  packet->reset_facts(nic.port, nic.vni, nic.segment);
  graph.from_guest().push(*packet, lcore);
}

}  // namespace

void NicAnnouncer::tick(const Snapshot& snapshot, HostGraph& graph, Lcore& lcore) {
  if (!snapshot.switching.is_on(SwitchKnob::announce_nics)) return;
  for (uint16_t i = 0; i < kPortsATick; ++i) {
    const PortId port{next_};
    next_ = static_cast<uint16_t>((next_ + 1) % kMaxPorts);
    const Nic* nic = snapshot.nics->find(port);
    const Port* device = snapshot.ports[port.value];
    Told& told = told_[port.value];
    if (!nic || !device || !device->is_connected()) {
      told = {};
      continue;
    }
    if (told.life != nic->serial) told = {nic->serial, 0};
    if (told.times == kTimes) continue;
    ++told.times;
    announce(*nic, graph, lcore);
  }
}

void NicAnnouncer::announce(const Nic& nic, HostGraph& graph, Lcore& lcore) {
  for (size_t i = 0; i < std::min(nic.addresses.size(), kMaxAddresses); ++i) {
    const IpAddress& address = nic.addresses[i];
    if (address.is_v4()) {
      const Ipv4 own = address.v4();
      send_as(nic, wire::make_arp_request({nic.mac, own}, own, Mac::broadcast()), graph, lcore);
    } else {
      const wire::Station<Ipv6> everybody{wire::mac_of_group(wire::kAllNodes), wire::kAllNodes};
      send_as(nic, wire::make_advertisement({nic.mac, address.v6()}, everybody, wire::kNdOverride),
              graph, lcore);
    }
  }
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// A snapshot: the intent compiled for the lcores. Immutable once published, numbered, and shared
// with its successors in every table that a change did not touch.
#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "base/firewall_settings.h"
#include "base/ids.h"
#include "base/switch_settings.h"
#include "graph/port.h"
#include "tables/guard_list.h"
#include "tables/nic_table.h"
#include "tables/peer_table.h"
#include "tables/procedure.h"
#include "tables/segment_table.h"

namespace butterfly {

struct Snapshot {
  Generation generation = 0;
  std::shared_ptr<const NicTable> nics = std::make_shared<const NicTable>();
  std::shared_ptr<const SegmentTable> segments = std::make_shared<const SegmentTable>();
  std::shared_ptr<const PeerTable> peers = std::make_shared<const PeerTable>();
  std::shared_ptr<const ProcedureTable> procedures = std::make_shared<const ProcedureTable>();
  std::shared_ptr<const GuardList> guard = std::make_shared<const GuardList>();
  // Of the underlay, those of its segments; sorted.
  std::shared_ptr<const std::vector<IpAddress>> groups =
      std::make_shared<const std::vector<IpAddress>>();
  // By PortId; null where there is none. The host keeps each alive longer than any snapshot.
  std::vector<Port*> ports;
  FirewallSettings firewall;
  SwitchSettings switching;
  uint32_t nic_count = 0;
  Vtep vtep;  // all zero when the host has no uplink: then no peer exists either
};

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// What is asked and told about connections: plain values, no DPDK.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "tables/flow_record.h"

namespace butterfly {

// Which connections; empty members match anything.
struct FlowQuery {
  std::string nic;    // id; whose rules let it pass
  FlowFilter filter;  // but its nic
};

// One connection.
struct FlowReport {
  FlowRecord record;
  // Of the nic of each role's guest: its id, "" when no nic of this host was asked, or one that is
  // gone; and whether its rules were asked since they last changed.
  struct Judge {
    std::string nic;
    bool is_asked = false;
    bool is_current = false;
  };
  std::array<Judge, 2> judges;  // by Role

  const Judge& judge(Role role) const { return judges[static_cast<size_t>(role)]; }
};

// A connection of one nic, as it goes to another host.
struct NicFlow {
  FlowRecord record;
  Role role = Role::initiator;  // of the nic
};

// How many connections: by protocol and state.
struct FlowCounts {
  std::array<std::array<uint64_t, kFlowStates>, 256> by{};
};

// What an import has done with the connections that it was given.
struct FlowImportReport {
  uint64_t imported = 0;  // are there now
  uint64_t renewed = 0;   // were there, seen longer ago: as imported now
  uint64_t kept = 0;      // were there, seen later: stayed as they were
  uint64_t expired = 0;   // idle for longer than this host keeps them
};

}  // namespace butterfly

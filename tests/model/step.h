// SPDX-License-Identifier: Apache-2.0
// What is done to a world. Each step says all that it does and depends on none before it, so that
// any of them can be left out.
#pragma once

#include <cstdint>
#include <string>
#include <variant>
#include <vector>

#include "base/firewall_settings.h"
#include "model/packet.h"

namespace butterfly::model {

// All at once: they come in one burst, or in one a port.
struct SendPackets {
  std::vector<Packet> packets;
};
struct LetPass {
  uint32_t ms = 0;
};
// Forgets all connections of a segment, as `conn flush --vni` does.
struct Flush {
  unsigned segment = 0;
};
struct SetKnob {
  Knob knob = Knob::revalidate;
  uint32_t value = 0;
};
// Whether the group is there; one that comes has the rules that it had at first.
struct SetGroup {
  unsigned group = 0;
  bool is_there = true;
};
// Whether the group has the rule of that number.
struct SetRule {
  unsigned group = 0;
  unsigned rule = 0;
  bool is_there = true;
};
// Whether the station's address is listed for the group.
struct SetMember {
  unsigned group = 0;
  unsigned station = 0;
  bool is_v4 = true;
  bool is_there = true;
};
// Whether the nic is there; one that comes has the groups that it had at first.
struct SetNic {
  unsigned nic = 0;
  bool is_there = true;
};
// Whether the nic has its address; it always has the shared ones.
struct SetAddress {
  unsigned nic = 0;
  bool is_v4 = true;
  bool is_there = true;
};
struct SetGroupsOfNic {
  unsigned nic = 0;
  unsigned groups = 0;  // by bit
};

using Step = std::variant<SendPackets, LetPass, Flush, SetKnob, SetGroup, SetRule, SetMember,
                          SetNic, SetAddress, SetGroupsOfNic>;
using Steps = std::vector<Step>;

}  // namespace butterfly::model

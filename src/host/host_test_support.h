// SPDX-License-Identifier: Apache-2.0
// A host whose ports are scripted: shared by the tests of this folder.
#pragma once

#include <map>
#include <memory>
#include <string>

#include "host/host.h"
#include "ports/scripted.h"
#include "support/eal.h"
#include "support/packet_text.h"

namespace butterfly::test {

class ScriptedPorts : public PortFactory {
 public:
  StatusOr<std::unique_ptr<Port>> make(const NicIntent& nic, PortId,
                                       const std::vector<uint16_t>&) override {
    if (nic.tap_name == "refused") return unavailable("the script refuses");
    auto& link = links[nic.id];
    link = std::make_shared<ScriptedLink>();
    return std::unique_ptr<Port>(std::make_unique<ScriptedPort>(link, pool()));
  }
  std::string socket_path(const NicIntent&) const override { return ""; }

  std::map<std::string, std::shared_ptr<ScriptedLink>> links;  // by nic id
};

inline NicIntent nic_intent(const std::string& id, const char* mac, const char* address,
                            std::vector<std::string> groups = {}) {
  NicIntent nic;
  nic.id = id;
  nic.mac = *Mac::parse(mac);
  nic.vni = Vni{42};
  nic.type = NicType::tap;
  nic.addresses = {*IpAddress::parse(address)};
  nic.groups = std::move(groups);
  return nic;
}

// Lets everything through, both ways.
inline GroupIntent open_group() {
  GroupIntent group;
  group.name = "open";
  for (const RuleDirection direction : {RuleDirection::ingress, RuleDirection::egress}) {
    RuleIntent rule;
    rule.direction = direction;
    group.rules.set(rule_id(rule), rule);
  }
  return group;
}

inline bool ledger_closes(const LedgerReport& ledger) {
  return ledger.received + ledger.made + ledger.copied + ledger.taken_over ==
         ledger.sent + ledger.merged + ledger.dropped + ledger.handed_over + ledger.held;
}

}  // namespace butterfly::test

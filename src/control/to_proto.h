// SPDX-License-Identifier: Apache-2.0
// Intent and reports to API messages.
#pragma once

#include <vector>

#include "butterfly/v1/butterfly.pb.h"
#include "control/settings.h"
#include "host/intent/intent.h"
#include "host/reports.h"

namespace butterfly {

v1::Nic to_proto(const NicIntent& nic);
v1::Rule to_proto(const RuleIntent& rule);
v1::Group to_proto(const GroupIntent& group);
v1::Procedure to_proto(const ProcedureIntent& procedure);
v1::Subnet to_proto(const SubnetIntent& subnet);
v1::GuardRule to_proto(const GuardIntent& rule);
v1::Peer to_proto(const PeerIntent& peer);
v1::FdbEntry to_proto(const FdbIntent& entry);
v1::Segment to_proto(const SegmentIntent& segment);
v1::FirewallSettings to_proto(const FirewallSettings& settings);  // every field set
v1::SwitchSettings to_proto(const SwitchSettings& settings);      // likewise
v1::Intent to_proto(const Intent& intent);

v1::NicState to_proto(const NicReport& report);
v1::OutCounter to_proto(const OutReport& report);
v1::Ledger to_proto(const LedgerReport& report);
v1::LcoreState to_proto(const LcoreReport& report);
v1::BufferUse to_proto(const BufferUse& use);
v1::MemoryState to_proto(const MemoryReport& report);
v1::BalanceState to_proto(const BalanceReport& report);
v1::UplinkState to_proto(const UplinkReport& report);
v1::TraceResponse to_proto(const TraceReport& report);
v1::RuleHits to_proto(const RuleHits& hits);
v1::GetConfigResponse to_proto(const std::vector<SettingReport>& settings);

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// The answers of the API, without gRPC.
#include "control/answers.h"

#include <algorithm>
#include <unordered_map>

#include "control/change.h"
#include "control/from_proto.h"
#include "control/qemu_line.h"
#include "control/to_proto.h"

namespace butterfly {
namespace {

using NicReports = std::unordered_map<std::string, NicReport>;

NicReports reports_by_id(const Host& host) {
  NicReports reports;
  for (NicReport& report : host.nic_reports()) {
    const std::string id = report.id;
    reports.emplace(id, std::move(report));
  }
  return reports;
}

// Of nics that do not say.
uint16_t guest_mtu_of(const HostReport& report) {
  return guest_mtu(report.uplink ? report.uplink->inner_mtu : uint16_t{0});
}
uint16_t mtu_of(const NicIntent& nic, uint16_t otherwise) {
  return nic.mtu != 0 ? nic.mtu : otherwise;
}

v1::NicAccess access_of(const NicIntent& nic, const NicReport& report, uint16_t mtu) {
  v1::NicAccess access;
  access.set_id(nic.id);
  access.set_socket(report.socket);
  access.set_tap_name(report.tap_name);
  if (!report.socket.empty()) {
    access.set_qemu_arguments(qemu_arguments({nic.id, nic.mac, report.socket, nic.vhost_server,
                                              mtu_of(nic, mtu), nic.queues, nic.packed}));
  }
  return access;
}

v1::NicView view_of(const NicIntent& nic, const NicReports& reports, uint16_t mtu) {
  v1::NicView view;
  *view.mutable_nic() = to_proto(nic);
  // A nic may be younger than the reports.
  const auto report = reports.find(nic.id);
  const NicReport& known = report == reports.end() ? NicReport{} : report->second;
  *view.mutable_state() = to_proto(known);
  // The kernel gives a tap its own.
  view.mutable_state()->set_mtu(mtu_of(nic, nic.type == NicType::tap ? guest_mtu(0) : mtu));
  *view.mutable_access() = access_of(nic, known, mtu);
  return view;
}

// Peers of the intent, with what the host has found out about their next hops.
template <typename Response>
void add_peers(const Intent& intent, const HostReport& report, Response& response) {
  std::map<IpAddress, const PeerReport*> known;
  for (const PeerReport& peer : report.peers) known[peer.address] = &peer;
  for (const auto& [address, peer] : intent.peers) {
    v1::PeerView& view = *response.add_peers();
    *view.mutable_peer() = to_proto(peer);
    const auto found = known.find(address);
    if (found == known.end()) continue;
    view.set_next_hop(found->second->next_hop.to_string());
    const Mac& mac = found->second->next_hop_mac;
    if (!mac.is_zero()) view.set_next_hop_mac(mac.to_string());
  }
}

template <typename Response>
void add_actions(const std::vector<Action>& actions, Response& response) {
  for (const Action& action : actions) response.add_actions(to_string(action));
}

Status make_changes(const v1::ApplyRequest& request, Intent& intent) {
  for (int i = 0; i < request.changes_size(); ++i) {
    const Status status = make_change(request.changes(i), intent);
    if (status.ok()) continue;
    if (request.changes_size() == 1) return status;
    return Status(status.code(), "change " + std::to_string(i + 1) + " of " +
                                     std::to_string(request.changes_size()) + ": " +
                                     std::string(status.message()));
  }
  return ok_status();
}

template <typename Request>
IntentKeeper::Terms terms_of(const Request& request) {
  IntentKeeper::Terms terms{.dry_run = request.dry_run()};
  if (request.has_expected_revision()) terms.expected = request.expected_revision();
  return terms;
}

}  // namespace

Status Answers::apply(const v1::ApplyRequest& request, v1::ApplyResponse& response) {
  const auto outcome = keeper_.change([&](Intent& intent) { return make_changes(request, intent); },
                                      terms_of(request));
  if (!outcome.ok()) return outcome.status();
  response.set_generation(host_.report().generation);
  response.set_revision(outcome->version.revision);
  add_actions(outcome->actions, response);
  add_access(request, *outcome->version.intent, response);
  for (const v1::Change& change : request.changes()) {
    if (!change.has_rule_add()) continue;
    // It was read before, so it is readable.
    const auto rule = from_proto(change.rule_add().group(), change.rule_add().rule());
    if (rule.ok()) *response.add_rules() = to_proto(*rule);
  }
  return ok_status();
}

void Answers::add_access(const v1::ApplyRequest& request, const Intent& intent,
                         v1::ApplyResponse& response) const {
  std::vector<std::string> ids;
  for (const v1::Change& change : request.changes()) {
    if (change.has_nic_put()) ids.push_back(change.nic_put().id());
    if (change.has_nic_update()) ids.push_back(change.nic_update().id());
  }
  if (ids.empty()) return;
  const NicReports reports = reports_by_id(host_);
  const uint16_t mtu = guest_mtu_of(host_.report());
  for (const std::string& id : ids) {
    const auto nic = intent.nics.find(id);
    if (nic == intent.nics.end()) continue;  // deleted again by a later change
    *response.add_nics() = view_of(nic->second, reports, mtu).access();
  }
}

Status Answers::replace(const v1::ReplaceRequest& request, v1::ReplaceResponse& response) {
  auto wanted = from_proto(request.intent());
  if (!wanted.ok()) return wanted.status();
  const auto outcome = keeper_.change(
      [&](Intent& intent) {
        intent = *std::move(wanted);
        return ok_status();
      },
      terms_of(request));
  if (!outcome.ok()) return outcome.status();
  response.set_generation(host_.report().generation);
  response.set_revision(outcome->version.revision);
  add_actions(outcome->actions, response);
  return ok_status();
}

void Answers::intent(v1::GetIntentResponse& response) const {
  const IntentKeeper::Version now = keeper_.version();
  *response.mutable_intent() = to_proto(*now.intent);
  response.set_revision(now.revision);
}

void Answers::nics(v1::ListNicsResponse& response) const {
  const auto intent = keeper_.intent();
  const NicReports reports = reports_by_id(host_);
  const uint16_t mtu = guest_mtu_of(host_.report());
  for (const auto& [id, nic] : intent->nics) *response.add_nics() = view_of(nic, reports, mtu);
}

Status Answers::nic(const std::string& id, v1::GetNicResponse& response) const {
  const auto intent = keeper_.intent();
  const auto nic = intent->nics.find(id);
  if (nic == intent->nics.end()) {
    return not_found("nic '" + id + "': not found (wanted one of ours)");
  }
  *response.mutable_nic() =
      view_of(nic->second, reports_by_id(host_), guest_mtu_of(host_.report()));
  return ok_status();
}

void Answers::groups(v1::ListGroupsResponse& response) const {
  for (const auto& [name, group] : keeper_.intent()->groups) {
    *response.add_groups() = to_proto(group);
  }
}

Status Answers::group(const std::string& name, v1::GetGroupResponse& response) const {
  const auto intent = keeper_.intent();
  const auto group = intent->groups.find(name);
  if (group == intent->groups.end()) {
    return not_found("group '" + name + "': not found (wanted one of ours)");
  }
  *response.mutable_group() = to_proto(group->second);
  for (const auto& [id, nic] : intent->nics) {
    if (std::ranges::find(nic.groups, name) != nic.groups.end()) response.add_nics(id);
  }
  // The group may have gone since the intent was looked at.
  if (const auto hits = host_.rule_hits(name); hits.ok()) {
    for (const RuleHits& one : *hits) *response.add_hits() = to_proto(one);
  }
  return ok_status();
}

void Answers::peers(v1::ListPeersResponse& response) const {
  add_peers(*keeper_.intent(), host_.report(), response);
}

void Answers::subnets(v1::ListSubnetsResponse& response) const {
  const auto intent = host_.intent();
  for (const auto& [name, subnet] : intent->subnets) *response.add_subnets() = to_proto(subnet);
}

void Answers::procedures(v1::ListProceduresResponse& response) const {
  const auto intent = host_.intent();
  for (const auto& [name, procedure] : intent->procedures) {
    *response.add_procedures() = to_proto(procedure);
  }
}

void Answers::guard(v1::ListGuardResponse& response) const {
  const auto intent = host_.intent();
  std::vector<const GuardIntent*> rules;
  for (const auto& [key, rule] : intent->guard) rules.push_back(&rule);
  std::ranges::stable_sort(rules, {}, &GuardIntent::priority);  // and by key, as the map is
  for (const GuardIntent* rule : rules) *response.add_rules() = to_proto(*rule);
  for (const RuleHits& one : host_.guard_hits()) *response.add_hits() = to_proto(one);
}

void Answers::fdb(v1::ListFdbResponse& response) const {
  for (const auto& [key, entry] : keeper_.intent()->fdb) {
    *response.add_entries() = to_proto(entry);
  }
  response.set_learnt(host_.report().fdb_entries);
}

void Answers::status(v1::GetStatusResponse& response) const {
  const auto [intent, revision] = keeper_.version();
  const HostReport report = host_.report();
  const auto up = std::chrono::steady_clock::now() - start_;
  response.set_version(BUTTERFLY_VERSION);
  response.set_generation(report.generation);
  response.set_revision(revision);
  response.set_uptime_s(
      static_cast<uint64_t>(std::chrono::duration_cast<std::chrono::seconds>(up).count()));
  response.set_nics(static_cast<uint32_t>(intent->nics.size()));
  const auto nics = host_.nic_reports();
  response.set_nics_connected(static_cast<uint32_t>(
      std::ranges::count_if(nics, [](const NicReport& nic) { return nic.connected; })));
  response.set_groups(static_cast<uint32_t>(intent->groups.size()));
  response.set_fdb_static(static_cast<uint32_t>(intent->fdb.size()));
  response.set_fdb_learnt(report.fdb_entries);
  response.set_fdb_capacity(report.fdb_capacity);
  response.set_fdb_moved(report.fdb_moved);
  response.set_fdb_held(report.fdb_held);
  response.set_fdb_not_learnt(report.fdb_not_learnt);
  response.set_buffers(report.buffers);
  response.set_buffers_used(report.buffers_used);
  response.set_hugepages(report.hugepages);
  for (const BufferUse& use : report.buffer_uses) *response.add_buffer_uses() = to_proto(use);
  *response.mutable_memory() = to_proto(report.memory);
  *response.mutable_balance() = to_proto(report.balance);
  for (const LcoreReport& lcore : report.lcores) *response.add_lcores() = to_proto(lcore);
  if (report.uplink) *response.mutable_uplink() = to_proto(*report.uplink);
  add_peers(*intent, report, response);
  for (const std::string& warning : report.warnings) response.add_warnings(warning);
}

void Answers::counters(bool drops_only, v1::GetCountersResponse& response) const {
  const CounterReport report = host_.counters();
  for (const OutReport& out : report.outs) {
    if (drops_only && (!out.drop || out.packets == 0)) continue;
    *response.add_outs() = to_proto(out);
  }
  *response.mutable_ledger() = to_proto(report.ledger);
}

}  // namespace butterfly

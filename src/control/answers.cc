// SPDX-License-Identifier: Apache-2.0
// The answers of the API, without gRPC.
#include "control/answers.h"

#include <algorithm>
#include <charconv>
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

// What the host has found out about next hops.
class PeerViews {
 public:
  explicit PeerViews(const HostReport& report) {
    for (const PeerReport& peer : report.peers) known_[peer.address] = peer;
  }
  v1::PeerView of(const PeerIntent& peer) const {
    v1::PeerView view;
    *view.mutable_peer() = to_proto(peer);
    const auto found = known_.find(peer.address);
    if (found == known_.end()) return view;
    view.set_learnt(found->second.is_learnt);
    view.set_next_hop(found->second.next_hop.to_string());
    const Mac& mac = found->second.next_hop_mac;
    if (!mac.is_zero()) view.set_next_hop_mac(mac.to_string());
    return view;
  }

  // Those of the intent, and the learnt ones that it does not name.
  SharedMap<IpAddress, PeerIntent> all(const Intent& intent) const {
    SharedMap<IpAddress, PeerIntent> peers = intent.peers;
    for (const auto& [address, peer] : known_) {
      if (!peer.is_learnt || intent.peers.contains(address)) continue;
      peers.set(address, {address, {peer.vnis.begin(), peer.vnis.end()}});
    }
    return peers;
  }

 private:
  std::map<IpAddress, PeerReport> known_;
};

Status bad_token(const std::string& list, const std::string& token) {
  return invalid(list + ": page token '" + token +
                 "' is malformed (wanted the next_page_token of an answer)");
}

// Calls `add` for the entries of a page: those behind `after`, as many as the request wants. A
// token is the last entry's key: what comes and goes meanwhile makes no page miss or repeat what
// stays.
template <typename Map, typename Request, typename Response, typename Text, typename Add>
void add_page(const Map& map, const std::optional<typename Map::key_type>& after,
              const Request& request, Response& response, const Text& text, const Add& add) {
  auto it = after ? map.lower_bound(*after) : map.begin();
  if (after && it != map.end() && it->first == *after) ++it;
  uint32_t left = request.page_size() == 0 ? UINT32_MAX : request.page_size();
  for (; it != map.end(); ++it) {
    add(it->second);
    if (--left != 0) continue;
    const std::string token = text(it->first);
    if (++it != map.end()) response.set_next_page_token(token);
    return;
  }
}

// Of lists by name: any text is a place in their order.
template <typename Map, typename Request, typename Response, typename Add>
void add_page_by_name(const Map& map, const Request& request, Response& response, const Add& add) {
  std::optional<std::string> after;
  if (!request.page_token().empty()) after = request.page_token();
  add_page(
      map, after, request, response, [](const std::string& name) { return name; }, add);
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

void Answers::nics(const v1::ListNicsRequest& request, v1::ListNicsResponse& response) const {
  const auto intent = keeper_.intent();
  const NicReports reports = reports_by_id(host_);
  const uint16_t mtu = guest_mtu_of(host_.report());
  add_page_by_name(intent->nics, request, response, [&](const NicIntent& nic) {
    *response.add_nics() = view_of(nic, reports, mtu);
  });
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

void Answers::groups(const v1::ListGroupsRequest& request, v1::ListGroupsResponse& response) const {
  const auto intent = keeper_.intent();
  add_page_by_name(intent->groups, request, response,
                   [&](const GroupIntent& group) { *response.add_groups() = to_proto(group); });
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

Status Answers::peers(const v1::ListPeersRequest& request, v1::ListPeersResponse& response) const {
  std::optional<IpAddress> after;
  if (const std::string& token = request.page_token(); !token.empty()) {
    after = IpAddress::parse(token);
    if (!after) return bad_token("peers", token);
  }
  const auto intent = keeper_.intent();
  const PeerViews views(host_.report());
  add_page(
      views.all(*intent), after, request, response,
      [](const IpAddress& address) { return address.to_string(); },
      [&](const PeerIntent& peer) { *response.add_peers() = views.of(peer); });
  return ok_status();
}

void Answers::subnets(const v1::ListSubnetsRequest& request,
                      v1::ListSubnetsResponse& response) const {
  const auto intent = keeper_.intent();
  add_page_by_name(intent->subnets, request, response,
                   [&](const SubnetIntent& subnet) { *response.add_subnets() = to_proto(subnet); });
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

Status Answers::fdb(const v1::ListFdbRequest& request, v1::ListFdbResponse& response) const {
  std::optional<std::pair<Vni, Mac>> after;
  if (const std::string& token = request.page_token(); !token.empty()) {
    const size_t slash = token.find('/');
    uint32_t vni = 0;
    const char* const end = token.data() + std::min(slash, token.size());
    const auto [stop, error] = std::from_chars(token.data(), end, vni);
    const auto mac =
        slash == std::string::npos ? std::nullopt : Mac::parse(token.substr(slash + 1));
    if (error != std::errc() || stop != end || !mac) return bad_token("fdb", token);
    after = {Vni{vni}, *mac};
  }
  const auto intent = keeper_.intent();
  add_page(
      intent->fdb, after, request, response,
      [](const std::pair<Vni, Mac>& key) {
        return std::to_string(key.first.value) + "/" + key.second.to_string();
      },
      [&](const FdbIntent& entry) { *response.add_entries() = to_proto(entry); });
  response.set_learnt(host_.report().fdb_entries);
  return ok_status();
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
  const PeerViews views(report);
  for (const auto& [address, peer] : views.all(*intent)) *response.add_peers() = views.of(peer);
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

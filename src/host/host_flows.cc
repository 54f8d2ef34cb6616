// SPDX-License-Identifier: Apache-2.0
// Connections: asked of the lcores that own them, a bounded step at a time, with bounded memory.
#include <ctime>
#include <unordered_map>

#include "host/flow_jobs.h"
#include "host/host_impl.h"

namespace butterfly {
namespace {

// Of an lcore's flows at a time: a tenth of a megabyte.
constexpr size_t kFlowsAtOnce = 512;

Status given_up() { return absl::CancelledError("connections: nobody waits for the answer"); }

std::string named(const wire::FiveTuple& tuple) { return "connection " + to_string(tuple); }

// Everything about where it belongs that can be wrong with a flow that comes with `nic`.
Status check_incoming(const Nic& nic, Vni vni, const std::vector<NicFlow>& flows) {
  const std::string object = "nic '" + nic.id + "': ";
  if (vni != nic.vni) {
    return invalid(object + "its connections are of VNI " + std::to_string(vni.value) +
                   " (wanted its own, " + std::to_string(nic.vni.value) + ")");
  }
  for (const NicFlow& flow : flows) {
    const IpAddress& own = flow.record.end(flow.role).address;
    if (!nic.may_use(own)) {
      return invalid(object + named(flow.record.tuple) + ": " + own.to_string() +
                     " is no address of it (wanted connections of its own addresses)");
    }
  }
  return ok_status();
}

// The limit that an import has run into.
std::string limit_text(Admission refusal) {
  switch (refusal) {
    case Admission::nic_flows:
      return "it would have more than nic_connections";
    case Admission::nic_half_open:
      return "it would have more than nic_half_open";
    case Admission::segment_flows:
      return "its segment would have more than segment_connections";
    default:
      return "its segment would have more than segment_half_open";
  }
}

}  // namespace

void HostImpl::do_on(LcoreRunner& lcore, LcoreJob& job) {
  const std::lock_guard one_at_a_time(jobs_mutex_);
  lcore.post(job);
  const timespec nap{0, 20'000};
  while (!lcore.has_done()) {
    if (options_.mode == IdleMode::manual) {
      lcore.serve();
    } else {
      nanosleep(&nap, nullptr);
    }
  }
}

StatusOr<FlowFilter> HostImpl::filter_of(const FlowQuery& query) const {
  FlowFilter filter = query.filter;
  filter.nic.reset();
  if (filter.role && query.nic.empty() && !filter.address) {
    return invalid("connections: a role of nobody (wanted a nic or an address with it)");
  }
  if (query.nic.empty()) return filter;
  const std::lock_guard lock(state_mutex_);
  const auto slot = state_.slots.ports.find(query.nic);
  if (!slot) return not_found("nic '" + query.nic + "': not found (wanted one of ours)");
  filter.nic = state_.snapshot.nics->find(PortId{*slot})->serial;
  return filter;
}

Status HostImpl::list_flows(const FlowQuery& query, const FlowSink& sink,
                            const std::function<bool()>& keep_going) {
  const auto filter = filter_of(query);
  if (!filter.ok()) return filter.status();
  std::vector<FlowRecord> room(kFlowsAtOnce);
  for (auto& lcore : lcores_) {
    CopyFlowsJob job(*filter, room);
    while (!job.is_at_end()) {
      if (!keep_going()) return given_up();
      do_on(*lcore, job);
      const std::vector<FlowReport> reports = describe(job.take_copied());
      if (!reports.empty() && !sink(reports)) return ok_status();
    }
  }
  return ok_status();
}

std::vector<FlowReport> HostImpl::describe(std::span<const FlowRecord> records) const {
  std::vector<FlowReport> reports;
  if (records.empty()) return reports;
  const std::lock_guard lock(state_mutex_);
  std::unordered_map<uint32_t, const Nic*> nics;  // by what a verdict keeps of the serial
  for (const auto& [id, slot] : state_.slots.ports.all()) {
    const Nic* nic = state_.snapshot.nics->find(PortId{slot});
    if (nic) nics[NicVerdict::of(nic->serial, 0).serial] = nic;
  }
  for (const FlowRecord& record : records) {
    FlowReport report{record, {}};
    for (size_t role = 0; role < report.judges.size(); ++role) {
      const NicVerdict& verdict = record.verdicts[role];
      FlowReport::Judge& judge = report.judges[role];
      judge.is_asked = verdict.serial != 0;
      const auto nic = nics.find(verdict.serial);
      if (nic == nics.end()) continue;
      judge.nic = nic->second->id;
      judge.is_current = verdict.generation >= nic->second->policy.generation;
    }
    reports.push_back(std::move(report));
  }
  return reports;
}

StatusOr<FlowCounts> HostImpl::count_flows(const FlowQuery& query,
                                           const std::function<bool()>& keep_going) {
  const auto filter = filter_of(query);
  if (!filter.ok()) return filter.status();
  FlowCounts counts;
  for (auto& lcore : lcores_) {
    CountFlowsJob job(*filter, counts);
    while (!job.is_at_end()) {
      if (!keep_going()) return given_up();
      do_on(*lcore, job);
    }
  }
  return counts;
}

StatusOr<uint64_t> HostImpl::flush_flows(const FlowQuery& query,
                                         const std::function<bool()>& keep_going) {
  const auto filter = filter_of(query);
  if (!filter.ok()) return filter.status();
  uint64_t erased = 0;
  for (auto& lcore : lcores_) {
    EraseFlowsJob job(*filter);
    while (!job.is_at_end()) {
      if (!keep_going()) return given_up();
      do_on(*lcore, job);
    }
    erased += job.erased();
  }
  return erased;
}

Status HostImpl::export_flows(const std::string& nic, const NicFlowSink& sink,
                              const std::function<bool()>& keep_going) {
  const auto own = nic_of(nic);
  if (!own.ok()) return own.status();
  FlowQuery query;
  query.nic = nic;
  const auto pass_on = [&](const std::vector<FlowReport>& reports) {
    std::vector<NicFlow> flows;
    for (const FlowReport& report : reports) {
      const Role role =
          report.judge(Role::initiator).nic == nic ? Role::initiator : Role::responder;
      // A reset one is over, and an address that the nic lost is nothing to take along.
      if (report.record.tcp.state == tcp::State::closed) continue;
      if (report.judge(role).nic != nic) continue;
      if (!(*own)->may_use(report.record.end(role).address)) continue;
      flows.push_back({report.record, role});
    }
    return sink((*own)->vni, flows);
  };
  return list_flows(query, pass_on, keep_going);
}

StatusOr<bool> HostImpl::is_guest_there(const std::string& nic) const {
  const std::lock_guard lock(state_mutex_);
  const auto found = state_.intent.nics.find(nic);
  const auto port = nic_ports_.find(nic);
  if (found == state_.intent.nics.end() || port == nic_ports_.end()) {
    return not_found("nic '" + nic + "': not found (wanted one of ours)");
  }
  if (found->second.type == NicType::tap) {
    return precondition("nic '" + nic + "': a tap's guest never goes (wanted a vhost-user nic)");
  }
  return port->second->is_connected();
}

Status HostImpl::wait_until_gone(const std::string& nic, const std::function<bool()>& keep_going) {
  const auto leave = [this](void*) { awaited_.fetch_sub(1); };
  const std::unique_ptr<void, decltype(leave)> waiting(this, leave);
  if (awaited_.fetch_add(1) >= kMaxAwaited) {
    return exhausted("connections: " + std::to_string(kMaxAwaited) +
                     " exports wait for their guests already (wanted at most so many)");
  }
  constexpr int kLooksAQuestion = 50;  // whether a caller may still ask costs more than a look
  const timespec nap{0, 1'000'000};
  for (int look = 0;; ++look) {
    const auto is_there = is_guest_there(nic);
    if (!is_there.ok()) return is_there.status();
    if (!*is_there) return ok_status();
    if (look % kLooksAQuestion == 0 && !keep_going()) return given_up();
    nanosleep(&nap, nullptr);
  }
}

StatusOr<std::shared_ptr<const Nic>> HostImpl::nic_of(const std::string& id) const {
  const std::lock_guard lock(state_mutex_);
  const auto slot = state_.slots.ports.find(id);
  if (!slot) return not_found("nic '" + id + "': not found (wanted one of ours)");
  return state_.snapshot.nics->share(PortId{*slot});
}

StatusOr<FlowImportReport> HostImpl::import_flows(const std::string& nic, Vni vni,
                                                  const std::vector<NicFlow>& flows) {
  const auto own = nic_of(nic);
  if (!own.ok()) return own.status();
  RETURN_IF_ERROR(check_incoming(**own, vni, flows));
  // By the lcore that owns them here: hosts have different seeds.
  const wire::FlowHasher hasher(seed_);
  const auto lcores = static_cast<uint16_t>(lcores_.size());
  std::vector<std::vector<IncomingFlow>> incoming(lcores);
  for (const NicFlow& flow : flows) {
    IncomingFlow in{.record = flow.record,
                    .key = {},
                    .id = {},
                    .hash = 0,
                    .initiator_is_high = false,
                    .role = flow.role};
    in.key = wire::make_flow_key(flow.record.tuple, vni, in.initiator_is_high);
    in.id = hasher.id_of(in.key, flow.record.family());
    in.hash = hasher.hash_of(in.id);
    incoming[owner_of(in.hash, lcores)].push_back(in);
  }
  const AccountKey account = (*own)->account();
  using Step = PutFlowsJob::Step;
  for (uint16_t i = 0; i < lcores; ++i) {
    const FlowAdmission& admission = lcores_[i]->admission();
    PutFlowsJob insert(incoming[i], account, admission, Step::insert);
    if (!incoming[i].empty()) do_on(*lcores_[i], insert);
    if (!insert.has_failed()) continue;
    for (uint16_t done = 0; done <= i; ++done) {
      PutFlowsJob undo(incoming[done], account, admission, Step::undo);
      if (!incoming[done].empty()) do_on(*lcores_[done], undo);
    }
    const std::string why_not =
        "nic '" + nic + "': no room for its " + std::to_string(flows.size()) + " connections: ";
    if (insert.refusal() != Admission::ok && insert.refusal() != Admission::share) {
      return exhausted(why_not + limit_text(insert.refusal()) + " (wanted fewer of them)");
    }
    return exhausted(why_not + "lcore " + std::to_string(i) + " tracks " +
                     std::to_string(lcores_[i]->report().flows) + " of at most " +
                     std::to_string(lcores_[i]->report().flow_capacity) +
                     " (wanted fewer of them, or a larger flows_per_lcore)");
  }
  FlowImportReport report;
  for (uint16_t i = 0; i < lcores; ++i) {
    PutFlowsJob merge(incoming[i], account, lcores_[i]->admission(), Step::merge);
    if (!incoming[i].empty()) do_on(*lcores_[i], merge);
    for (const IncomingFlow& flow : incoming[i]) {
      report.imported += flow.fate == IncomingFlow::Fate::inserted;
      report.renewed += flow.fate == IncomingFlow::Fate::renewed;
      report.kept += flow.fate == IncomingFlow::Fate::kept;
      report.expired += flow.fate == IncomingFlow::Fate::expired;
    }
  }
  return report;
}

}  // namespace butterfly

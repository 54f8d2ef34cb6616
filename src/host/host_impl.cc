// SPDX-License-Identifier: Apache-2.0
#include "host/host_impl.h"

#include <algorithm>

namespace butterfly {
namespace {

// Peers that stay but leave a segment. Whatever was learnt behind them is forgotten, of all their
// segments: it is learnt again at the next packet.
std::vector<PeerId> narrowed_peers(const Difference& change, const Slots& slots) {
  std::vector<PeerId> narrowed;
  for (const auto& [before, after] : change.peers) {
    if (!before || !after) continue;
    if (!std::ranges::includes(after->second.vnis, before->second.vnis)) {
      narrowed.push_back(PeerId{*slots.peers.find(after->first)});
    }
  }
  return narrowed;
}

// Segments whose last nic left.
std::vector<Vni> gone_segments(const Difference& change, const Slots& slots) {
  std::vector<Vni> gone;
  for (const auto& nic : change.nics) {
    if (nic.before && !slots.segments.find(nic.before->second.vni)) {
      gone.push_back(nic.before->second.vni);
    }
  }
  std::ranges::sort(gone);  // each once: forgetting one looks at the whole FDB
  const auto doubles = std::ranges::unique(gone);
  gone.erase(doubles.begin(), doubles.end());
  return gone;
}

}  // namespace

bool HostImpl::is_made_anew(const Changed<decltype(Intent::nics)>& nic) {
  return nic.after && (!nic.before || needs_new_port(nic.before->second, nic.after->second));
}

void PortFactory::remove(std::vector<std::unique_ptr<Port>> ports) { ports.clear(); }

StatusOr<std::unique_ptr<Host>> Host::create(HostOptions options, PacketPool& pool,
                                             PortFactory& ports) {
  auto quiescence = Quiescence::create(static_cast<uint16_t>(options.cpus.size()));
  if (!quiescence.ok()) return quiescence.status();
  auto host = std::make_unique<HostImpl>(std::move(options), pool, ports, std::move(*quiescence));
  RETURN_IF_ERROR(host->start());
  return host;
}

HostImpl::HostImpl(HostOptions options, PacketPool& pool, PortFactory& ports,
                   std::unique_ptr<Quiescence> quiescence)
    : options_(std::move(options)),
      pool_(pool),
      factory_(ports),
      quiescence_(std::move(quiescence)),
      mesh_(static_cast<uint16_t>(options_.cpus.size())),
      fragment_mesh_(static_cast<uint16_t>(options_.cpus.size())),
      seed_(options_.hash_seed ? *options_.hash_seed : wire::random_hash_seed()),
      fdb_(options_.fdb_capacity, Fdb::Limits::of(SwitchSettings()), seed_),
      intent_(std::make_shared<const Intent>()) {
  state_.snapshot.ports.resize(kMaxPorts);
  state_.snapshot.ports[kUplinkPort.value] = options_.uplink.get();
  is_balancing_ = options_.balance;
  factory_.attach(*quiescence_);
}

HostImpl::~HostImpl() {
  stop_learning();
  stop_balance();
  for (auto& lcore : lcores_) lcore->stop();
  std::vector<std::unique_ptr<Port>> ports;
  for (auto& [id, port] : nic_ports_) ports.push_back(std::move(port));
  factory_.remove(std::move(ports));  // waits for librte_vhost's thread, which may for quiescence
  views_.clear();
}

Status HostImpl::start() {
  for (uint16_t index = 0; index < options_.cpus.size(); ++index) {
    lcores_.push_back(std::make_unique<LcoreRunner>(
        index, options_.cpus[index], options_, pool_, *quiescence_, mesh_, fragment_mesh_, fdb_,
        neighbours_, claims_, strangers_, queries_, rate_limits_, flow_shares_, seed_));
  }
  state_.snapshot.vtep = options_.vtep.value_or(Vtep{});
  build_snapshot(state_, Difference{}, Intent{}, state_);
  auto views = build_views(state_, polled_ports(Difference{}, state_));
  if (!views.ok()) return views.status();
  publish(std::move(*views));
  busy_percent_.resize(lcores_.size());
  if (options_.mode != IdleMode::manual) {
    for (auto& lcore : lcores_) lcore->start();
    learner_ = std::thread([this] { learn_until_stopped(); });
    start_balance();
  }
  return ok_status();
}

Status HostImpl::check_expressions(const Intent& before, const Intent& next) {
  return compile_expressions(difference(before, next), options_.expressions.get(),
                             /*is_restored=*/false)
      .status();
}

Status HostImpl::apply(const Intent& next, bool is_restored) {
  const std::lock_guard one_at_a_time(apply_mutex_);
  const std::shared_ptr<const Intent> before = intent_;  // what the difference points into
  const Difference change = difference(*before, next);
  RETURN_IF_ERROR(validate_change(next, change));
  if (change.empty()) return ok_status();
  LearntPeers learnt = learnt_peers_;
  learnt.forget(
      next, [](const IpAddress&) { return true; }, now());
  RETURN_IF_ERROR(put_in_force(learnt.add_to(next), is_restored));
  learnt_peers_ = std::move(learnt);
  {
    const std::lock_guard lock(state_mutex_);
    intent_ = std::make_shared<const Intent>(next);
  }
  follow_learning();
  return ok_status();
}

Status HostImpl::put_in_force(const Intent& next, bool is_restored) {
  const Intent before = state_.intent;  // what the difference points into
  const Difference change = difference(before, next);
  if (change.empty()) return ok_status();

  auto expressions = compile_expressions(change, options_.expressions.get(), is_restored);
  if (!expressions.ok()) return expressions.status();

  CompiledState attempt = state_;
  note_dead_expressions(change, *expressions, attempt.dead_expressions);
  attempt.groups.expressions = *std::move(expressions);
  RETURN_IF_ERROR(
      assign_slots(next, change, options_.vtep.has_value(), state_.snapshot.vtep, attempt.slots));
  // A life that an attempt has begun is not begun again, even when the attempt comes to nothing.
  state_.slots.last_serial = attempt.slots.last_serial;
  place_nics(change, static_cast<uint16_t>(lcores_.size()), attempt.placement);
  auto fresh = make_ports(change, attempt);
  if (!fresh.ok()) return fresh.status();
  for (const auto& peer : change.peers) {
    if (!peer.after) continue;
    const IpAddress hop = next_hop_of(peer.key(), state_.snapshot.vtep);
    if (!state_.slots.neighbours.find(hop)) {
      neighbours_.claim(*attempt.slots.neighbours.find(hop), hop);
    }
  }
  build_snapshot(state_, change, next, attempt);
  for (const uint16_t slot : attempt.slots.ports.retired()) attempt.snapshot.ports[slot] = nullptr;
  for (const auto& [id, port] : *fresh) {
    attempt.snapshot.ports[*attempt.slots.ports.find(id)] = port.get();
  }
  auto views = build_views(attempt, polled_ports(change, attempt));
  if (!views.ok()) return views.status();

  // Beyond this line nothing can fail.
  publish(std::move(*views));
  drain_logs();  // while the slots of nics that go still have their names
  factory_.remove(adopt(change, std::move(attempt), std::move(*fresh)));
  follow_nics_watched();
  end_capture_of_gone();
  forget_learned(state_.slots, gone_segments(change, state_.slots),
                 narrowed_peers(change, state_.slots));
  return ok_status();
}

StatusOr<HostImpl::NicPorts> HostImpl::make_ports(const Difference& change,
                                                  const CompiledState& attempt) {
  NicPorts fresh;
  for (const auto& nic : change.nics) {
    if (!is_made_anew(nic)) continue;
    const std::string& id = nic.key();
    const NicIntent& intent = nic.after->second;
    auto port = factory_.make(intent, PortId{*attempt.slots.ports.find(id)},
                              polling_lcores(intent, attempt.placement.at(id)));
    if (!port.ok()) {
      return Status(port.status().code(),
                    "nic '" + id + "': " + std::string(port.status().message()));
    }
    fresh[id] = std::move(*port);
  }
  return fresh;
}

// The queue pairs of a nic go to lcores in turn, beginning with its own.
std::vector<uint16_t> HostImpl::polling_lcores(const NicIntent& nic, uint16_t first) const {
  std::vector<uint16_t> polling;
  for (size_t i = 0; i < std::min<size_t>(nic.queues, lcores_.size()); ++i) {
    polling.push_back(static_cast<uint16_t>((first + i) % lcores_.size()));
  }
  return polling;
}

// An lcore's poll plan says of each port where it is and which segment it is on.
HostImpl::PolledPorts HostImpl::polled_ports(const Difference& change,
                                             const CompiledState& next) const {
  PolledPorts polled(lcores_.size());
  const auto make_anew = [&](uint16_t lcore) {
    if (!polled[lcore]) polled[lcore].emplace();
  };
  for (const auto& nic : change.nics) {
    const bool stays = nic.before && !is_made_anew(nic) && nic.after;
    if (stays && nic.before->second.vni == nic.after->second.vni) continue;
    const auto make_all_anew = [&](const NicIntent& intent, const CompiledState& state) {
      const auto polling = polling_lcores(intent, state.placement.at(intent.id));
      std::ranges::for_each(polling, make_anew);
    };
    if (nic.before) make_all_anew(nic.before->second, state_);
    if (nic.after) make_all_anew(nic.after->second, next);
  }
  const auto add = [&](uint16_t lcore, PortId port) {
    if (polled[lcore]) polled[lcore]->push_back(port);
  };
  for (uint16_t lcore = 0; lcore < lcores_.size(); ++lcore) {
    if (views_.empty()) make_anew(lcore);
    if (options_.uplink) add(lcore, kUplinkPort);
  }
  const bool is_any = std::ranges::any_of(polled, [](const auto& ports) { return !!ports; });
  if (!is_any) return polled;
  for (const auto& [id, first] : next.placement) {
    const PortId port{*next.slots.ports.find(id)};
    for (const uint16_t lcore : polling_lcores(next.intent.nics.at(id), first)) add(lcore, port);
  }
  return polled;
}

StatusOr<HostImpl::Views> HostImpl::build_views(const CompiledState& state,
                                                const PolledPorts& polled) {
  const auto snapshot = std::make_shared<const Snapshot>(state.snapshot);
  Views views;
  for (size_t i = 0; i < lcores_.size(); ++i) {
    auto view = lcores_[i]->build_view(snapshot, polled[i]);
    if (!view.ok()) return view.status();
    views.push_back(std::move(*view));
  }
  return views;
}

void HostImpl::publish(Views views) {
  for (size_t i = 0; i < lcores_.size(); ++i) lcores_[i]->publish(views[i].get());
  quiescence_->wait();
  const std::lock_guard lock(state_mutex_);  // a trace may be reading node names
  views_ = std::move(views);
}

std::vector<std::unique_ptr<Port>> HostImpl::adopt(const Difference& change, CompiledState attempt,
                                                   NicPorts fresh) {
  const std::lock_guard lock(state_mutex_);
  std::vector<std::unique_ptr<Port>> leaving;
  for (const auto& nic : change.nics) {
    if (nic.before && (!nic.after || is_made_anew(nic))) {
      leaving.push_back(std::move(nic_ports_.extract(nic.key()).mapped()));
    }
  }
  for (auto& [id, port] : fresh) {
    const PortId slot{*attempt.slots.ports.find(id)};
    baselines_[slot.value] = port_totals(slot);
    nic_ports_[id] = std::move(port);
  }
  note_nics(change);
  state_ = std::move(attempt);
  // No packet carries such a slot, so that one grace period is enough.
  state_.groups.hits.free_retired([this](uint32_t slot) { return hits_at(slot); });
  return leaving;
}

void HostImpl::forget_learned(Slots& slots, const std::vector<Vni>& gone_segments,
                              const std::vector<PeerId>& narrowed) {
  const auto ports = slots.ports.retired();
  const auto peers = slots.peers.retired();
  if (ports.empty() && peers.empty() && narrowed.empty() && slots.segments.retired().empty() &&
      slots.neighbours.retired().empty() && slots.procedures.retired().empty()) {
    return;
  }
  // A packet handed over in the round before the first wait may still carry an old slot.
  quiescence_->wait();
  for (const uint16_t slot : ports) fdb_.forget_port(PortId{slot});
  for (const uint16_t slot : peers) fdb_.forget_peer(PeerId{slot});
  for (const PeerId peer : narrowed) fdb_.forget_peer(peer);
  for (const Vni vni : gone_segments) fdb_.forget_segment(vni);
  const std::lock_guard lock(state_mutex_);
  slots.ports.free_retired();
  slots.peers.free_retired();
  slots.segments.free_retired();
  slots.neighbours.free_retired();
  slots.procedures.free_retired();
}

void HostImpl::run_round(TimeMs now) {
  for (auto& lcore : lcores_) lcore->round(now);
  learn_peers();
}

}  // namespace butterfly

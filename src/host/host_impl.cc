// SPDX-License-Identifier: Apache-2.0
#include "host/host_impl.h"

#include <algorithm>

namespace butterfly {
namespace {

// Peers that stay but leave a segment. Whatever was learnt behind them is forgotten, of all their
// segments: it is learnt again at the next packet.
std::vector<PeerId> narrowed_peers(const Intent& before, const Intent& next, const Slots& slots) {
  std::vector<PeerId> narrowed;
  for (const auto& [address, peer] : before.peers) {
    const auto now = next.peers.find(address);
    if (now != next.peers.end() && !std::ranges::includes(now->second.vnis, peer.vnis)) {
      narrowed.push_back(PeerId{*slots.peers.find(address)});
    }
  }
  return narrowed;
}

}  // namespace

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
      seed_(options_.hash_seed ? *options_.hash_seed : wire::random_hash_seed()),
      fdb_(options_.fdb_capacity, options_.fdb_per_segment, options_.fdb_ageing_ms, seed_),
      intent_(std::make_shared<const Intent>()) {
  state_.snapshot.ports.resize(kMaxPorts);
  state_.snapshot.ports[kUplinkPort.value] = options_.uplink.get();
  factory_.attach(*quiescence_);
}

HostImpl::~HostImpl() {
  for (auto& lcore : lcores_) lcore->stop();
  nic_ports_.clear();  // waits for librte_vhost's thread, which may wait for quiescence
  views_.clear();
}

Status HostImpl::start() {
  for (uint16_t index = 0; index < options_.cpus.size(); ++index) {
    lcores_.push_back(std::make_unique<LcoreRunner>(index, options_.cpus[index], options_, pool_,
                                                    *quiescence_, mesh_, fdb_, neighbours_, seed_));
  }
  state_.snapshot.vtep = options_.vtep.value_or(Vtep{});
  build_snapshot(Intent{}, state_);
  auto views = build_views(state_);
  if (!views.ok()) return views.status();
  publish(std::move(*views));
  if (options_.mode != IdleMode::manual) {
    for (auto& lcore : lcores_) lcore->start();
  }
  return ok_status();
}

Status HostImpl::apply(const Intent& next) {
  const std::lock_guard one_at_a_time(apply_mutex_);
  const auto actions = plan(*intent_, next);
  if (!actions.ok()) return actions.status();
  if (actions->empty()) return ok_status();

  std::set<std::string> replaced;
  std::set<std::string> new_ports;
  for (const Action& action : *actions) {
    if (action.object != Action::Object::nic) continue;
    if (action.replaces_port) replaced.insert(action.name);
    if (action.replaces_port || action.verb == Action::Verb::add) new_ports.insert(action.name);
  }
  CompiledState attempt = state_;
  RETURN_IF_ERROR(
      assign_slots(next, replaced, options_.vtep.has_value(), state_.snapshot.vtep, attempt.slots));
  place_nics(next, replaced, static_cast<uint16_t>(lcores_.size()), attempt.placement);
  auto fresh = make_ports(next, new_ports, attempt.slots);
  if (!fresh.ok()) return fresh.status();
  for (const auto& [hop, slot] : attempt.slots.neighbours.all()) {
    if (!state_.slots.neighbours.find(hop)) neighbours_.claim(slot, hop);
  }
  build_snapshot(next, attempt);
  for (const uint16_t slot : attempt.slots.ports.retired()) attempt.snapshot.ports[slot] = nullptr;
  for (const auto& [id, port] : *fresh) {
    attempt.snapshot.ports[*attempt.slots.ports.find(id)] = port.get();
  }
  auto views = build_views(attempt);
  if (!views.ok()) return views.status();

  // Beyond this line nothing can fail.
  publish(std::move(*views));
  std::vector<Vni> gone_segments;
  for (const auto& [vni, slot] : state_.slots.segments.all()) {
    if (!attempt.slots.segments.find(vni)) gone_segments.push_back(vni);
  }
  const std::vector<PeerId> narrowed = narrowed_peers(*intent_, next, attempt.slots);
  NicPorts leaving = adopt(std::move(attempt), std::move(*fresh));
  leaving.clear();
  forget_learned(state_.slots, gone_segments, narrowed);
  return ok_status();
}

StatusOr<HostImpl::NicPorts> HostImpl::make_ports(const Intent& next,
                                                  const std::set<std::string>& wanted,
                                                  const Slots& slots) {
  NicPorts fresh;
  for (const std::string& id : wanted) {
    auto port = factory_.make(next.nics.at(id), PortId{*slots.ports.find(id)});
    if (!port.ok()) {
      return Status(port.status().code(),
                    "nic '" + id + "': " + std::string(port.status().message()));
    }
    fresh[id] = std::move(*port);
  }
  return fresh;
}

StatusOr<HostImpl::Views> HostImpl::build_views(const CompiledState& state) {
  const auto snapshot = std::make_shared<const Snapshot>(state.snapshot);
  std::vector<std::vector<PortId>> polled(lcores_.size());
  for (auto& ports : polled) {
    if (options_.uplink) ports.push_back(kUplinkPort);
  }
  for (const auto& [id, lcore] : state.placement) {
    polled[lcore].push_back(PortId{*state.slots.ports.find(id)});
  }
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

HostImpl::NicPorts HostImpl::adopt(CompiledState attempt, NicPorts fresh) {
  const std::lock_guard lock(state_mutex_);
  NicPorts leaving;
  for (auto& [id, port] : nic_ports_) {
    if (!attempt.intent.nics.contains(id) || fresh.contains(id)) leaving[id] = std::move(port);
  }
  for (const auto& [id, port] : leaving) nic_ports_.erase(id);
  for (auto& [id, port] : fresh) {
    const PortId slot{*attempt.slots.ports.find(id)};
    baselines_[slot.value] = port_totals(slot);
    nic_ports_[id] = std::move(port);
  }
  intent_ = std::make_shared<const Intent>(attempt.intent);
  state_ = std::move(attempt);
  return leaving;
}

void HostImpl::forget_learned(Slots& slots, const std::vector<Vni>& gone_segments,
                              const std::vector<PeerId>& narrowed) {
  const auto ports = slots.ports.retired();
  const auto peers = slots.peers.retired();
  if (ports.empty() && peers.empty() && narrowed.empty() && slots.segments.retired().empty() &&
      slots.neighbours.retired().empty()) {
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
}

void HostImpl::run_round(TimeMs now) {
  for (auto& lcore : lcores_) lcore->round(now);
}

}  // namespace butterfly

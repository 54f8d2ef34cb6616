// SPDX-License-Identifier: Apache-2.0
// Which MAC is where: what intent says and what was learnt; and how the latter is forgotten.
#include <algorithm>

#include "host/host_impl.h"

namespace butterfly {
namespace {

// Learnt entries told at a time.
constexpr size_t kStationsAtOnce = 512;

bool fits(const StationQuery& query, const StationReport& station) {
  if (query.learnt_only) return false;
  if (query.vni && *query.vni != station.vni) return false;
  if (query.mac && *query.mac != station.mac) return false;
  if (!query.nic.empty() && query.nic != station.nic) return false;
  return !query.peer || query.peer == station.peer;
}

// Those that intent names, by VNI and MAC: its nics', then its static entries'.
std::vector<StationReport> configured(const Intent& intent, const StationQuery& query) {
  using Kind = StationReport::Kind;
  std::vector<StationReport> stations;
  for (const auto& [id, nic] : intent.nics) {
    const StationReport station{nic.vni, nic.mac, Kind::nic, id, std::nullopt, 0, false};
    if (fits(query, station)) stations.push_back(station);
  }
  std::ranges::sort(stations, {}, [](const StationReport& station) {
    return std::pair(station.vni, station.mac.to_u64());
  });
  for (const auto& [key, entry] : intent.fdb) {
    const StationReport station{entry.vni, entry.mac, Kind::configured, "", entry.peer, 0, false};
    if (fits(query, station)) stations.push_back(station);
  }
  return stations;
}

}  // namespace

TimeMs HostImpl::now() const {
  return options_.mode == IdleMode::manual ? lcores_.front()->lcore().now() : monotonic_ms();
}

StatusOr<Fdb::Filter> HostImpl::filter_of(const StationQuery& query) const {
  if (!query.nic.empty() && query.peer) {
    return invalid("fdb: both a nic and a peer (wanted at most one of them)");
  }
  Fdb::Filter filter{.vni = query.vni, .mac = query.mac, .place = {}};
  const std::lock_guard lock(state_mutex_);
  if (!query.nic.empty()) {
    const auto slot = state_.slots.ports.find(query.nic);
    if (!slot) return not_found("nic '" + query.nic + "': not found (wanted one of ours)");
    filter.place = Place{PortId{*slot}, kNoPeer};
  }
  if (query.peer) {
    const auto slot = state_.slots.peers.find(*query.peer);
    if (!slot) {
      return not_found("peer " + query.peer->to_string() + ": not found (wanted one of ours)");
    }
    filter.place = Place{kUplinkPort, PeerId{*slot}};
  }
  return filter;
}

std::optional<StationReport> HostImpl::describe(const Fdb::Station& station) const {
  const Snapshot& snapshot = state_.snapshot;
  const Segment* segment = snapshot.segments->find(station.vni);
  if (!segment || segment->find(station.mac)) return std::nullopt;
  StationReport report{
      station.vni,    station.mac,    StationReport::Kind::learnt, "", std::nullopt,
      station.age_ms, station.is_held};
  if (station.place.port == kUplinkPort) {
    const Peer* peer = snapshot.peers->find(station.place.peer);
    if (!peer) return std::nullopt;
    report.peer = peer->address;
    return report;
  }
  const Nic* nic = snapshot.nics->find(station.place.port);
  if (!nic || nic->vni != station.vni) return std::nullopt;
  report.nic = nic->id;
  return report;
}

Status HostImpl::list_stations(const StationQuery& query, const StationSink& sink) const {
  const auto filter = filter_of(query);
  if (!filter.ok()) return filter.status();
  const std::vector<StationReport> known = configured(*intent(), query);
  if (!known.empty() && !sink(known)) return ok_status();
  std::vector<Fdb::Station> some;
  bool goes_on = true;
  const auto tell = [&] {
    std::vector<StationReport> reports;
    {
      const std::lock_guard lock(state_mutex_);
      for (const Fdb::Station& station : some) {
        if (auto report = describe(station)) reports.push_back(*std::move(report));
      }
    }
    some.clear();
    goes_on = reports.empty() || sink(reports);
  };
  fdb_.for_each(*filter, now(), [&](const Fdb::Station& station) {
    some.push_back(station);
    if (some.size() == kStationsAtOnce) tell();
    return goes_on;
  });
  if (!some.empty()) tell();
  return ok_status();
}

StatusOr<uint64_t> HostImpl::flush_fdb(const StationQuery& query) {
  const auto filter = filter_of(query);
  if (!filter.ok()) return filter.status();
  return fdb_.forget(*filter);
}

}  // namespace butterfly

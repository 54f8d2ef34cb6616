// SPDX-License-Identifier: Apache-2.0
#include "model/duel.h"

#include <algorithm>
#include <cstdlib>
#include <set>
#include <tuple>

namespace butterfly::model {
namespace {

// Whether the out is how the switch says it.
bool says(const std::string& drop, Fate fate) {
  const auto is_of_firewall = [&](const char* out) {
    return drop == std::string("firewall-from/") + out || drop == std::string("firewall-to/") + out;
  };
  switch (fate) {
    case Fate::delivered:
      return drop.empty();
    case Fate::spoofed:
      return drop == "antispoof/wrong-source-ip";
    case Fate::denied:
      return is_of_firewall("denied") || is_of_firewall("revoked");
    case Fate::no_connection:
      return is_of_firewall("no-connection");
    case Fate::other_nic:
      return is_of_firewall("other-nic");
    case Fate::error_unrelated:
      return is_of_firewall("error-unrelated");
    case Fate::redirect:
      return is_of_firewall("redirect");
    case Fate::source_quench:
      return is_of_firewall("source-quench");
    case Fate::illegal_flags:
      return drop == "record/tcp-illegal-flags";
    case Fate::mid_stream:
      return drop == "record/tcp-mid-stream";
    case Fate::outside_window:
      return drop == "record/tcp-out-of-window" || drop == "record/tcp-bad-ack";
    case Fate::bad_reset:
      return drop == "record/tcp-bad-rst";
  }
  return false;
}

// The packet as it came, or at the end of what goes through a tunnel of its segment.
bool is_sighting_of(const World& world, const scenario::Sighting& sighting, const Packet& packet) {
  const bool is_by_tunnel = is_far(packet.to);
  if (sighting.port != (is_by_tunnel ? "uplink" : world.nic_at(packet.segment, packet.to))) {
    return false;
  }
  if (is_by_tunnel) {
    constexpr size_t kVxlan = scenario::kOuterLength - sizeof(wire::VxlanHeader);
    const auto* vxlan = wire::view_at<wire::VxlanHeader>(std::span(sighting.frame), kVxlan);
    if (!vxlan || vxlan->vni() != world.vni_of(packet.segment).value) return false;
  }
  const Frame frame = world.frame_of(packet);
  const size_t in_front = is_by_tunnel ? scenario::kOuterLength : 0;
  return sighting.frame.size() == frame.size() + in_front &&
         std::equal(frame.begin(), frame.end(),
                    sighting.frame.begin() + static_cast<ptrdiff_t>(in_front));
}

// Takes out a reason that says so; false when there is none.
bool strike_off(std::vector<std::string>& drops, Fate fate) {
  const auto found =
      std::ranges::find_if(drops, [fate](const std::string& drop) { return says(drop, fate); });
  if (found == drops.end()) return false;
  drops.erase(found);
  return true;
}

}  // namespace

Duel::Tally& Duel::Tally::operator+=(const Tally& more) {
  steps += more.steps;
  packets += more.packets;
  delivered += more.delivered;
  dropped += more.dropped;
  doubtful += more.doubtful;
  impossible += more.impossible;
  for (const auto& [doubt, count] : more.doubts) doubts[doubt] += count;
  return *this;
}

std::unique_ptr<scenario::ScriptedHost> Duel::make_host(bool shortcut, uint16_t lcores) {
  HostOptions options;
  options.cpus.assign(lcores, 0);
  options.shortcut = shortcut;
  options.flow_capacity = 1024;
  options.fdb_capacity = 64;
  options.hash_seed = wire::HashSeed{{0x0123456789abcdef, 0xfedcba9876543210}};
  options.vtep = Vtep{};
  options.vtep->address = scenario::vtep_address();
  options.vtep->on_link = *Cidr::parse("192.0.2.0/24");
  options.vtep->mac = scenario::vtep_mac();
  options.vtep->mtu = 1'600;
  auto host = scenario::ScriptedHost::create(std::move(options));
  if (!host.ok()) std::abort();
  return *std::move(host);
}

Duel::Duel(const World& world, const Reference::Mistakes& mistakes)
    : world_(world),
      reference_(mistakes),
      intent_(world.first()),
      sides_{Side{"with the shortcut", make_host(true, 1), {}},
             Side{"on two lcores without the shortcut", make_host(false, 2), {}}} {
  if (apply()) std::abort();
}

std::optional<std::string> Duel::play(const Steps& steps) {
  for (const Step& step : steps) {
    if (auto difference = play(step)) return difference;
  }
  return std::nullopt;
}

std::optional<std::string> Duel::play(const Step& step) {
  ++tally_.steps;
  if (const auto* packets = std::get_if<SendPackets>(&step)) return send(packets->packets);
  if (const auto* time = std::get_if<LetPass>(&step)) {
    const uint32_t before = sides_[0].host->now();
    for (Side& side : sides_) {
      side.host->advance(time->ms);
      side.host->take_sightings();
      new_drops(side);
    }
    follow_clock(before);
    return std::nullopt;
  }
  if (const auto* flush = std::get_if<Flush>(&step)) return forget(world_.vni_of(flush->segment));
  Intent next = intent_;
  world_.change(next, step);
  if (next == intent_) return std::nullopt;
  intent_ = std::move(next);
  return apply();
}

std::optional<std::string> Duel::apply() {
  reference_.apply(intent_, now_);
  const uint32_t before = sides_[0].host->now();
  for (Side& side : sides_) {
    const Status status = side.host->apply(intent_, world_.neighbours());
    if (!status.ok()) return "intent is refused: " + status.ToString();
    side.host->take_sightings();
    new_drops(side);
  }
  follow_clock(before);
  return std::nullopt;
}

std::optional<std::string> Duel::forget(Vni vni) {
  reference_.flush(vni);
  FlowQuery query;
  query.filter.vni = vni;
  for (Side& side : sides_) {
    const auto count = side.host->host().flush_flows(query, [] { return true; });
    if (!count.ok()) return "flush is refused: " + count.status().ToString();
  }
  return std::nullopt;
}

void Duel::follow_clock(uint32_t before) {
  now_ += static_cast<uint32_t>(sides_[0].host->now()) - before;
}

std::vector<Duel::Sent> Duel::judge(const std::vector<Packet>& packets) {
  std::vector<Sent> sent;
  std::set<std::tuple<unsigned, IpAddress, IpAddress>> pairs;
  for (const Packet& packet : packets) {
    ++tally_.packets;
    const Datagram& inner = packet.quoted ? *packet.quoted : packet.datagram;
    const auto [low, high] = std::minmax(inner.source, inner.destination);
    if (!world_.is_possible(intent_, packet) || !pairs.insert({packet.segment, low, high}).second) {
      ++tally_.impossible;
      continue;
    }
    const Arrival arrival = world_.arrival_of(packet);
    if (const char* const doubt = reference_.doubt(arrival, now_)) {
      ++tally_.doubtful;
      ++tally_.doubts[doubt];
      continue;
    }
    sent.push_back({packet, reference_.judge(arrival, now_)});
    ++(sent.back().fate == Fate::delivered ? tally_.delivered : tally_.dropped);
  }
  return sent;
}

std::optional<std::string> Duel::send(const std::vector<Packet>& packets) {
  const std::vector<Sent> sent = judge(packets);
  if (sent.empty()) return std::nullopt;
  const uint32_t before = sides_[0].host->now();
  std::optional<std::string> difference;
  for (Side& side : sides_) {
    if (auto found = see(side, sent); found && !difference) difference = found;
  }
  follow_clock(before);
  return difference;
}

std::optional<std::string> Duel::see(Side& side, const std::vector<Sent>& sent) {
  for (const Sent& one : sent) {
    side.host->link(world_.port_of(one.packet))->feed(world_.fed_frame_of(one.packet));
  }
  side.host->settle();
  std::vector<scenario::Sighting> sightings = side.host->take_sightings();
  std::vector<std::string> drops;
  if (sightings.size() != sent.size()) drops = new_drops(side);
  std::string missed;
  // What was to be seen is struck off; nothing may be left.
  for (const Sent& one : sent) {
    const bool passes = one.fate == Fate::delivered;
    const bool is_seen = passes
                             ? std::erase_if(sightings,
                                             [&](const auto& sighting) {
                                               return is_sighting_of(world_, sighting, one.packet);
                                             }) == 1
                             : strike_off(drops, one.fate);
    if (!is_seen) missed += std::string(missed.empty() ? "" : ", ") + name_of(one.fate);
  }
  if (missed.empty() && sightings.empty() && drops.empty()) return std::nullopt;
  std::string seen;
  for (const auto& sighting : sightings) seen += " out of " + sighting.port;
  for (const std::string& drop : drops) seen += " " + drop;
  return "reference: " + missed + "; switch " + side.name + ":" + (seen.empty() ? " -" : seen);
}

std::vector<std::string> Duel::new_drops(Side& side) {
  const std::vector<OutReport> outs = side.host->host().counters().outs;
  side.drops.resize(outs.size());
  std::vector<std::string> drops;
  for (size_t i = 0; i < outs.size(); ++i) {
    if (!outs[i].drop || outs[i].packets == side.drops[i]) continue;
    const uint64_t count = outs[i].packets - side.drops[i];
    side.drops[i] = outs[i].packets;
    if (outs[i].node == "neighbour") continue;  // of the underlay, which lives its own life
    drops.insert(drops.end(), count, outs[i].node + "/" + outs[i].out);
  }
  return drops;
}

Status Duel::audit() const {
  for (const Side& side : sides_) RETURN_IF_ERROR(side.host->audit());
  return ok_status();
}

}  // namespace butterfly::model

// SPDX-License-Identifier: Apache-2.0
#include "model/duel.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

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

// Through a tunnel the frame as it is comes last.
bool is_end_of(const Frame& whole, const Frame& frame, size_t in_front) {
  return whole.size() == frame.size() + in_front &&
         std::equal(frame.begin(), frame.end(), whole.end() - static_cast<ptrdiff_t>(frame.size()));
}

}  // namespace

Duel::Tally& Duel::Tally::operator+=(const Tally& more) {
  steps += more.steps;
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
  if (const auto* packet = std::get_if<SendPacket>(&step)) return send(packet->packet);
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

void Duel::follow_clock(uint32_t before) {
  now_ += static_cast<uint32_t>(sides_[0].host->now()) - before;
}

std::optional<std::string> Duel::send(const Packet& packet) {
  if (!world_.is_possible(intent_, packet)) {
    ++tally_.impossible;
    return std::nullopt;
  }
  const Arrival arrival = world_.arrival_of(packet);
  if (const char* const doubt = reference_.doubt(arrival, now_)) {
    ++tally_.doubtful;
    ++tally_.doubts[doubt];
    return std::nullopt;
  }
  const Fate fate = reference_.judge(arrival, now_);
  ++(fate == Fate::delivered ? tally_.delivered : tally_.dropped);
  const uint32_t before = sides_[0].host->now();
  std::optional<std::string> difference;
  for (Side& side : sides_) {
    if (auto found = see(side, packet, fate); found && !difference) difference = found;
  }
  follow_clock(before);
  return difference;
}

std::optional<std::string> Duel::see(Side& side, const Packet& packet, Fate fate) {
  side.host->link(world_.port_of(packet))->feed(world_.fed_frame_of(packet));
  side.host->settle();
  const std::vector<scenario::Sighting> sightings = side.host->take_sightings();
  const Frame frame = world_.frame_of(packet);
  const std::string to = is_far(packet.to) ? "uplink" : world_.nic_at(packet.segment, packet.to);
  std::string seen;
  bool is_as_expected = sightings.size() == (fate == Fate::delivered ? 1 : 0);
  for (const scenario::Sighting& sighting : sightings) {
    seen += (seen.empty() ? "out of " : ", ") + sighting.port;
    const size_t in_front = is_far(packet.to) ? scenario::kOuterLength : 0;
    is_as_expected =
        is_as_expected && sighting.port == to && is_end_of(sighting.frame, frame, in_front);
  }
  std::string drop;
  if (sightings.empty() || fate != Fate::delivered) drop = new_drops(side);
  if (is_as_expected && says(drop, fate)) return std::nullopt;
  if (!drop.empty()) seen += (seen.empty() ? "" : ", ") + drop;
  return std::string("reference: ") + name_of(fate) + "; switch " + side.name + ": " +
         (seen.empty() ? "nothing" : seen);
}

std::string Duel::new_drops(Side& side) {
  const std::vector<OutReport> outs = side.host->host().counters().outs;
  side.drops.resize(outs.size());
  std::string text;
  for (size_t i = 0; i < outs.size(); ++i) {
    if (!outs[i].drop || outs[i].packets == side.drops[i]) continue;
    side.drops[i] = outs[i].packets;
    if (outs[i].node == "neighbour") continue;  // of the underlay, which lives its own life
    text += (text.empty() ? "" : ", ") + outs[i].node + "/" + outs[i].out;
  }
  return text;
}

Status Duel::audit() const {
  for (const Side& side : sides_) RETURN_IF_ERROR(side.host->audit());
  return ok_status();
}

}  // namespace butterfly::model

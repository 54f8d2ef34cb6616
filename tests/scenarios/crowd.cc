// SPDX-License-Identifier: Apache-2.0
#include "scenarios/crowd.h"

#include <algorithm>

namespace butterfly::scenario {
namespace {

constexpr Vni kVni{0xffff0e};
constexpr char kLeft[] = "crowd-left";
constexpr char kRight[] = "crowd-right";
constexpr char kGroup[] = "crowd";
constexpr Mac kLeftMac = Mac::from_u64(0x525400000005);
constexpr Mac kRightMac = Mac::from_u64(0x525400000009);
constexpr Mac kFarMac = Mac::from_u64(0x525400000077);
constexpr Ipv4 kLeftAddress{{10, 0, 0, 5}};
constexpr Ipv4 kRightAddress{{10, 0, 0, 9}};
constexpr Ipv4 kFarAddress{{10, 0, 0, 77}};
constexpr uint32_t kFrames = 31;  // with one of the scenario a whole burst

NicIntent nic(const char* id, const Mac& mac, const Ipv4& address) {
  NicIntent nic;
  nic.id = id;
  nic.mac = mac;
  nic.vni = kVni;
  nic.addresses = {address};
  nic.groups = {kGroup};
  return nic;
}

// Datagrams of several connections, and TCP of none.
Frame frame(uint32_t number, const Mac& from, const Mac& to, const Ipv4& source,
            const Ipv4& destination) {
  const Envelope envelope{from, to, source, destination, number};
  const auto port = static_cast<uint16_t>(40'000 + number % 3);
  if (number % 4 != 0) return udp_frame(envelope, port, 53, 20);
  return tcp_frame(envelope, {.source_port = port,
                              .destination_port = 22,
                              .sequence = 1001,
                              .acknowledgement = 5001,
                              .flags = wire::kTcpAck,
                              .window = 8192,
                              .length = 10});
}

bool is_of_crowd(const Sighting& sighting) {
  return sighting.port == kLeft || sighting.port == kRight;
}

}  // namespace

void Crowd::move_in(Wanted& wanted) {
  Intent& intent = wanted.intent;
  GroupIntent group;
  group.name = kGroup;
  group.rules[rule_id(RuleIntent{})] = RuleIntent{};
  for (const RuleIntent& rule : default_group_rules()) group.rules[rule_id(rule)] = rule;
  intent.groups[kGroup] = group;
  intent.nics[kLeft] = nic(kLeft, kLeftMac, kLeftAddress);
  intent.nics[kRight] = nic(kRight, kRightMac, kRightAddress);
  const auto& vtep = wanted.options.vtep;
  const bool has_tunnel = !vtep || vtep->address == IpAddress(vtep_address());
  const auto peer = intent.peers.find(IpAddress(kFarPeer));
  if (!wanted.is_far_remote || !has_tunnel || peer == intent.peers.end()) {
    intent.fdb.erase({kVni, kFarMac});
    return;
  }
  PeerIntent serves = peer->second;
  serves.vnis.insert(kVni);
  intent.peers[serves.address] = serves;
  intent.fdb[{kVni, kFarMac}] = {kVni, kFarMac, serves.address};
}

void Crowd::feed_half(ScriptedHost& host, unsigned half) {
  const bool has_tunnel = host.host().intent()->fdb.contains({kVni, kFarMac});
  for (uint32_t i = half; i < kFrames; i += 2) {
    host.link(kLeft)->feed(frame(i, kLeftMac, kRightMac, kLeftAddress, kRightAddress));
    if (!has_tunnel) continue;
    host.link("uplink")->feed(
        in_tunnel(frame(i, kFarMac, kLeftMac, kFarAddress, kLeftAddress), kVni, kFarPeer, 50'000));
  }
}

// The first time its connections may be new, the second time they are known, as they will be when
// they go with the scenario's packet.
void Crowd::measure(ScriptedHost& host) {
  std::vector<std::map<std::string, uint64_t>> counts;
  for (int i = 0; i < 3; ++i) {
    if (i != 0) {
      feed_half(host, 0);
      feed_half(host, 1);
      host.settle();
    }
    auto& now = counts.emplace_back();
    for (const OutReport& out : host.host().counters().outs) {
      now[out.node + "/" + out.out] = out.packets;
    }
  }
  for (const auto& [name, count] : counts[2]) {
    shares_[name] += count - counts[0][name] + (count - counts[1][name]);
  }
}

uint64_t Crowd::share(const std::string& counter) const {
  constexpr char kBoth[] = "firewall/";
  if (counter.starts_with(kBoth)) {
    const std::string out = counter.substr(sizeof kBoth - 2);
    return share("firewall-from" + out) + share("firewall-to" + out);
  }
  const auto found = shares_.find(counter);
  return found == shares_.end() ? 0 : found->second;
}

void Crowd::leave_out(std::vector<Sighting>& sightings) { std::erase_if(sightings, is_of_crowd); }

}  // namespace butterfly::scenario

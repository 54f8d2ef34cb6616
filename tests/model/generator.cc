// SPDX-License-Identifier: Apache-2.0
#include "model/generator.h"

namespace butterfly::model {
namespace {

constexpr unsigned kTalks = 12;

}  // namespace

Generator::Generator(uint64_t seed, const World& world) : dice_(~seed), world_(world) {
  for (unsigned i = 0; i < kTalks; ++i) talks_.push_back(make_talk());
}

Generator::Talk Generator::make_talk() {
  static constexpr uint8_t kQueries[] = {8, 8, 13, 17};
  static constexpr uint8_t kNotices[] = {9, 10, 40};
  static constexpr uint16_t kClientPorts[] = {40'000, 40'001, 80, 53, 1'024};
  static constexpr uint16_t kServerPorts[] = {80, 443, 53, 69, 1'023};
  static constexpr uint16_t kIds[] = {1, 1, 7, 255, 256, 0, 0x800, 40'000, 8, 128};
  Talk talk;
  do {
    talk.segment = dice_.below(world_.segments());
    talk.client = dice_.below(kStations);
    talk.server = dice_.below(kStations);
  } while (talk.client == talk.server || (is_far(talk.client) && is_far(talk.server)) ||
           !world_.is_inhabited(talk.segment, talk.client) ||
           !world_.is_inhabited(talk.segment, talk.server));
  talk.is_shared = !is_far(talk.client) && dice_.percent(25);
  talk.is_v4 = dice_.percent(70);
  talk.client_port = dice_.pick(kClientPorts);
  talk.server_port = dice_.pick(kServerPorts);
  talk.icmp_id = dice_.pick(kIds);
  const uint32_t kind = dice_.below(100);
  talk.protocol = kind < 58 ? kTcp : kind < 70 ? kUdp : kind < 74 ? kSctp : kGre;
  if (kind < 80) return talk;
  talk.protocol = talk.is_v4 ? kIcmp : kIcmpv6;
  talk.icmp_type = talk.is_v4 ? dice_.pick(kQueries) : uint8_t{128};
  if (talk.is_v4 && kind >= 97) talk.icmp_type = dice_.pick(kNotices);
  return talk;
}

Step Generator::next(const Reference& reference, const Intent& intent, int64_t now) {
  if (intent.nics.size() < world_.nics() && dice_.percent(5)) return bring_back(intent);
  const uint32_t chance = dice_.below(1000);
  if (chance < 45) return change();
  if (chance < 75) return let_pass(intent);
  SendPackets send;
  const uint32_t count = dice_.percent(92) ? 1 : 2 + dice_.below(4);
  while (send.packets.size() < count) {
    const Talk& talk = dice_.pick(talks_);
    const bool is_error = talk.icmp_type < 9 && dice_.percent(6);
    send.packets.push_back(is_error ? error_about(talk, reference, now)
                                    : packet_of(talk, reference, now));
  }
  return send;
}

// A nic that was taken away comes back soon.
Step Generator::bring_back(const Intent& intent) {
  unsigned nic = 0;
  while (nic + 1 < world_.nics() && intent.nics.contains(world_.nic(nic))) ++nic;
  return SetNic{nic, true};
}

Step Generator::change() {
  const auto group = dice_.below(kGroups);
  const auto nic = dice_.below(world_.nics());
  const uint32_t chance = dice_.below(100);
  if (chance < 25) return SetNic{nic, false};
  if (chance < 65) {
    const auto rules = static_cast<uint32_t>(rules_of_world().size());
    // The first two let all pass.
    const uint32_t rule = dice_.percent(40) ? dice_.below(2) : dice_.below(rules);
    return SetRule{group, rule, dice_.percent(60)};
  }
  if (chance < 80) {
    return SetMember{group, dice_.below(kStations + 1), dice_.percent(60), dice_.percent(50)};
  }
  if (chance < 84) return SetAddress{nic, dice_.percent(60), dice_.percent(70)};
  if (chance < 90)
    return SetGroupsOfNic{nic, dice_.percent(70) ? 1 + 2 * dice_.below(8) : dice_.below(16)};
  if (chance < 92) return Flush{dice_.below(world_.segments())};
  if (chance < 95) return SetGroup{group, dice_.percent(75)};
  return set_knob();
}

Step Generator::set_knob() {
  static constexpr Knob kSwitches[] = {Knob::revalidate, Knob::tcp_loose, Knob::allow_redirects};
  if (dice_.percent(60)) return SetKnob{dice_.pick(kSwitches), dice_.below(2)};
  const Knob knob = knob_at(dice_.below(static_cast<uint32_t>(Knob::revalidate)));
  return SetKnob{knob, world_.first().firewall[knob] * (1 + dice_.below(2))};
}

Step Generator::let_pass(const Intent& intent) {
  const uint32_t chance = dice_.below(100);
  if (chance < 40) return LetPass{1 + dice_.below(100)};
  if (chance < 70) return LetPass{1 + dice_.below(4000)};
  const Knob knob = knob_at(dice_.below(static_cast<uint32_t>(Knob::revalidate)));
  const uint32_t timeout = intent.firewall[knob] * 1000;
  return LetPass{dice_.percent(50) ? timeout - 30 - dice_.below(200) : timeout + dice_.below(60)};
}

Datagram Generator::datagram_of(const Talk& talk, bool from_client) const {
  Datagram datagram;
  const IpAddress client = address_of(talk.is_shared ? kSharedAddress : talk.client, talk.is_v4);
  const IpAddress server = address_of(talk.server, talk.is_v4);
  datagram.source = from_client ? client : server;
  datagram.destination = from_client ? server : client;
  datagram.protocol = talk.protocol;
  if (talk.protocol == kTcp || talk.protocol == kUdp || talk.protocol == kSctp) {
    datagram.source_port = from_client ? talk.client_port : talk.server_port;
    datagram.destination_port = from_client ? talk.server_port : talk.client_port;
  }
  if (!datagram.is_icmp()) return datagram;
  datagram.icmp_id = talk.icmp_id;
  datagram.icmp_type = talk.icmp_type;
  // The server answers.
  if (!from_client && talk.icmp_type == 8) datagram.icmp_type = 0;
  if (!from_client && talk.icmp_type > 10) ++datagram.icmp_type;
  return datagram;
}

// A shared address is now and then where another nic is.
unsigned Generator::station_of_client(const Talk& talk) {
  if (!talk.is_shared || dice_.percent(85)) return talk.client;
  const unsigned other = dice_.below(kMaxNics);
  const bool fits = other != talk.server && world_.is_inhabited(talk.segment, other);
  return fits ? other : talk.client;
}

Packet Generator::packet_of(const Talk& talk, const Reference& reference, int64_t now) {
  bool from_client = dice_.percent(55);
  const Vni vni = world_.vni_of(talk.segment);
  Datagram datagram = datagram_of(talk, from_client);
  if (talk.protocol == kTcp) {
    const TcpReference* const tcp = reference.tcp_of(vni, datagram, now);
    if ((!tcp || tcp->is_over()) && !from_client && dice_.percent(85)) {
      from_client = true;
      datagram = datagram_of(talk, true);
    }
    datagram.tcp = segment(tcp, tcp && reference.is_by_initiator(vni, datagram));
  } else if (datagram.is_icmp() && !from_client && dice_.percent(15)) {
    datagram.icmp_type = talk.icmp_type;  // the server asks, with the same id
  }
  Packet packet;
  packet.segment = talk.segment;
  const unsigned client = station_of_client(talk);
  packet.from = from_client ? client : talk.server;
  packet.to = from_client ? talk.server : client;
  if (!is_far(packet.from) && dice_.percent(1)) {
    datagram.source = address_of(dice_.below(kStations), talk.is_v4);
  }
  packet.datagram = datagram;
  return packet;
}

Packet Generator::error_about(const Talk& talk, const Reference& reference, int64_t now) {
  static constexpr uint8_t kErrors4[] = {3, 3, 11, 12, 5, 4};
  static constexpr uint8_t kErrors6[] = {1, 2, 3, 4};
  const bool from_client = dice_.percent(60);
  const Vni vni = world_.vni_of(talk.segment);
  Packet packet;
  packet.segment = talk.segment;
  Datagram& quoted = packet.quoted.emplace(datagram_of(talk, from_client));
  const TcpReference* const tcp =
      talk.protocol == kTcp ? reference.tcp_of(vni, quoted, now) : nullptr;
  if (tcp) {
    const TcpReference::Side& side = tcp->side(reference.is_by_initiator(vni, quoted));
    quoted.tcp.sequence = static_cast<uint32_t>(
        dice_.percent(70) ? side.end : around(side.end, dice_.percent(70) ? 3'000 : 1 << 28));
    quoted.tcp.flags = kAck;
  }
  packet.to = from_client ? talk.client : talk.server;
  packet.from = from_client ? talk.server : talk.client;
  if (dice_.percent(20)) packet.from = dice_.below(kStations);
  if (dice_.percent(5)) packet.to = dice_.below(kStations);
  Datagram& error = packet.datagram;
  error.source = address_of(packet.from, talk.is_v4);
  error.destination = dice_.percent(95) ? quoted.source : address_of(packet.to, talk.is_v4);
  error.protocol = talk.is_v4 ? kIcmp : kIcmpv6;
  error.icmp_type = talk.is_v4 ? dice_.pick(kErrors4) : dice_.pick(kErrors6);
  return packet;
}

}  // namespace butterfly::model

// SPDX-License-Identifier: Apache-2.0
#include "scenarios/random_traffic.h"

#include <algorithm>

#include "wire/parse.h"

namespace butterfly::scenario {
namespace {

constexpr uint32_t kTalks = 24;
constexpr uint32_t kBusy = 6;
constexpr uint16_t kServicePorts[] = {80, 80, 443, 53, 8};
// How long before and after its time a station may be forgotten by one host and not by the other.
constexpr uint32_t kEarlyMs = 4'500;
constexpr uint32_t kLateMs = 2'500;

Mac mac_at(const Frame& frame, size_t offset) {
  Mac mac;
  if (frame.size() >= offset + sizeof mac) {
    std::copy_n(frame.begin() + static_cast<ptrdiff_t>(offset), sizeof mac, mac.bytes.begin());
  }
  return mac;
}

void put_mac(Frame& frame, size_t offset, const Mac& mac) {
  if (frame.size() < offset + sizeof mac) return;
  std::ranges::copy(mac.bytes, frame.begin() + static_cast<ptrdiff_t>(offset));
}

}  // namespace

RandomTraffic::RandomTraffic(Dice& dice, TwinHosts& hosts, uint32_t ageing_ms)
    : dice_(dice), hosts_(hosts), ageing_ms_(ageing_ms) {
  for (unsigned tenant = 0; tenant < std::size(kVnis); ++tenant) {
    for (unsigned number = 0; number < kStations; ++number) {
      Station station{tenant, number, station_mac(number), {}};
      if (number < kNics) station.place.nic = nic_name(tenant, number);
      if (number == kNestedStation) station.place.nic = nic_name(tenant, kNics - 1);
      if (number >= kNics) station.place.peer = (number - kNics) % kPeers;
      stations_.push_back(station);
      for (const Vni vni : kVnis) hosts_.watch(vni, station.mac);
    }
  }
  renew();
}

void RandomTraffic::renew() {
  talks_.clear();
  for (uint32_t i = 0; i < kTalks; ++i) talks_.push_back(make_talk());
}

void RandomTraffic::follow(const Intent& intent) {
  intent_ = intent;
  ways_.clear();
  heard_.clear();  // who was dropped before may be learnt now
  for (Station& station : stations_) {
    const auto nic = intent.nics.find(station.place.nic);
    if (station.number < kNics && nic != intent.nics.end() && dice_.percent(80)) {
      station.mac = nic->second.mac;
    }
    const auto fixed = intent.fdb.find({kVnis[station.tenant], station.mac});
    if (station.number < kNics || fixed == intent.fdb.end() || dice_.percent(20)) continue;
    for (unsigned peer = 0; peer < kPeers; ++peer) {
      if (IpAddress(peer_address(peer)) == fixed->second.peer) station.place = {"", peer};
    }
  }
}

void RandomTraffic::wander() {
  Station& station = dice_.pick(stations_);
  if (station.number < kNics) {
    hosts_.set_connected(station.place.nic, dice_.percent(80));
    hosts_.set_longest(station.place.nic, dice_.percent(80) ? ScriptedLink::kNoLimit : 1'000);
    hosts_.set_offloads(
        station.place.nic,
        {.checksum = dice_.percent(50), .tso4 = dice_.percent(50), .tso6 = dice_.percent(50)});
    return;
  }
  if (is_configured(kVnis[station.tenant], station.mac) && dice_.percent(70)) return;
  station.place = any_place();
  if (!station.place.nic.empty()) {
    station.place.nic = nic_name(station.tenant, dice_.percent(80) ? kNics - 1 : 0);
  }
}

RandomTraffic::Place RandomTraffic::any_place() {
  if (dice_.percent(60)) return {"", dice_.below(kPeers)};
  return {nic_name(dice_.below(std::size(kVnis)), dice_.below(kNics)), 0};
}

RandomTraffic::Talk RandomTraffic::make_talk() {
  const uint32_t chance = dice_.below(100);
  Talk talk{.tcp = RandomTcp(dice_)};
  talk.kind = chance < 65   ? Kind::tcp
              : chance < 85 ? Kind::udp
              : chance < 95 ? Kind::echo
                            : Kind::bare;
  talk.is_v4 = dice_.percent(70);
  const unsigned tenant = dice_.below(std::size(kVnis)) * kStations;
  talk.client = tenant + dice_.below(kStations);
  // One end at least is on this host, and not both behind the same nic.
  do {
    talk.server = tenant + dice_.below(talk.client % kStations < kNics ? kStations : kNics);
  } while (stations_[talk.server].place.nic == stations_[talk.client].place.nic);
  talk.is_shared = talk.server % kStations < 2 && dice_.percent(20);
  // Few ports, so that connections of several tenants, and of both shared nics, have the same.
  talk.client_port = static_cast<uint16_t>(8 + dice_.below(12));
  talk.server_port = dice_.pick(kServicePorts);
  if (dice_.percent(30)) talk.offloads = dice_.percent(50) ? 100 : 50;
  return talk;
}

Envelope RandomTraffic::envelope_of(const Talk& talk, bool from_client) {
  const Station& client = stations_[talk.client];
  const Station& server = stations_[talk.server];
  const IpAddress client_address = station_address(client.number, talk.is_v4);
  const IpAddress server_address =
      talk.is_shared ? shared_address(talk.is_v4) : station_address(server.number, talk.is_v4);
  ++number_;
  if (from_client) return {client.mac, server.mac, client_address, server_address, number_};
  return {server.mac, client.mac, server_address, client_address, number_};
}

Frame RandomTraffic::frame_of(const Talk& talk, const TcpSegment& segment) {
  const bool out = segment.from_client;
  return tcp_frame(envelope_of(talk, out),
                   {.source_port = out ? talk.client_port : talk.server_port,
                    .destination_port = out ? talk.server_port : talk.client_port,
                    .sequence = segment.sequence,
                    .acknowledgement = segment.acknowledgement,
                    .flags = segment.flags,
                    .window = segment.window,
                    .scale = segment.scale,
                    .length = segment.length});
}

Frame RandomTraffic::frame_of(const Talk& talk, bool from_client) {
  const Envelope envelope = envelope_of(talk, from_client);
  const auto length = static_cast<uint16_t>(dice_.below(dice_.percent(98) ? 200 : 1'600));
  if (talk.kind == Kind::echo) return echo_frame(envelope, from_client, talk.client_port, length);
  if (talk.kind == Kind::bare) return bare_frame(envelope, 47, length);
  return udp_frame(envelope, from_client ? talk.client_port : talk.server_port,
                   from_client ? talk.server_port : talk.client_port, length);
}

void RandomTraffic::talk_once(Talk& talk, bool from_client, bool hostile) {
  Frame frame;
  const bool is_opening = talk.kind == Kind::tcp && talk.tcp.is_opening();
  if (talk.kind == Kind::tcp) {
    const TcpSegment segment = talk.tcp.next(from_client, hostile);
    from_client = segment.from_client;
    frame = frame_of(talk, segment);
  } else {
    frame = frame_of(talk, from_client);
  }
  const Frame copy = frame;
  send_from(stations_[from_client ? talk.client : talk.server], std::move(frame), hostile,
            requests_for(talk, hostile));
  if (hostile && dice_.percent(3)) send_error(talk, copy, from_client);
  // A step of a handshake is answered when it has arrived, or else comes too early.
  if (is_opening && dice_.percent(hostile ? 80 : 97)) settle();
}

// One side speaks for a while, as the other's answers would be on their way meanwhile.
void RandomTraffic::turn(Talk& talk, bool hostile) {
  const bool from_client = dice_.percent(50);
  for (uint32_t left = 1 + dice_.below(8); left > 0; --left) {
    talk_once(talk, from_client != (hostile && dice_.percent(10)), hostile);
  }
}

void RandomTraffic::burst(bool hostile, bool to_the_end) {
  wait_until_ageing_is_clear();
  burst_times_.push_back(hosts_.now());
  for (uint32_t left = 1 + dice_.below(8); left > 0; --left) {
    // A few connections are busy for a while, then others.
    if (dice_.percent(5)) first_busy_ = dice_.below(kTalks);
    const bool is_busy = dice_.percent(80);
    Talk& talk =
        talks_[is_busy ? (first_busy_ + dice_.below(kBusy)) % kTalks : dice_.below(kTalks)];
    if (dice_.percent(hostile ? 4 : 1)) talk = make_talk();
    turn(talk, hostile);
    if (dice_.percent(hostile ? 30 : 3)) send_oddity();
  }
  if (to_the_end) settle();
}

// An error about a packet, from who received it or from anybody else.
void RandomTraffic::send_error(const Talk& talk, const Frame& about, bool from_client) {
  const Envelope envelope = envelope_of(talk, !from_client);
  const uint16_t mtu = dice_.percent(50) ? 1'300 : 0;
  const Station& honest = stations_[from_client ? talk.server : talk.client];
  send_from(dice_.percent(70) ? honest : dice_.pick(stations_), error_frame(envelope, about, mtu),
            false);
}

// What is not part of a connection.
void RandomTraffic::send_oddity() {
  const Station& station = dice_.pick(stations_);
  const Station& other = dice_.pick(stations_);
  const bool is_v4 = dice_.percent(60);
  Envelope envelope{station.mac, other.mac, station_address(station.number, is_v4),
                    station_address(other.number, is_v4), ++number_};
  switch (dice_.below(6)) {
    case 0:
      envelope.to = Mac::broadcast();
      [[fallthrough]];
    case 1:
      envelope.source = station_address(station.number, true);
      envelope.destination = station_address(other.number, true);
      return send_from(station, arp_frame(envelope, dice_.percent(50)), false);
    case 2:
      envelope.to = Mac::broadcast();
      return send_from(station, udp_frame(envelope, 9, 53, 20), false);
    case 3: {  // DHCP, from a client or a server, shouted or not
      const bool from_client = dice_.percent(60);
      const uint16_t client = is_v4 ? 68 : 546;
      const uint16_t server = is_v4 ? 67 : 547;
      if (is_v4 && dice_.percent(50)) {
        envelope.to = Mac::broadcast();
        envelope.source = Ipv4{};
        envelope.destination = Ipv4{{255, 255, 255, 255}};
      }
      return send_from(
          station,
          udp_frame(envelope, from_client ? client : server, from_client ? server : client, 50),
          false);
    }
    case 4:
      return send_from(station, udp_frame(envelope, 9, 53, 1'500), false);
    default:
      return send_from(station, echo_frame(envelope, dice_.percent(50), 8, 30), false);
  }
}

// Makes of an honest frame one that is damaged, tagged or from or for somebody else.
void RandomTraffic::spoil(Frame& frame) {
  switch (dice_.below(8)) {
    case 0:
      return put_mac(frame, 0, station_mac(dice_.below(kStations + 1)));
    case 1:
      return put_mac(frame, 6, station_mac(dice_.below(kStations + 1)));
    case 2:
      return put_mac(frame, 0, Mac::broadcast());
    case 3:
      return add_vlan_tag(frame, static_cast<uint16_t>(dice_.below(4)));
    case 4:
      return frame.resize(dice_.below(static_cast<uint32_t>(frame.size())));
    case 5:
      return add_extension(frame);
    case 6:  // padding that belongs to no packet
      return frame.resize(frame.size() + 1 + dice_.below(40));
    default:
      if (frame.size() > 20) frame[15] = static_cast<uint8_t>(dice_.word());  // DSCP
  }
}

ScriptedLink::Requests RandomTraffic::requests_for(const Talk& talk, bool hostile) {
  ScriptedLink::Requests requests;
  requests.checksum = dice_.percent(talk.offloads);
  if (requests.checksum && dice_.percent(40)) {
    requests.segment_size = static_cast<uint16_t>(hostile ? dice_.below(200) : 100);
  }
  return requests;
}

void RandomTraffic::send_from(const Station& station, Frame frame, bool hostile,
                              const ScriptedLink::Requests& requests) {
  Vni vni = kVnis[station.tenant];
  Place place = station.place;
  if (hostile && dice_.percent(5)) spoil(frame);
  if (hostile && dice_.percent(4)) place = any_place();
  if (hostile && dice_.percent(3)) vni = dice_.pick(kVnis);
  send(place, vni, frame, requests);
}

Vni RandomTraffic::vni_at(const Place& place, Vni wanted) const {
  const auto nic = intent_.nics.find(place.nic);
  return nic == intent_.nics.end() ? wanted : nic->second.vni;
}

bool RandomTraffic::is_configured(Vni vni, const Mac& mac) const {
  if (intent_.fdb.contains({vni, mac})) return true;
  return std::ranges::any_of(intent_.nics, [&](const auto& entry) {
    return entry.second.vni == vni && entry.second.mac == mac;
  });
}

void RandomTraffic::send(const Place& place, Vni vni, const Frame& frame,
                         const ScriptedLink::Requests& requests) {
  const bool is_local = !place.nic.empty();
  if (is_local && !intent_.nics.contains(place.nic)) return;
  vni = vni_at(place, vni);
  const Mac mac = mac_at(frame, sizeof(Mac));
  const auto [heard, is_new] = heard_.try_emplace({vni, mac}, place);
  const bool moves = (is_new || !(heard->second == place)) && !is_configured(vni, mac);
  heard->second = place;
  if (moves) settle();
  keep_apart(place, vni, frame);
  if (is_local) {
    hosts_.feed(place.nic, frame, requests);
  } else {
    hosts_.feed("uplink", in_tunnel(frame, vni, peer_address(place.peer), 50'000));
  }
  if (moves) settle();
}

void RandomTraffic::keep_apart(const Place& place, Vni vni, const Frame& frame) {
  wire::Parsed parsed;
  const auto length = static_cast<uint32_t>(frame.size());
  if (wire::parse_frame(frame, length, vni, parsed) != wire::ParseError::none) return;
  const bool is_error = parsed.kind == wire::FrameKind::icmp_error;
  if (parsed.kind != wire::FrameKind::flow && !is_error) return;
  const size_t words = parsed.family == wire::Family::v4 ? 2 : 5;
  const std::vector<uint64_t> key(parsed.key.words, parsed.key.words + words);
  const std::string way = place.nic + std::to_string(place.peer) + (is_error ? "e" : "") +
                          (parsed.source_is_high ? ">" : "<") +
                          std::string(frame.begin(), frame.begin() + 2 * sizeof(Mac));
  const auto [known, is_new] = ways_.try_emplace(key, way);
  if (is_new || known->second == way) return;
  settle();
  ways_[key] = way;
}

void RandomTraffic::settle() {
  hosts_.settle();
  ways_.clear();
}

void RandomTraffic::wait_until_ageing_is_clear() {
  const auto is_unclear = [this](TimeMs then) {
    const uint32_t age = age_ms(hosts_.now(), then);
    return age > ageing_ms_ - kEarlyMs && age < ageing_ms_ + kLateMs;
  };
  std::erase_if(burst_times_,
                [this](TimeMs then) { return age_ms(hosts_.now(), then) > 2 * ageing_ms_; });
  while (std::ranges::any_of(burst_times_, is_unclear)) hosts_.advance(kEarlyMs + kLateMs);
}

}  // namespace butterfly::scenario

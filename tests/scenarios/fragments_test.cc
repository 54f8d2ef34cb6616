// SPDX-License-Identifier: Apache-2.0
// A datagram in fragments has the fate that it has whole (decision record 0013), however it is cut
// and in whichever order the pieces come, some of them twice: the same conversations go whole
// through one host and in pieces through another.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <map>

#include "scenarios/dice.h"
#include "scenarios/frames.h"
#include "scenarios/random_tenants.h"
#include "scenarios/scripted_host.h"
#include "wire/headers.h"

namespace butterfly::scenario {
namespace {

constexpr Vni kVni{7};
constexpr int kDatagrams = 200;
constexpr size_t kIp = sizeof(wire::EthernetHeader);
constexpr size_t kV4Payload = kIp + sizeof(wire::Ipv4Header);
constexpr size_t kV6Payload = kIp + sizeof(wire::Ipv6Header);

// Stations 0 and 1 are nics of ours, 2 is behind a peer.
constexpr unsigned kStations = 3;
std::string port_of(unsigned station) { return station == 2 ? "uplink" : nic_name(0, station); }

std::unique_ptr<ScriptedHost> make_host() {
  HostOptions options;
  options.cpus = {0};
  options.flow_capacity = 1024;
  options.fdb_capacity = 1024;
  options.vtep = Vtep{};
  options.vtep->address = vtep_address();
  options.vtep->on_link = *Cidr::parse("192.0.2.0/24");
  options.vtep->mac = vtep_mac();
  options.vtep->mtu = 1600;
  auto host = ScriptedHost::create(std::move(options));
  if (!host.ok()) std::abort();
  return *std::move(host);
}

Intent random_intent(Dice& dice) {
  Intent intent;
  GroupIntent& group = intent.groups["g"];
  group.name = "g";
  const uint8_t protocols[] = {wire::kProtoUdp, wire::kProtoTcp, wire::kProtoIcmp,
                               wire::kProtoIcmpv6, 47};
  for (const RuleDirection direction : {RuleDirection::ingress, RuleDirection::egress}) {
    for (const uint8_t protocol : protocols) {
      if (dice.percent(35)) continue;
      RuleIntent rule;
      rule.direction = direction;
      rule.protocol = protocol;
      if (protocol == wire::kProtoUdp && dice.percent(60)) {
        rule.first_port = 1000;
        rule.last_port = 1001;
      }
      group.rules[rule_id(rule)] = rule;
    }
  }
  for (unsigned station = 0; station < 2; ++station) {
    NicIntent nic;
    nic.id = nic_name(0, station);
    nic.mac = station_mac(station);
    nic.vni = kVni;
    nic.addresses = {station_address(station, true), station_address(station, false)};
    nic.groups = {"g"};
    intent.nics[nic.id] = nic;
  }
  intent.peers[peer_address(0)] = {peer_address(0), {kVni}};
  intent.fdb[{kVni, station_mac(2)}] = {kVni, station_mac(2), peer_address(0)};
  return intent;
}

bool is_v4(const Frame& frame) {
  return wire::view_at<wire::EthernetHeader>(std::span(frame), 0)->type == wire::kTypeIpv4;
}

// Bytes that the first piece must have: less is refused as tiny.
size_t transport_length(uint8_t protocol) { return protocol == wire::kProtoTcp ? 24 : 8; }

struct Piece {
  size_t offset;
  size_t length;
  bool more;
};

Frame piece_of(const Frame& frame, uint32_t number, uint8_t protocol, const Piece& piece) {
  const size_t payload = is_v4(frame) ? kV4Payload : kV6Payload;
  Frame cut(frame.begin(), frame.begin() + static_cast<long>(payload));
  const auto word = static_cast<uint16_t>(piece.offset);
  if (is_v4(frame)) {
    auto* ip = reinterpret_cast<wire::Ipv4Header*>(&cut[kIp]);
    ip->id = static_cast<uint16_t>(number);
    ip->fragment = static_cast<uint16_t>(word / 8 | (piece.more ? 0x2000 : 0));
    ip->total_length = static_cast<uint16_t>(sizeof *ip + piece.length);
  } else {
    auto* ip = reinterpret_cast<wire::Ipv6Header*>(&cut[kIp]);
    ip->next_header = 44;
    ip->payload_length = static_cast<uint16_t>(8 + piece.length);
    const uint16_t offset_and_more = static_cast<uint16_t>(word | (piece.more ? 1 : 0));
    const uint8_t header[] = {protocol,
                              0,
                              static_cast<uint8_t>(offset_and_more >> 8),
                              static_cast<uint8_t>(offset_and_more),
                              static_cast<uint8_t>(number >> 24),
                              static_cast<uint8_t>(number >> 16),
                              static_cast<uint8_t>(number >> 8),
                              static_cast<uint8_t>(number)};
    cut.insert(cut.end(), std::begin(header), std::end(header));
  }
  const auto from = frame.begin() + static_cast<long>(payload + piece.offset);
  cut.insert(cut.end(), from, from + static_cast<long>(piece.length));
  return cut;
}

// Cut at random into two to five pieces; one alone when there is nothing to cut.
std::vector<Frame> cut(Dice& dice, const Frame& frame, uint32_t number, uint8_t protocol) {
  const size_t length = frame.size() - (is_v4(frame) ? kV4Payload : kV6Payload);
  std::vector<size_t> ends;
  const size_t least = transport_length(protocol);
  for (uint32_t cuts = 1 + dice.below(4); cuts > 0 && length > least + 8; --cuts) {
    const size_t end = (least + dice.below(static_cast<uint32_t>(length - least))) / 8 * 8;
    if (end >= least && end < length) ends.push_back(end);
  }
  if (ends.empty()) return {frame};
  ends.push_back(length);
  std::ranges::sort(ends);
  ends.erase(std::unique(ends.begin(), ends.end()), ends.end());
  std::vector<Frame> pieces;
  size_t begin = 0;
  for (const size_t end : ends) {
    pieces.push_back(piece_of(frame, number, protocol, {begin, end - begin, end != length}));
    begin = end;
  }
  return pieces;
}

// The payload of the datagram that these are all of; empty when they are nothing, or not all.
std::vector<uint8_t> joined(const std::vector<Frame>& frames) {
  std::map<size_t, std::vector<uint8_t>> parts;
  size_t whole = 0;
  for (const Frame& frame : frames) {
    size_t payload = kV6Payload;
    size_t offset = 0;
    bool more = false;
    if (is_v4(frame)) {
      const auto* ip = wire::view_at<wire::Ipv4Header>(std::span(frame), kIp);
      payload = kV4Payload;
      offset = static_cast<size_t>(ip->fragment & 0x1fff) * 8;
      more = (ip->fragment & 0x2000) != 0;
    } else if (wire::view_at<wire::Ipv6Header>(std::span(frame), kIp)->next_header == 44) {
      offset = static_cast<size_t>(frame[payload + 2]) << 8 | (frame[payload + 3] & 0xf8);
      more = (frame[payload + 3] & 1) != 0;
      payload += 8;
    }
    const auto from = frame.begin() + static_cast<long>(payload);
    parts[offset] = {from, frame.end()};
    if (!more) whole = offset + parts[offset].size();
  }
  std::vector<uint8_t> bytes;
  for (const auto& [offset, part] : parts) {
    if (offset != bytes.size()) return {};
    bytes.insert(bytes.end(), part.begin(), part.end());
  }
  return bytes.size() == whole ? bytes : std::vector<uint8_t>();
}

class Conversations {
 public:
  explicit Conversations(uint64_t seed)
      : dice_(seed), whole_(make_host()), pieces_(make_host()), intent_(random_intent(dice_)) {}

  void run() {
    for (const auto& host : {whole_.get(), pieces_.get()}) {
      ASSERT_EQ(host->apply(intent_, underlay_neighbours()), ok_status());
    }
    for (int i = 0; i < kDatagrams && !::testing::Test::HasFailure(); ++i) one();
  }
  int delivered = 0;
  int refused = 0;

 private:
  void one() {
    const unsigned from = dice_.below(kStations);
    const unsigned to = (from + 1 + dice_.below(kStations - 1)) % kStations;
    const bool v4 = dice_.percent(50);
    const Envelope envelope{station_mac(from), station_mac(to), station_address(from, v4),
                            station_address(to, v4), ++number_};
    const auto length = static_cast<uint16_t>(16 + dice_.below(1300));
    uint8_t protocol = wire::kProtoUdp;
    Frame frame;
    switch (dice_.below(4)) {
      case 0:
        protocol = v4 ? wire::kProtoIcmp : wire::kProtoIcmpv6;
        frame =
            echo_frame(envelope, dice_.percent(60), static_cast<uint16_t>(dice_.below(3)), length);
        break;
      case 1:
        protocol = 47;
        frame = bare_frame(envelope, protocol, length);
        break;
      case 2:
        protocol = wire::kProtoTcp;
        frame = tcp_frame(envelope, tcp_fields(length));
        break;
      default:
        frame = udp_frame(envelope, port(), port(), length);
    }
    const auto want = send(*whole_, from, to, {frame}, /*pauses=*/false);
    std::vector<Frame> pieces = cut(dice_, frame, number_, protocol);
    for (size_t i = pieces.size(); i > 1; --i) {
      std::swap(pieces[i - 1], pieces[dice_.below(static_cast<uint32_t>(i))]);
    }
    if (pieces.size() > 1 && dice_.percent(20)) pieces.push_back(dice_.pick(pieces));
    const auto got = send(*pieces_, from, to, pieces, dice_.percent(50));
    EXPECT_EQ(got, want) << "datagram " << number_ << " of protocol " << int{protocol} << ", "
                         << length << " bytes in " << pieces.size() << " pieces, IPv"
                         << (v4 ? 4 : 6) << " from " << port_of(from) << " to " << port_of(to);
    ++(want.empty() ? refused : delivered);
  }

  // A handshake now and then, and segments that fit its windows or do not.
  TcpFields tcp_fields(uint16_t length) {
    TcpFields fields;
    fields.source_port = port();
    fields.destination_port = port();
    fields.window = 8000;
    const uint32_t kind = dice_.below(4);
    fields.flags = kind == 0   ? wire::kTcpSyn
                   : kind == 1 ? static_cast<uint8_t>(wire::kTcpSyn | wire::kTcpAck)
                               : wire::kTcpAck;
    fields.sequence = kind < 2 ? 100 : 101 + dice_.below(2) * 20'000;
    fields.acknowledgement = kind == 0 ? 0 : 101;
    fields.length = kind < 2 ? 0 : length;
    return fields;
  }
  uint16_t port() { return static_cast<uint16_t>(1000 + dice_.below(3)); }

  std::vector<uint8_t> send(ScriptedHost& host, unsigned from, unsigned to,
                            const std::vector<Frame>& frames, bool pauses) {
    for (const Frame& frame : frames) {
      host.link(port_of(from))
          ->feed(from == 2 ? in_tunnel(frame, kVni, peer_address(0), 50'000) : frame);
      if (pauses) host.settle();
    }
    host.settle();
    std::vector<Frame> out;
    for (Sighting& sighting : host.take_sightings()) {
      if (sighting.port != port_of(to)) continue;
      if (to == 2) {
        sighting.frame.erase(sighting.frame.begin(),
                             sighting.frame.begin() + static_cast<long>(kOuterLength));
      }
      out.push_back(std::move(sighting.frame));
    }
    return joined(out);
  }

  Dice dice_;
  std::unique_ptr<ScriptedHost> whole_;
  std::unique_ptr<ScriptedHost> pieces_;
  Intent intent_;
  uint32_t number_ = 0;
};

TEST(FragmentsTest, ADatagramInPiecesHasTheFateThatItHasWhole) {
  int delivered = 0;
  int refused = 0;
  for (uint64_t seed = 1; seed <= 200; ++seed) {
    SCOPED_TRACE("seed " + std::to_string(seed));
    Conversations conversations(seed);
    conversations.run();
    if (::testing::Test::HasFailure()) return;
    delivered += conversations.delivered;
    refused += conversations.refused;
  }
  EXPECT_GT(delivered, 400) << "too few to prove anything";
  EXPECT_GT(refused, 400);
}

}  // namespace
}  // namespace butterfly::scenario

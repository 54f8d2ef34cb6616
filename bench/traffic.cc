// SPDX-License-Identifier: Apache-2.0
#include "bench/traffic.h"

#include <cstring>
#include <string>

#include "support/packet_text.h"
#include "wire/checksum.h"

namespace butterfly::bench {
namespace {

constexpr size_t kTunnel = sizeof(wire::EthernetHeader) + sizeof(wire::Ipv4Header) +
                           sizeof(wire::UdpHeader) + sizeof(wire::VxlanHeader);
constexpr uint32_t kPayload = 6;
// First sequence numbers of the guest and of the remote guests.
constexpr uint32_t kGuestFirst = 1'000;
constexpr uint32_t kRemoteFirst = 5'000;
constexpr uint16_t kService = 80;
constexpr uint32_t kClientPorts = 20'000;  // and up

std::string tcp_text(Step step) {
  // Windows of 8 MB: data may run far ahead of its acknowledgements, which never come.
  switch (step) {
    case Step::syn:
      return "tcp(flags=S, win=65535, mss=1460, wscale=7)";
    case Step::syn_ack:
      return "tcp(flags=SA, win=65535, mss=1460, wscale=7)";
    case Step::ack:
      return "tcp(flags=A, win=65535)";
    default:
      return "tcp(flags=A, win=65535)/payload(len=" + std::to_string(kPayload) + ")";
  }
}

std::string text_of(Place from, wire::Family family, Step step) {
  const std::string ip = family == wire::Family::v4 ? "ipv4(df=1)/" : "ipv6/";
  const std::string inner = "eth/" + ip + tcp_text(step);
  if (from == Place::guest) return inner;
  return "eth(dst=02:00:00:00:00:01)/ipv4(dst=" + IpAddress(vtep_address()).to_string() +
         ")/udp(sport=50000, dport=4789, checksum=0)/vxlan(vni=" + std::to_string(kTenant.value) +
         ")/" + inner;
}

void store_checksum(wire::Ipv4Header& header) {
  header.checksum = 0;
  header.checksum = wire::checksum_finish(
      wire::checksum_add({reinterpret_cast<const uint8_t*>(&header), sizeof header}));
}

}  // namespace

Traffic::Traffic(wire::Family family) : family_(family) {
  for (const Place from : {Place::guest, Place::wire}) {
    for (const Step step : {Step::syn, Step::syn_ack, Step::ack, Step::data}) {
      frames_[static_cast<size_t>(from)][static_cast<size_t>(step)] =
          test::bytes_of(text_of(from, family, step));
    }
  }
}

void Traffic::write(Packet& packet, Place from, Step step, uint32_t flow) {
  const Frame& frame = frames_[static_cast<size_t>(from)][static_cast<size_t>(step)];
  std::memcpy(rte_pktmbuf_append(&packet, static_cast<uint16_t>(frame.size())), frame.data(),
              frame.size());
  std::span<uint8_t> bytes = packet.bytes();
  if (from == Place::wire) {
    auto* outer = wire::view_at<wire::Ipv4Header>(bytes, wire::kEthernetHeaderLen);
    outer->source = peer_address(flow % kRemoteGuests % kPeers);
    store_checksum(*outer);
    bytes = bytes.subspan(kTunnel);
  }
  const size_t l4 = patch_addresses(bytes, from, flow);
  patch_tcp(*wire::view_at<wire::TcpHeader>(bytes, l4), from, step, flow);
}

// The last 16 bits of the remote address and the client's port name the connection.
size_t Traffic::patch_addresses(std::span<uint8_t> frame, Place from, uint32_t flow) const {
  const bool is_guest = from == Place::guest;
  auto* eth = wire::view_at<wire::EthernetHeader>(frame, 0);
  (is_guest ? eth->source : eth->destination) = guest_mac();
  (is_guest ? eth->destination : eth->source) = remote_mac(flow % kRemoteGuests);
  const auto high = static_cast<uint8_t>(flow >> 8);
  const auto low = static_cast<uint8_t>(flow);
  if (family_ == wire::Family::v4) {
    auto* ip = wire::view_at<wire::Ipv4Header>(frame, wire::kEthernetHeaderLen);
    (is_guest ? ip->source : ip->destination) = Ipv4{{10, 0, 0, 1}};
    (is_guest ? ip->destination : ip->source) = Ipv4{{10, 1, high, low}};
    store_checksum(*ip);
    return wire::kEthernetHeaderLen + sizeof *ip;
  }
  auto* ip = wire::view_at<wire::Ipv6Header>(frame, wire::kEthernetHeaderLen);
  Ipv6 address{{0xfd}};
  address.bytes[15] = 1;
  (is_guest ? ip->source : ip->destination) = address;
  address.bytes[13] = 1;
  address.bytes[14] = high;
  address.bytes[15] = low;
  (is_guest ? ip->destination : ip->source) = address;
  return wire::kEthernetHeaderLen + sizeof *ip;
}

void Traffic::patch_tcp(wire::TcpHeader& tcp, Place from, Step step, uint32_t flow) {
  const bool is_client = step == Step::syn || (step != Step::syn_ack && from == Place::guest);
  const auto client_port = static_cast<uint16_t>(kClientPorts + (flow >> 16));
  tcp.source_port = is_client ? client_port : kService;
  tcp.destination_port = is_client ? kService : client_port;
  const uint32_t first = from == Place::guest ? kGuestFirst : kRemoteFirst;
  const uint32_t other_first = from == Place::guest ? kRemoteFirst : kGuestFirst;
  tcp.acknowledgement = step == Step::syn ? 0 : other_first + 1;
  tcp.sequence = first;
  if (step == Step::ack) tcp.sequence = first + 1;
  if (step == Step::data) {
    tcp.sequence = first + 1 + data_bytes_;
    data_bytes_ += kPayload;
  }
}

}  // namespace butterfly::bench

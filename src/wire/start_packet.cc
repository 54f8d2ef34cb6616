// SPDX-License-Identifier: Apache-2.0
#include "wire/start_packet.h"

#include <cstring>

#include "wire/headers.h"

namespace butterfly::wire {
namespace {

constexpr uint8_t kHopLimit = 64;  // as hosts send

// Writes header after header.
class Writer {
 public:
  explicit Writer(std::array<uint8_t, kMaxStartPacket>& room) : room_(room) { room_.fill(0); }
  template <typename Header>
  void add(const Header& header) {
    std::memcpy(room_.data() + length_, &header, sizeof header);
    length_ += sizeof header;
  }
  void skip(size_t count) { length_ += count; }
  size_t length() const { return length_; }

 private:
  std::array<uint8_t, kMaxStartPacket>& room_;
  size_t length_ = 0;
};

void add_transport(Writer& writer, const FiveTuple& tuple, uint8_t icmp_type, uint8_t icmp_code) {
  switch (tuple.protocol) {
    case kProtoTcp: {
      TcpHeader tcp{};
      tcp.source_port = tuple.source.port;
      tcp.destination_port = tuple.destination.port;
      tcp.data_offset = 5 << 4;
      tcp.flags = kTcpSyn;
      writer.add(tcp);
      break;
    }
    case kProtoUdp: {
      UdpHeader udp{};
      udp.source_port = tuple.source.port;
      udp.destination_port = tuple.destination.port;
      udp.length = sizeof udp;
      writer.add(udp);
      break;
    }
    case kProtoSctp: {
      struct {
        be16 source_port, destination_port;
        be32 tag, checksum;
      } sctp{};
      sctp.source_port = tuple.source.port;
      sctp.destination_port = tuple.destination.port;
      writer.add(sctp);
      break;
    }
    case kProtoIcmp:
    case kProtoIcmpv6: {
      IcmpHeader icmp{};
      icmp.type = icmp_type;
      icmp.code = icmp_code;
      icmp.id = tuple.source.port;
      writer.add(icmp);
      break;
    }
    default:
      break;
  }
}

}  // namespace

std::span<const uint8_t> write_start_packet(const FiveTuple& tuple, Family family,
                                            uint8_t icmp_type, uint8_t icmp_code,
                                            std::array<uint8_t, kMaxStartPacket>& room) {
  const size_t header = family == Family::v4 ? sizeof(Ipv4Header) : sizeof(Ipv6Header);
  Writer writer(room);
  writer.skip(header);
  add_transport(writer, tuple, icmp_type, icmp_code);
  if (family == Family::v4) {
    Ipv4Header ip{};
    ip.version_ihl = 0x45;
    ip.total_length = static_cast<uint16_t>(writer.length());
    ip.ttl = kHopLimit;
    ip.protocol = tuple.protocol;
    ip.source = tuple.source.address.v4();
    ip.destination = tuple.destination.address.v4();
    std::memcpy(room.data(), &ip, sizeof ip);
  } else {
    Ipv6Header ip{};
    ip.version_class_flow = 6u << 28;
    ip.payload_length = static_cast<uint16_t>(writer.length() - header);
    ip.next_header = tuple.protocol;
    ip.hop_limit = kHopLimit;
    ip.source = tuple.source.address.v6();
    ip.destination = tuple.destination.address.v6();
    std::memcpy(room.data(), &ip, sizeof ip);
  }
  return {room.data(), writer.length()};
}

}  // namespace butterfly::wire

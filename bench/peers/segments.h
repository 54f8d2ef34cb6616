// SPDX-License-Identifier: Apache-2.0
// Writes TCP segments of numbered flows: as the guest sends them, or as the wire brings them (in
// VXLAN, RFC 7348, when the network is tunnelled). Checksums are right, as switches that track
// connections check them.
#pragma once

#include <immintrin.h>

#include <array>
#include <cstdint>

#include "bench/peers/network.h"
#include "wire/headers.h"

namespace butterfly::peers {

enum class SegmentKind : uint8_t {
  syn,              // offers a window scale of 14, selective acknowledgements, an MSS
  syn_ack,          // likewise
  acknowledgement,  // no data, a window of 1 GiB
  data,
};

// Bytes that VXLAN over IPv4 adds in front of a frame.
inline constexpr uint16_t kTunnelBytes = sizeof(wire::EthernetHeader) + sizeof(wire::Ipv4Header) +
                                         sizeof(wire::UdpHeader) + sizeof(wire::VxlanHeader);
// Room that write() wants, whatever the frame's length.
inline constexpr uint16_t kWriteRoom = 192;

struct SegmentShape {
  Direction direction = Direction::from_guest;
  wire::Family family = wire::Family::v4;
  SegmentKind kind = SegmentKind::data;
  uint16_t length = 64;  // data: bytes of the (inner) frame, at least least_length()
};

// The shortest data frame: headers and the time stamp.
constexpr uint16_t least_length(wire::Family family) {
  return family == wire::Family::v4 ? 58 : 78;
}

// Where a data segment's time stamp lies, from the start of the (inner) frame.
constexpr uint16_t stamp_offset(wire::Family family) {
  return family == wire::Family::v4 ? 54 : 74;
}

class SegmentWriter {
 public:
  // REQUIRES: a data frame is at least least_length() long.
  SegmentWriter(const Network& network, const SegmentShape& shape);

  // Of the whole frame, tunnel included.
  uint16_t length() const { return length_; }
  // Bytes by which it moves its flow's sequence on (data only).
  uint16_t payload() const { return payload_; }

  // Writes headers, time stamp and the first bytes of payload, zeros.
  // REQUIRES: kWriteRoom bytes at `frame`; behind these all are zero.
  void write(uint8_t* frame, uint32_t flow, uint32_t sequence, uint32_t acknowledgement,
             uint32_t stamp) const noexcept {
    for (unsigned block = 0; block < blocks_; ++block) {
      _mm256_storeu_si256(
          reinterpret_cast<__m256i*>(frame) + block,
          _mm256_load_si256(reinterpret_cast<const __m256i*>(bytes_.data()) + block));
    }
    const FlowFields fields = fields_of(flow);
    uint8_t* inner = frame + inner_;
    if (has_far_mac_) inner[far_mac_] = static_cast<uint8_t>(fields.far);
    inner[far_host_] = static_cast<uint8_t>(kFirstFarHost + fields.far);
    if (is_v4_) put(inner + kIpv4Checksum, finish(ip_sum_ + fields.far));
    uint8_t* tcp = inner + tcp_;
    put(tcp + guest_port_, fields.guest_port);
    put(tcp + (2 - guest_port_), fields.far_port);
    put(tcp + 4, static_cast<uint16_t>(sequence >> 16));
    put(tcp + 6, static_cast<uint16_t>(sequence));
    put(tcp + 8, static_cast<uint16_t>(acknowledgement >> 16));
    put(tcp + 10, static_cast<uint16_t>(acknowledgement));
    uint64_t sum = tcp_sum_ + fields.far + fields.guest_port + fields.far_port +
                   words_of(sequence) + words_of(acknowledgement);
    if (has_stamp_) {
      put(tcp + sizeof(wire::TcpHeader), static_cast<uint16_t>(stamp >> 16));
      put(tcp + sizeof(wire::TcpHeader) + 2, static_cast<uint16_t>(stamp));
      sum += words_of(stamp);
    }
    put(tcp + 16, finish(sum));
    if (inner_ != 0) put(frame + kUdpSource, entropy_of(flow));
  }

 private:
  static constexpr uint16_t kIpv4Checksum = 24;  // in the inner frame
  static constexpr uint16_t kUdpSource = 34;     // in the outer one

  static void put(uint8_t* at, uint16_t value) {
    const uint16_t raw = __builtin_bswap16(value);
    __builtin_memcpy(at, &raw, sizeof raw);
  }
  static uint64_t words_of(uint32_t value) { return (value >> 16) + (value & 0xffff); }
  static uint16_t finish(uint64_t sum) {
    sum = (sum >> 16) + (sum & 0xffff);
    sum += sum >> 16;
    return static_cast<uint16_t>(~sum);
  }
  // RFC 7348 §5: the source port from a hash of the inner flow, of the dynamic ones.
  static uint16_t entropy_of(uint32_t flow) {
    return static_cast<uint16_t>(0xc000 | (flow * 0x9e3779b1U) >> 18);
  }

  void write_tunnel(const Network& network);
  void write_inner(const Network& network, const SegmentShape& shape);
  uint16_t write_tcp(const SegmentShape& shape, uint8_t* tcp) const;

  alignas(32) std::array<uint8_t, kWriteRoom> bytes_{};
  unsigned blocks_ = 0;  // of 32 bytes: how much of bytes_ a frame needs
  uint16_t length_ = 0;
  uint16_t payload_ = 0;
  uint16_t inner_ = 0;  // offsets: of the inner frame in the frame; of the rest in the inner frame
  uint16_t far_mac_ = 0;
  uint16_t far_host_ = 0;
  uint16_t tcp_ = 0;
  uint16_t guest_port_ = 0;  // in the TCP header
  bool is_v4_ = false;
  bool has_far_mac_ = false;
  bool has_stamp_ = false;
  uint64_t ip_sum_ = 0;  // of what is the same in every frame
  uint64_t tcp_sum_ = 0;
};

}  // namespace butterfly::peers

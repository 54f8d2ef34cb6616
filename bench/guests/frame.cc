// SPDX-License-Identifier: Apache-2.0
#include "bench/guests/frame.h"

#include <cstring>

namespace butterfly::guests {
namespace {

constexpr uint16_t kIpv4 = 14;
constexpr uint16_t kUdp = kIpv4 + 20;
constexpr uint16_t kFlowsAPort = 50'000;

void put16(uint8_t* at, uint32_t value) {
  at[0] = static_cast<uint8_t>(value >> 8);
  at[1] = static_cast<uint8_t>(value);
}

void put32(uint8_t* at, uint32_t value) {
  put16(at, value >> 16);
  put16(at + 2, value & 0xffff);
}

void put_mac(uint8_t* at, uint16_t guest) {
  put32(at, kMacPrefix);
  put16(at + 4, guest);
}

}  // namespace

void write_frame(uint8_t* frame, uint16_t from, const Traffic& traffic) {
  std::memset(frame, 0, traffic.length);
  put_mac(frame + kDestinationMac, traffic.to);
  if (traffic.kind == Kind::broadcast) std::memset(frame + kDestinationMac, 0xff, 6);
  put_mac(frame + kSourceMac, from);
  put16(frame + 12, 0x0800);
  uint8_t* ip = frame + kIpv4;
  const uint16_t ip_length = traffic.length - kIpv4;
  ip[0] = 0x45;
  put16(ip + 2, ip_length);
  ip[8] = 64;  // hops
  ip[9] = 17;  // UDP
  put32(ip + 12, kAddressPrefix | from);
  put32(ip + 16, traffic.kind == Kind::broadcast ? 0xffffffff : kAddressPrefix | traffic.to);
  uint32_t sum = 0;
  for (int i = 0; i < 20; i += 2) sum += static_cast<uint32_t>(ip[i]) << 8 | ip[i + 1];
  sum = (sum & 0xffff) + (sum >> 16);
  put16(ip + 10, ~(sum + (sum >> 16)));
  put16(frame + kUdp + 4, ip_length - 20u);  // without a checksum: RFC 768
  set_ports(frame, 0);
}

void set_ports(uint8_t* frame, uint32_t flow) {
  put16(frame + kUdp, kFirstPort + flow % kFlowsAPort);
  put16(frame + kUdp + 2, kFirstPort + flow / kFlowsAPort % kFlowsAPort);
}

void set_stranger(uint8_t* mac, uint32_t number) {
  put16(mac, 0x0200);
  put32(mac + 2, number * 0x9e3779b1U);
}

uint16_t sender_of(const uint8_t* frame) {
  const uint8_t* mac = frame + kSourceMac;
  uint32_t prefix = 0;
  std::memcpy(&prefix, mac, sizeof prefix);
  if (__builtin_bswap32(prefix) != kMacPrefix) return kNobody;
  return static_cast<uint16_t>(mac[4] << 8 | mac[5]);
}

}  // namespace butterfly::guests

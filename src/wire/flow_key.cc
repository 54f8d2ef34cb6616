// SPDX-License-Identifier: Apache-2.0
#include "wire/flow_key.h"

#include <emmintrin.h>
#include <sys/random.h>

#include <cassert>
#include <cstring>
#include <utility>

#include "wire/headers.h"

namespace butterfly::wire {
namespace {

uint64_t make_tail(uint16_t low_port, uint16_t high_port, uint8_t protocol, Vni vni) {
  return static_cast<uint64_t>(low_port) | static_cast<uint64_t>(high_port) << 16 |
         static_cast<uint64_t>(protocol) << 32 | static_cast<uint64_t>(vni.value) << 40;
}

constexpr uint16_t kHighAsks = 0x8000;

bool is_icmp(uint8_t protocol, Family family) {
  return protocol == (family == Family::v4 ? kProtoIcmp : kProtoIcmpv6);
}

std::string protocol_name(uint8_t protocol) {
  switch (protocol) {
    case kProtoTcp:
      return "tcp";
    case kProtoUdp:
      return "udp";
    case kProtoSctp:
      return "sctp";
    case kProtoIcmp:
      return "icmp";
    case kProtoIcmpv6:
      return "icmpv6";
    default:
      return "protocol " + std::to_string(protocol);
  }
}

std::string with_port(const Endpoint& end) {
  const std::string address = end.address.to_string();
  return (end.address.is_v4() ? address : "[" + address + "]") + ":" + std::to_string(end.port);
}

}  // namespace

std::string to_string(const FiveTuple& t) {
  const std::string name = protocol_name(t.protocol) + " ";
  if (t.protocol == kProtoTcp || t.protocol == kProtoUdp || t.protocol == kProtoSctp) {
    return name + with_port(t.source) + " > " + with_port(t.destination);
  }
  const bool has_id = t.protocol == kProtoIcmp || t.protocol == kProtoIcmpv6;
  return name + t.source.address.to_string() + " > " + t.destination.address.to_string() +
         (has_id ? " id " + std::to_string((t.is_answer ? t.destination : t.source).port) : "");
}

FlowKey make_flow_key(const FiveTuple& tuple, Vni vni, bool& source_is_high) {
  const Family family = tuple.source.address.is_v4() ? Family::v4 : Family::v6;
  uint64_t tail;
  if (is_icmp(tuple.protocol, family)) {
    const auto order = tuple.source.address <=> tuple.destination.address;
    source_is_high = order == 0 ? tuple.is_answer : order > 0;
    const Endpoint& asking = tuple.is_answer ? tuple.destination : tuple.source;
    const Endpoint& asked = tuple.is_answer ? tuple.source : tuple.destination;
    const bool high_asks = source_is_high != tuple.is_answer;
    tail = make_tail(asking.port, (asked.port & 0xff) | (high_asks ? kHighAsks : 0), tuple.protocol,
                     vni);
  } else {
    source_is_high = tuple.destination < tuple.source;
    const uint16_t source = tuple.source.port;
    const uint16_t destination = tuple.destination.port;
    tail = source_is_high ? make_tail(destination, source, tuple.protocol, vni)
                          : make_tail(source, destination, tuple.protocol, vni);
  }
  const Endpoint& low = source_is_high ? tuple.destination : tuple.source;
  const Endpoint& high = source_is_high ? tuple.source : tuple.destination;
  FlowKey key{};
  if (family == Family::v4) {
    std::memcpy(&key.words[0], low.address.bytes().data() + 12, 4);
    std::memcpy(reinterpret_cast<uint8_t*>(&key.words[0]) + 4, high.address.bytes().data() + 12, 4);
    key.words[1] = tail;
  } else {
    std::memcpy(&key.words[0], low.address.bytes().data(), 16);
    std::memcpy(&key.words[2], high.address.bytes().data(), 16);
    key.words[4] = tail;
  }
  return key;
}

FiveTuple five_tuple_of(const FlowKey& key, Family family, bool from_high) {
  FiveTuple tuple;
  Endpoint& low = from_high ? tuple.destination : tuple.source;
  Endpoint& high = from_high ? tuple.source : tuple.destination;
  if (family == Family::v4) {
    Ipv4 a;
    Ipv4 b;
    std::memcpy(a.bytes.data(), &key.words[0], 4);
    std::memcpy(b.bytes.data(), reinterpret_cast<const uint8_t*>(&key.words[0]) + 4, 4);
    low.address = a;
    high.address = b;
  } else {
    Ipv6 a;
    Ipv6 b;
    std::memcpy(a.bytes.data(), &key.words[0], 16);
    std::memcpy(b.bytes.data(), &key.words[2], 16);
    low.address = a;
    high.address = b;
  }
  const uint64_t tail = key.tail(family);
  low.port = static_cast<uint16_t>(tail);
  high.port = static_cast<uint16_t>(tail >> 16);
  tuple.protocol = static_cast<uint8_t>(tail >> 32);
  if (is_icmp(tuple.protocol, family)) {
    const bool high_asks = (high.port & kHighAsks) != 0;
    tuple.is_answer = from_high != high_asks;
    high.port &= 0xff;
    if (high_asks) std::swap(low.port, high.port);
  }
  return tuple;
}

HashSeed random_hash_seed() {
  HashSeed seed{};
  // Up to 256 bytes come whole once the kernel's generator is up, which it is long before us.
  [[maybe_unused]] const ssize_t got = getrandom(&seed, sizeof seed, 0);
  assert(got == sizeof seed);
  return seed;
}

}  // namespace butterfly::wire

// SPDX-License-Identifier: Apache-2.0
#include "wire/router_advertisement.h"

#include "wire/dhcp.h"

namespace butterfly::wire {
namespace {

constexpr uint8_t kHopLimit = 64;
constexpr uint8_t kManaged = 0x80;
constexpr uint8_t kOther = 0x40;
constexpr uint8_t kOnLink = 0x80;
constexpr uint8_t kAutonomous = 0x40;
constexpr uint8_t kPrefix = 3;
constexpr uint8_t kMtu = 5;
constexpr uint8_t kDnsServers = 25;
constexpr uint8_t kDomains = 31;
constexpr size_t kUnit = 8;

class Message {
 public:
  void put8(uint8_t value) { bytes_.push_back(value); }
  void put16(uint16_t value) {
    put8(static_cast<uint8_t>(value >> 8));
    put8(static_cast<uint8_t>(value));
  }
  void put32(uint32_t value) {
    put16(static_cast<uint16_t>(value >> 16));
    put16(static_cast<uint16_t>(value));
  }
  void put(std::span<const uint8_t> value) {
    bytes_.insert(bytes_.end(), value.begin(), value.end());
  }
  // An option with `length` bytes behind type and length, padded to whole units.
  void begin_option(uint8_t type, size_t length) {
    put8(type);
    put8(static_cast<uint8_t>((length + 2 + kUnit - 1) / kUnit));
  }
  void pad() { bytes_.resize((bytes_.size() + kUnit - 1) / kUnit * kUnit); }
  std::vector<uint8_t> take() { return std::move(bytes_); }

 private:
  std::vector<uint8_t> bytes_;
};

void add_prefix(const RouterAdvertisement& from, Message& message) {
  message.begin_option(kPrefix, 30);
  message.put8(from.prefix_length);
  message.put8(static_cast<uint8_t>((from.is_on_link ? kOnLink : 0) |
                                    (from.is_autonomous ? kAutonomous : 0)));
  message.put32(from.prefix_lifetime_s);
  message.put32(from.prefix_lifetime_s);
  message.put32(0);
  message.put(from.prefix.bytes);
}

void add_dns(const RouterAdvertisement& from, Message& message) {
  if (!from.dns.empty()) {
    message.begin_option(kDnsServers, 6 + sizeof(Ipv6) * from.dns.size());
    message.put16(0);
    message.put32(from.dns_lifetime_s);
    for (const Ipv6& server : from.dns) message.put(server.bytes);
  }
  if (!from.domains.empty()) {
    std::vector<uint8_t> names;
    for (const std::string& domain : from.domains) append_domain(domain, names);
    message.begin_option(kDomains, 6 + names.size());
    message.put16(0);
    message.put32(from.dns_lifetime_s);
    message.put(names);
    message.pad();
  }
}

}  // namespace

std::vector<uint8_t> make_router_advertisement(const RouterAdvertisement& advertisement) {
  Message message;
  message.put8(kIcmpv6RouterAdvertisement);
  message.put8(0);
  message.put16(0);
  message.put8(kHopLimit);
  message.put8(static_cast<uint8_t>((advertisement.is_managed ? kManaged : 0) |
                                    (advertisement.has_other ? kOther : 0)));
  message.put16(advertisement.router_lifetime_s);
  message.put32(0);  // reachable time and retransmission timer: the guest's own
  message.put32(0);
  if (advertisement.mtu != 0) {
    message.begin_option(kMtu, 6);
    message.put16(0);
    message.put32(advertisement.mtu);
  }
  add_prefix(advertisement, message);
  add_dns(advertisement, message);
  return message.take();
}

}  // namespace butterfly::wire

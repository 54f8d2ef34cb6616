// SPDX-License-Identifier: Apache-2.0
// DHCPv6 messages, read and written as a server of single addresses does.
// Sources: RFC 8415 §7, §8, §16, §18.3, §21 (messages, options), 3646 (DNS).
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "wire/headers.h"

namespace butterfly::wire {

inline constexpr uint16_t kDhcp6ServerPort = 547;
inline constexpr uint16_t kDhcp6ClientPort = 546;
// All relay agents and servers: where clients send everything.
inline constexpr Ipv6 kDhcp6Servers{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2}};

enum class Dhcp6Type : uint8_t {
  solicit = 1,
  advertise = 2,
  request = 3,
  confirm = 4,
  renew = 5,
  rebind = 6,
  reply = 7,
  release = 8,
  decline = 9,
  information_request = 11,
  relay_forward = 12,
};

enum class Dhcp6Status : uint16_t {
  success = 0,
  no_addresses = 2,
  no_binding = 3,
  not_on_link = 4,
  no_prefixes = 6,
};

// What a client wants addresses or prefixes for.
struct Dhcp6Association {
  enum class Kind : uint16_t { address = 3, temporary = 4, prefix = 25 };
  static constexpr size_t kMaxAddresses = 2;

  Kind kind;
  uint32_t id;
  uint8_t address_count;
  std::array<Ipv6, kMaxAddresses> addresses;  // that the client names; further ones are not kept
};

// Who is meant by an identifier, with its length.
struct Dhcp6Identifier {
  static constexpr size_t kMaxLength = 130;  // RFC 8415 §11.1

  uint8_t length;  // 0: none
  std::array<uint8_t, kMaxLength> bytes;

  std::span<const uint8_t> all() const { return std::span(bytes).first(length); }
};

// What a server needs of a client's message, as a copy.
struct Dhcp6Request {
  static constexpr size_t kMaxAssociations = 4;

  Dhcp6Type type;
  uint32_t transaction;  // 24 bits
  Dhcp6Identifier client;
  Dhcp6Identifier server;
  bool rapid_commit;
  uint8_t association_count;
  std::array<Dhcp6Association, kMaxAssociations> associations;  // further ones are not kept
};

// False for what breaks off, or has an option of a length that it cannot have. A relay's message is
// read no further than its type.
bool read_dhcp6_request(std::span<const uint8_t> message, Dhcp6Request& request);

// The answers to `request`, of one server.
class Dhcp6Writer {
 public:
  // REQUIRES: room for kMaxBytes and the options.
  Dhcp6Writer(Dhcp6Type type, const Dhcp6Request& request, std::span<const uint8_t> server,
              std::span<uint8_t> out);

  struct Lifetimes {
    uint32_t preferred_s;
    uint32_t valid_s;
  };
  void add_status(Dhcp6Status status);
  void add_rapid_commit();
  // An association of the request, with what the next calls add to it, until it is closed.
  void open(const Dhcp6Association& association, uint32_t renew_s, uint32_t rebind_s);
  void add_address(const Ipv6& address, Lifetimes lifetimes);
  void close();
  void add_options(std::span<const uint8_t> options);

  size_t size() const { return at_; }

  // Without the options: header and both identifiers, rapid commit, a status, and each association
  // with one more address than it may name, or a status.
  static constexpr size_t kMaxBytes =
      4 + 2 * (4 + Dhcp6Identifier::kMaxLength) + 4 + 6 +
      Dhcp6Request::kMaxAssociations * (16 + (Dhcp6Association::kMaxAddresses + 1) * 28 + 6);

 private:
  void put16(uint16_t value);
  void put32(uint32_t value);
  void put(std::span<const uint8_t> bytes);
  void put_option(uint16_t option, std::span<const uint8_t> value);

  std::span<uint8_t> out_;
  size_t at_ = 0;
  size_t opened_ = 0;  // where the open association begins
};

// Options in their wire form (RFC 3646), made by the control side; none for an empty list.
// REQUIRES: names that are valid, of at most 253 characters.
std::vector<uint8_t> dhcp6_dns_options(std::span<const Ipv6> servers,
                                       std::span<const std::string> domains);
// Of a server that is known by its MAC (RFC 8415 §11.4, DUID-LL).
std::array<uint8_t, 10> dhcp6_identifier_of(const Mac& mac);

}  // namespace butterfly::wire

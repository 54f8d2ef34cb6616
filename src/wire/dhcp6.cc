// SPDX-License-Identifier: Apache-2.0
#include "wire/dhcp6.h"

#include <algorithm>
#include <cstring>

#include "wire/dhcp.h"

namespace butterfly::wire {
namespace {

constexpr uint16_t kClientId = 1;
constexpr uint16_t kServerId = 2;
constexpr uint16_t kAddress = 5;
constexpr uint16_t kStatus = 13;
constexpr uint16_t kRapidCommit = 14;
constexpr uint16_t kDnsServers = 23;
constexpr uint16_t kDomains = 24;

struct OptionHeader {
  be16 code;
  be16 length;
};
static_assert(sizeof(OptionHeader) == 4);

// Calls `take(code, value)` for each option; false when one breaks off or is not taken.
template <typename Take>
bool for_each_option(std::span<const uint8_t> options, const Take& take) {
  while (!options.empty()) {
    const auto* header = view_at<OptionHeader>(options, 0);
    if (!header || header->length > options.size() - sizeof *header) return false;
    if (!take(header->code, options.subspan(sizeof *header, header->length))) return false;
    options = options.subspan(sizeof *header + header->length);
  }
  return true;
}

bool take_identifier(std::span<const uint8_t> value, Dhcp6Identifier& identifier) {
  // A type, and something behind it (RFC 8415 §11.1); one of each (§16).
  if (value.size() < 3 || value.size() > Dhcp6Identifier::kMaxLength || identifier.length != 0) {
    return false;
  }
  identifier.length = static_cast<uint8_t>(value.size());
  std::ranges::copy(value, identifier.bytes.begin());
  return true;
}

// What the options of an association begin behind: its id, and of addresses two times (§21.4, 5,
// 21).
bool take_association(Dhcp6Association::Kind kind, std::span<const uint8_t> value,
                      Dhcp6Request& request) {
  const size_t fixed = kind == Dhcp6Association::Kind::temporary ? 4 : 12;
  if (value.size() < fixed) return false;
  Dhcp6Association association{};
  association.kind = kind;
  association.id = *view_at<be32>(value, 0);
  const bool is_sound =
      for_each_option(value.subspan(fixed), [&](uint16_t code, std::span<const uint8_t> inner) {
        if (code != kAddress) return true;
        const auto* address = view_at<Ipv6>(inner, 0);
        if (!address || inner.size() < 24) return false;
        if (association.address_count < Dhcp6Association::kMaxAddresses) {
          association.addresses[association.address_count++] = *address;
        }
        return true;
      });
  if (!is_sound) return false;
  if (request.association_count < Dhcp6Request::kMaxAssociations) {
    request.associations[request.association_count++] = association;
  }
  return true;
}

bool take_option(uint16_t code, std::span<const uint8_t> value, Dhcp6Request& request) {
  using Kind = Dhcp6Association::Kind;
  switch (code) {
    case kClientId:
      return take_identifier(value, request.client);
    case kServerId:
      return take_identifier(value, request.server);
    case static_cast<uint16_t>(Kind::address):
    case static_cast<uint16_t>(Kind::temporary):
    case static_cast<uint16_t>(Kind::prefix):
      return take_association(static_cast<Kind>(code), value, request);
    case kRapidCommit:
      request.rapid_commit = true;
      return value.empty();
    default:
      return true;
  }
}

}  // namespace

bool read_dhcp6_request(std::span<const uint8_t> message, Dhcp6Request& request) {
  const auto* header = view_at<be32>(message, 0);
  if (!header) return false;
  request.type = static_cast<Dhcp6Type>(message[0]);
  request.transaction = *header & 0xffffff;
  request.client.length = request.server.length = 0;
  request.rapid_commit = false;
  request.association_count = 0;
  if (request.type == Dhcp6Type::relay_forward) return true;
  return for_each_option(message.subspan(sizeof *header),
                         [&](uint16_t code, std::span<const uint8_t> value) {
                           return take_option(code, value, request);
                         });
}

Dhcp6Writer::Dhcp6Writer(Dhcp6Type type, const Dhcp6Request& request,
                         std::span<const uint8_t> server, std::span<uint8_t> out)
    : out_(out) {
  put32(static_cast<uint32_t>(type) << 24 | request.transaction);
  if (request.client.length != 0) put_option(kClientId, request.client.all());
  put_option(kServerId, server);
}

void Dhcp6Writer::put(std::span<const uint8_t> bytes) {
  if (!bytes.empty()) std::memcpy(out_.data() + at_, bytes.data(), bytes.size());
  at_ += bytes.size();
}

void Dhcp6Writer::put16(uint16_t value) {
  const std::array bytes{static_cast<uint8_t>(value >> 8), static_cast<uint8_t>(value)};
  put(bytes);
}

void Dhcp6Writer::put32(uint32_t value) {
  put16(static_cast<uint16_t>(value >> 16));
  put16(static_cast<uint16_t>(value));
}

void Dhcp6Writer::put_option(uint16_t option, std::span<const uint8_t> value) {
  put16(option);
  put16(static_cast<uint16_t>(value.size()));
  put(value);
}

void Dhcp6Writer::add_status(Dhcp6Status status) {
  put16(kStatus);
  put16(sizeof(uint16_t));
  put16(static_cast<uint16_t>(status));
}

void Dhcp6Writer::add_rapid_commit() { put_option(kRapidCommit, {}); }

void Dhcp6Writer::open(const Dhcp6Association& association, uint32_t renew_s, uint32_t rebind_s) {
  opened_ = at_;
  put16(static_cast<uint16_t>(association.kind));
  put16(0);  // close() knows
  put32(association.id);
  if (association.kind == Dhcp6Association::Kind::temporary) return;
  put32(renew_s);
  put32(rebind_s);
}

void Dhcp6Writer::add_address(const Ipv6& address, Lifetimes lifetimes) {
  put16(kAddress);
  put16(sizeof address + 2 * sizeof(uint32_t));
  put(address.bytes);
  put32(lifetimes.preferred_s);
  put32(lifetimes.valid_s);
}

void Dhcp6Writer::close() {
  const be16 length = static_cast<uint16_t>(at_ - opened_ - sizeof(OptionHeader));
  std::memcpy(out_.data() + opened_ + offsetof(OptionHeader, length), &length, sizeof length);
}

void Dhcp6Writer::add_options(std::span<const uint8_t> options) { put(options); }

std::vector<uint8_t> dhcp6_dns_options(std::span<const Ipv6> servers,
                                       std::span<const std::string> domains) {
  std::vector<uint8_t> options;
  const auto add = [&options](uint16_t code, std::span<const uint8_t> value) {
    if (value.empty()) return;
    for (const auto number : {code, static_cast<uint16_t>(value.size())}) {
      options.push_back(static_cast<uint8_t>(number >> 8));
      options.push_back(static_cast<uint8_t>(number));
    }
    options.insert(options.end(), value.begin(), value.end());
  };
  std::vector<uint8_t> addresses;
  for (const Ipv6& server : servers) {
    addresses.insert(addresses.end(), server.bytes.begin(), server.bytes.end());
  }
  std::vector<uint8_t> names;
  for (const std::string& domain : domains) append_domain(domain, names);
  add(kDnsServers, addresses);
  add(kDomains, names);
  return options;
}

std::array<uint8_t, 10> dhcp6_identifier_of(const Mac& mac) {
  const auto& m = mac.bytes;
  return {0, 3, 0, 1, m[0], m[1], m[2], m[3], m[4], m[5]};
}

}  // namespace butterfly::wire

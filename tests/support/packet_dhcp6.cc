// SPDX-License-Identifier: Apache-2.0
// DHCPv6, to bytes and back. Options stand in one order; what does not is shown as `opts`.
#include "support/packet_dhcp6.h"

#include <algorithm>

#include "wire/headers.h"

namespace butterfly::test {
namespace {

using std::to_string;

constexpr const char* kTypes[] = {"",        "solicit", "advertise",   "request",
                                  "confirm", "renew",   "rebind",      "reply",
                                  "release", "decline", "reconfigure", "information"};

void add16(uint64_t value, Bytes& bytes) {
  bytes.push_back(static_cast<uint8_t>(value >> 8));
  bytes.push_back(static_cast<uint8_t>(value));
}
void add32(uint64_t value, Bytes& bytes) {
  add16(value >> 16, bytes);
  add16(value, bytes);
}
void add_option(uint16_t code, const Bytes& value, Bytes& bytes) {
  add16(code, bytes);
  add16(value.size(), bytes);
  bytes.insert(bytes.end(), value.begin(), value.end());
}

std::vector<Ipv6> addresses_of(Fields& fields, const char* name) {
  std::vector<Ipv6> addresses;
  const std::string text = fields.text(name);
  for (size_t at = 0; at < text.size();) {
    const size_t end = std::min(text.find('+', at), text.size());
    const auto address = IpAddress::parse(text.substr(at, end - at));
    if (!address || !address->is_v6()) {
      fields.fault(name, "IPv6 addresses with + between");
      break;
    }
    addresses.push_back(address->v6());
    at = end + 1;
  }
  return addresses;
}

// An address with its times, as "fd00::5" with `preferred` and `valid` of the layer.
Bytes association_of(Fields& fields) {
  Bytes value;
  add32(fields.u32("ia", 0), value);
  add32(fields.u32("renew", 0), value);
  add32(fields.u32("rebind", 0), value);
  const uint32_t preferred = fields.u32("preferred", 0);
  const uint32_t valid = fields.u32("valid", 0);
  for (const Ipv6& address : addresses_of(fields, "address")) {
    Bytes inner(address.bytes.begin(), address.bytes.end());
    add32(preferred, inner);
    add32(valid, inner);
    add_option(5, inner, value);
  }
  for (const Ipv6& address : addresses_of(fields, "gone")) {
    Bytes inner(address.bytes.begin(), address.bytes.end());
    inner.resize(24);
    add_option(5, inner, value);
  }
  if (fields.has("ia_status")) {
    Bytes inner;
    add16(fields.u16("ia_status", 0), inner);
    add_option(13, inner, value);
  }
  return value;
}

uint32_t number_at(ByteSpan bytes, size_t at) { return *wire::view_at<be32>(bytes, at); }
uint16_t short_at(ByteSpan bytes, size_t at) { return *wire::view_at<be16>(bytes, at); }
std::string address_at(ByteSpan bytes, size_t at) {
  return IpAddress(*wire::view_at<Ipv6>(bytes, at)).to_string();
}

void dissect_association(ByteSpan value, Layer& layer) {
  layer.add("ia", to_string(number_at(value, 0)));
  layer.add("renew", to_string(number_at(value, 4)));
  layer.add("rebind", to_string(number_at(value, 8)));
  std::string held, gone;
  uint32_t preferred = 0;
  uint32_t valid = 0;
  for (size_t at = 12; at + 4 <= value.size(); at += 4 + size_t{short_at(value, at + 2)}) {
    const uint16_t code = short_at(value, at);
    if (code == 13) layer.add("ia_status", to_string(short_at(value, at + 4)));
    if (code != 5) continue;
    const bool is_gone = number_at(value, at + 24) == 0;
    std::string& list = is_gone ? gone : held;
    list += (list.empty() ? "" : "+") + address_at(value, at + 4);
    if (is_gone) continue;
    preferred = number_at(value, at + 20);
    valid = number_at(value, at + 24);
  }
  if (!held.empty()) {
    layer.add("address", held);
    layer.add("preferred", to_string(preferred));
    layer.add("valid", to_string(valid));
  }
  if (!gone.empty()) layer.add("gone", gone);
}

void dissect_option(uint16_t code, ByteSpan value, Layer& layer) {
  switch (code) {
    case 1:
      return layer.add("client", to_hex(value.data(), value.size()));
    case 2:
      return layer.add("server", to_hex(value.data(), value.size()));
    case 14:
      return layer.add("rapid", "1");
    case 3:
      return dissect_association(value, layer);
    case 13:
      return layer.add("status", to_string(short_at(value, 0)));
    case 23: {
      std::string list;
      for (size_t at = 0; at + 16 <= value.size(); at += 16) {
        list += (list.empty() ? "" : "+") + address_at(value, at);
      }
      return layer.add("dns", list);
    }
    default:
      return layer.add("search", to_hex(value.data(), value.size()));
  }
}

// Whether an option can be read as dissect_option() does.
bool is_whole(uint16_t code, ByteSpan value) {
  if (code == 13) return value.size() == 2;
  if (code != 3) return true;
  if (value.size() < 12) return false;
  size_t at = 12;
  while (at + 4 <= value.size()) {
    const size_t length = short_at(value, at + 2);
    const uint16_t inner = short_at(value, at);
    if ((inner == 5 && length != 24) || (inner == 13 && length != 2)) return false;
    at += 4 + length;
  }
  return at == value.size();
}

void dissect_options(ByteSpan bytes, Layer& layer) {
  constexpr uint16_t kOrder[] = {1, 2, 14, 3, 13, 23, 24};
  const uint16_t* next = std::begin(kOrder);
  while (bytes.size() >= 4 && size_t{4} + short_at(bytes, 2) <= bytes.size()) {
    const uint16_t code = short_at(bytes, 0);
    const auto* const place = std::find(next, std::end(kOrder), code);
    if (place == std::end(kOrder) || !is_whole(code, bytes.subspan(4, short_at(bytes, 2)))) break;
    dissect_option(code, bytes.subspan(4, short_at(bytes, 2)), layer);
    next = place + 1;
    bytes = bytes.subspan(size_t{4} + short_at(bytes, 2));
  }
  if (!bytes.empty()) layer.add("opts", to_hex(bytes.data(), bytes.size()));
}

}  // namespace

void build_dhcp6(Fields& fields, Bytes& bytes) {
  Bytes message;
  const std::string type = fields.text("type");
  const auto* const word = std::ranges::find(kTypes, type);
  const uint64_t number =
      word == std::end(kTypes) ? fields.u8("type", 0) : static_cast<uint64_t>(word - kTypes);
  add32(number << 24 | fields.number("xid", 0x123456, 0xffffff), message);
  if (fields.has("client")) add_option(1, fields.hex("client"), message);
  if (fields.has("server")) add_option(2, fields.hex("server"), message);
  if (fields.number("rapid", 0, 1) == 1) add_option(14, {}, message);
  if (fields.has("ia")) add_option(3, association_of(fields), message);
  if (fields.has("status")) {
    Bytes value;
    add16(fields.u16("status", 0), value);
    add_option(13, value, message);
  }
  if (fields.has("dns")) {
    Bytes value;
    for (const Ipv6& server : addresses_of(fields, "dns")) {
      value.insert(value.end(), server.bytes.begin(), server.bytes.end());
    }
    add_option(23, value, message);
  }
  if (fields.has("search")) add_option(24, fields.hex("search"), message);
  const Bytes more = fields.hex("opts");
  message.insert(message.end(), more.begin(), more.end());
  bytes.insert(bytes.begin(), message.begin(), message.end());
}

bool dissect_dhcp6(ByteSpan bytes, Layer& layer) {
  if (bytes.size() < 4) return false;
  layer.name = "dhcp6";
  layer.add("type",
            bytes[0] != 0 && bytes[0] < std::size(kTypes) ? kTypes[bytes[0]] : to_string(bytes[0]));
  layer.add("xid", hex_number(number_at(bytes, 0) & 0xffffff, 6));
  dissect_options(bytes.subspan(4), layer);
  Fields fields(layer);
  Bytes again;
  build_dhcp6(fields, again);
  return std::ranges::equal(again, bytes);
}

}  // namespace butterfly::test

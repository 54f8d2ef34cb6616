// SPDX-License-Identifier: Apache-2.0
#include "support/packet_fields.h"

#include <charconv>

namespace butterfly::test {

const std::string* Fields::use(std::string_view name) {
  known_.emplace(name);
  return layer_.find(name);
}

void Fields::fault(std::string_view name, const std::string& wanted) {
  if (!fault_.ok()) return;
  const std::string* value = layer_.find(name);
  fault_ = invalid(layer_.name + ": " + std::string(name) + "=" + (value ? *value : "") +
                   " (wanted " + wanted + ")");
}

uint64_t Fields::number(std::string_view name, uint64_t otherwise, uint64_t max) {
  const std::string* value = use(name);
  if (!value) return otherwise;
  const bool is_hex = value->starts_with("0x");
  const char* first = value->data() + (is_hex ? 2 : 0);
  const char* last = value->data() + value->size();
  uint64_t number = 0;
  const auto [end, error] = std::from_chars(first, last, number, is_hex ? 16 : 10);
  if (error == std::errc() && end == last && number <= max) return number;
  fault(name, "a number up to " + std::to_string(max));
  return otherwise;
}

Mac Fields::mac(std::string_view name, std::string_view otherwise) {
  const std::string* value = use(name);
  const std::optional<Mac> mac = Mac::parse(value ? *value : otherwise);
  if (!mac) fault(name, "a MAC address");
  return mac.value_or(Mac{});
}

Ipv4 Fields::ipv4(std::string_view name, std::string_view otherwise) {
  const std::string* value = use(name);
  const auto address = IpAddress::parse(value ? *value : otherwise);
  if (address && address->is_v4()) return address->v4();
  fault(name, "an IPv4 address");
  return {};
}

Ipv6 Fields::ipv6(std::string_view name, std::string_view otherwise) {
  const std::string* value = use(name);
  const std::string_view text = value ? std::string_view(*value) : otherwise;
  // IPv4-mapped addresses are no IpAddress, yet tests must be able to send them.
  if (text.starts_with("::ffff:")) {
    const auto mapped = IpAddress::parse(text.substr(7));
    if (mapped && mapped->is_v4()) return Ipv6{mapped->bytes()};
  }
  const auto address = IpAddress::parse(text);
  if (address && address->is_v6()) return address->v6();
  fault(name, "an IPv6 address");
  return {};
}

Bytes Fields::hex(std::string_view name) {
  const std::string* value = use(name);
  Bytes bytes;
  if (!value) return bytes;
  for (size_t i = 0; i + 1 < value->size(); i += 2) {
    uint8_t byte = 0;
    const char* digits = value->data() + i;
    if (std::from_chars(digits, digits + 2, byte, 16).ptr != digits + 2) break;
    bytes.push_back(byte);
  }
  if (bytes.size() * 2 != value->size()) fault(name, "pairs of hexadecimal digits");
  return bytes;
}

std::string Fields::text(std::string_view name) {
  const std::string* value = use(name);
  return value ? *value : std::string();
}

Status Fields::status() const {
  if (!fault_.ok()) return fault_;
  for (const Field& field : layer_.fields) {
    if (known_.contains(field.name)) continue;
    std::string wanted;
    for (const std::string& name : known_) wanted += (wanted.empty() ? "" : ", ") + name;
    return invalid(layer_.name + ": no field " + field.name + " (wanted one of " + wanted + ")");
  }
  return ok_status();
}

std::string to_hex(const uint8_t* bytes, size_t count) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += kDigits[bytes[i] >> 4];
    text += kDigits[bytes[i] & 15];
  }
  return text;
}

}  // namespace butterfly::test

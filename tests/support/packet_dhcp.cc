// SPDX-License-Identifier: Apache-2.0
// DHCP for IPv4, to bytes and back.
#include "support/packet_dhcp.h"

#include <cstring>

#include "wire/dhcp.h"

namespace butterfly::test {
namespace {

using std::to_string;
using wire::DhcpHeader;

enum class Kind { word, address, addresses, number16, number32, text, hex, routes };
struct Option {
  uint8_t code;
  const char* name;
  Kind kind;
};
// In the order in which they are built.
constexpr Option kOptions[] = {{53, "type", Kind::word},          {54, "server", Kind::address},
                               {51, "lease", Kind::number32},     {58, "renewal", Kind::number32},
                               {59, "rebinding", Kind::number32}, {50, "requested", Kind::address},
                               {1, "mask", Kind::address},        {3, "router", Kind::addresses},
                               {6, "dns", Kind::addresses},       {12, "hostname", Kind::text},
                               {15, "domain", Kind::text},        {26, "mtu", Kind::number16},
                               {119, "search", Kind::hex},        {121, "routes", Kind::routes},
                               {61, "client_id", Kind::hex},      {55, "wanted", Kind::hex}};
constexpr const char* kTypes[] = {"",    "discover", "offer",   "request", "decline",
                                  "ack", "nak",      "release", "inform"};

std::vector<std::string> parts_of(const std::string& text, char separator) {
  std::vector<std::string> parts;
  size_t at = 0;
  while (at <= text.size()) {
    const size_t end = std::min(text.find(separator, at), text.size());
    parts.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return parts;
}

bool add_address(const std::string& text, Bytes& bytes) {
  const auto address = IpAddress::parse(text);
  if (!address || !address->is_v4()) return false;
  const Ipv4 v4 = address->v4();
  bytes.insert(bytes.end(), v4.bytes.begin(), v4.bytes.end());
  return true;
}

// "10.9.0.0/16>10.0.0.9+…".
bool add_routes(const std::string& text, Bytes& bytes) {
  for (const std::string& route : parts_of(text, '+')) {
    const auto ends = parts_of(route, '>');
    const auto prefix = Cidr::parse(ends[0]);
    if (!prefix || ends.size() != 2) return false;
    bytes.push_back(static_cast<uint8_t>(prefix->length()));
    const Ipv4 address = prefix->address().v4();
    bytes.insert(bytes.end(), address.bytes.begin(),
                 address.bytes.begin() + (prefix->length() + 7) / 8);
    if (!add_address(ends[1], bytes)) return false;
  }
  return true;
}

template <typename T>
void add_number(uint64_t value, Bytes& bytes) {
  for (size_t i = sizeof(T); i-- > 0;) bytes.push_back(static_cast<uint8_t>(value >> 8 * i));
}

Bytes value_of(const Option& option, Fields& fields) {
  Bytes value;
  const std::string text = fields.text(option.name);
  switch (option.kind) {
    case Kind::word: {
      const auto* const word = std::ranges::find(kTypes, text);
      if (word == std::end(kTypes)) {
        value.push_back(fields.u8(option.name, 0));
      } else {
        value.push_back(static_cast<uint8_t>(word - kTypes));
      }
      break;
    }
    case Kind::address:
    case Kind::addresses:
      for (const std::string& part : parts_of(text, '+')) {
        if (!add_address(part, value)) fields.fault(option.name, "IPv4 addresses with + between");
      }
      break;
    case Kind::number16:
      add_number<uint16_t>(fields.u16(option.name, 0), value);
      break;
    case Kind::number32:
      add_number<uint32_t>(fields.u32(option.name, 0), value);
      break;
    case Kind::text:
      value.assign(text.begin(), text.end());
      break;
    case Kind::hex:
      value = fields.hex(option.name);
      break;
    case Kind::routes:
      if (!add_routes(text, value)) fields.fault(option.name, "PREFIX>ADDRESS with + between");
      break;
  }
  return value;
}

std::string address_at(ByteSpan bytes, size_t at) {
  return IpAddress(*wire::view_at<Ipv4>(bytes, at)).to_string();
}

std::string routes_text(ByteSpan value) {
  std::string text;
  for (size_t at = 0; at < value.size();) {
    const size_t length = value[at++];
    const size_t significant = (length + 7) / 8;
    if (length > 32 || at + significant + 4 > value.size())
      return to_hex(value.data(), value.size());
    Ipv4 prefix;
    std::memcpy(prefix.bytes.data(), value.data() + at, significant);
    text += (text.empty() ? "" : "+") + IpAddress(prefix).to_string() + "/" + to_string(length) +
            ">" + address_at(value, at + significant);
    at += significant + 4;
  }
  return text;
}

std::string text_of(const Option& option, ByteSpan value) {
  uint64_t number = 0;
  for (const uint8_t byte : value.first(std::min<size_t>(value.size(), 8)))
    number = number << 8 | byte;
  switch (option.kind) {
    case Kind::word:
      return number < std::size(kTypes) && number != 0 ? kTypes[number] : to_string(number);
    case Kind::address:
    case Kind::addresses: {
      std::string text;
      for (size_t at = 0; at + 4 <= value.size(); at += 4) {
        text += (at == 0 ? "" : "+") + address_at(value, at);
      }
      return text;
    }
    case Kind::number16:
    case Kind::number32:
      return to_string(number);
    case Kind::text:
      return {value.begin(), value.end()};
    case Kind::routes:
      return routes_text(value);
    default:
      return to_hex(value.data(), value.size());
  }
}

// Those that have a name; the bytes from the first that has none.
ByteSpan add_options(ByteSpan bytes, Layer& layer) {
  while (bytes.size() >= 2 && size_t{2} + bytes[1] <= bytes.size()) {
    const auto* const option = std::ranges::find(kOptions, bytes[0], &Option::code);
    if (option == std::end(kOptions)) break;
    layer.add(option->name, text_of(*option, bytes.subspan(2, bytes[1])));
    bytes = bytes.subspan(size_t{2} + bytes[1]);
  }
  return bytes;
}

}  // namespace

void build_dhcp(Fields& fields, Bytes& bytes) {
  Bytes options;
  for (const Option& option : kOptions) {
    if (!fields.has(option.name)) continue;
    const Bytes value = value_of(option, fields);
    options.push_back(option.code);
    options.push_back(static_cast<uint8_t>(value.size()));
    options.insert(options.end(), value.begin(), value.end());
  }
  const Bytes more = fields.hex("opts");
  options.insert(options.end(), more.begin(), more.end());
  if (fields.number("end", 1, 1) == 1) options.push_back(255);
  const std::string type = fields.text("type");
  const bool is_answer = type == "offer" || type == "ack" || type == "nak";
  DhcpHeader header{};
  header.operation = fields.u8("op", is_answer ? 2 : 1);
  header.hardware_type = fields.u8("htype", 1);
  header.hardware_length = fields.u8("hlen", 6);
  header.hops = fields.u8("hops", 0);
  header.transaction = fields.u32("xid", 0x1234);
  header.seconds = fields.u16("secs", 0);
  header.flags = fields.u16("flags", 0);
  header.client = fields.ipv4("ciaddr", "0.0.0.0");
  header.yours = fields.ipv4("yiaddr", "0.0.0.0");
  header.next = fields.ipv4("siaddr", "0.0.0.0");
  header.relay = fields.ipv4("giaddr", "0.0.0.0");
  header.hardware = fields.mac("chaddr", "52:54:00:00:00:01");
  const Bytes file = fields.hex("file");
  std::copy_n(file.begin(), std::min(file.size(), header.file.size()), header.file.begin());
  const Bytes name = fields.hex("sname");
  std::copy_n(name.begin(), std::min(name.size(), header.server_name.size()),
              header.server_name.begin());
  header.cookie = fields.u32("cookie", wire::kDhcpCookie);
  put_in_front(header, options, bytes);
}

bool dissect_dhcp(ByteSpan bytes, Layer& layer) {
  const auto* header = wire::view_at<DhcpHeader>(bytes, 0);
  if (!header || header->cookie != wire::kDhcpCookie) return false;
  layer.name = "dhcp";
  layer.add("op", to_string(header->operation));
  layer.add("xid", hex_number(header->transaction, 4));
  layer.add("secs", to_string(header->seconds));
  layer.add("flags", hex_number(header->flags, 4));
  layer.add("ciaddr", IpAddress(header->client).to_string());
  layer.add("yiaddr", IpAddress(header->yours).to_string());
  layer.add("siaddr", IpAddress(header->next).to_string());
  layer.add("giaddr", IpAddress(header->relay).to_string());
  layer.add("chaddr", header->hardware.to_string());
  ByteSpan rest = add_options(bytes.subspan(sizeof *header), layer);
  const bool has_end = !rest.empty() && rest.back() == 255;
  if (has_end) rest = rest.first(rest.size() - 1);
  if (!rest.empty()) layer.add("opts", to_hex(rest.data(), rest.size()));
  if (!has_end) layer.add("end", "0");
  return true;
}

}  // namespace butterfly::test

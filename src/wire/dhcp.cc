// SPDX-License-Identifier: Apache-2.0
#include "wire/dhcp.h"

#include <algorithm>
#include <cstring>
#include <string>

namespace butterfly::wire {
namespace {

constexpr uint8_t kEthernet = 1;
// Where the options go on, bits of the overload option.
constexpr uint8_t kInFile = 1;
constexpr uint8_t kInServerName = 2;

struct Seen {
  bool has_type = false;
  uint8_t overload = 0;
};

bool take_address(std::span<const uint8_t> value, Ipv4& address) {
  if (value.size() != sizeof address) return false;
  std::memcpy(address.bytes.data(), value.data(), sizeof address);
  return true;
}

// False when the value is not of the length that the option has.
bool take_option(DhcpOption option, std::span<const uint8_t> value, DhcpRequest& request,
                 Seen& seen) {
  switch (option) {
    case DhcpOption::type:
      if (value.size() != 1) return false;
      request.type = static_cast<DhcpType>(value[0]);
      seen.has_type = true;
      return true;
    case DhcpOption::overload:
      if (value.size() != 1) return false;
      seen.overload = value[0];
      return true;
    case DhcpOption::requested_address:
      return take_address(value, request.requested);
    case DhcpOption::server:
      return take_address(value, request.server);
    case DhcpOption::client_id:
      request.client_id_length = static_cast<uint8_t>(value.size());
      std::memcpy(request.client_id.data(), value.data(), value.size());
      return true;
    default:
      return true;
  }
}

// What has no end ends with its field: clients are careless there.
bool read_options(std::span<const uint8_t> bytes, DhcpRequest& request, Seen& seen) {
  for (size_t at = 0; at < bytes.size();) {
    const auto option = static_cast<DhcpOption>(bytes[at++]);
    if (option == DhcpOption::pad) continue;
    if (option == DhcpOption::end) return true;
    if (at == bytes.size()) return false;
    const size_t length = bytes[at++];
    if (length > bytes.size() - at) return false;
    if (!take_option(option, bytes.subspan(at, length), request, seen)) return false;
    at += length;
  }
  return true;
}

// Writes options into a span that is known to be long enough.
class Writer {
 public:
  explicit Writer(std::span<uint8_t> out) : out_(out) {}
  void put(DhcpOption option, std::span<const uint8_t> value) {
    out_[at_++] = static_cast<uint8_t>(option);
    out_[at_++] = static_cast<uint8_t>(value.size());
    put(value);
  }
  void put(DhcpOption option, const be32& number) {
    std::array<uint8_t, sizeof number> bytes;
    std::memcpy(bytes.data(), &number, sizeof number);
    put(option, bytes);
  }
  void put(std::span<const uint8_t> bytes) {
    if (!bytes.empty()) std::memcpy(out_.data() + at_, bytes.data(), bytes.size());
    at_ += bytes.size();
  }
  void put(DhcpOption option) { out_[at_++] = static_cast<uint8_t>(option); }
  size_t size() const { return at_; }

 private:
  std::span<uint8_t> out_;
  size_t at_ = 0;
};

// RFC 2131 §4.4.5.
uint32_t renewal_of(uint32_t lease_s) { return lease_s / 2; }
uint32_t rebinding_of(uint32_t lease_s) { return static_cast<uint32_t>(uint64_t{lease_s} * 7 / 8); }

}  // namespace

bool read_dhcp_request(std::span<const uint8_t> message, DhcpRequest& request) {
  const auto* header = view_at<DhcpHeader>(message, 0);
  if (!header || header->operation != kDhcpRequestOperation || header->cookie != kDhcpCookie ||
      header->hardware_type != kEthernet || header->hardware_length != sizeof(Mac)) {
    return false;
  }
  request.type = {};
  request.transaction = header->transaction;
  request.flags = header->flags;
  request.client = header->client;
  request.relay = header->relay;
  request.hardware = header->hardware;
  request.requested = request.server = Ipv4{};
  request.client_id_length = 0;
  Seen seen;
  if (!read_options(message.subspan(sizeof *header), request, seen)) return false;
  if ((seen.overload & kInFile) && !read_options(header->file, request, seen)) return false;
  if ((seen.overload & kInServerName) && !read_options(header->server_name, request, seen)) {
    return false;
  }
  return seen.has_type;
}

size_t longest_dhcp_reply(size_t options) {
  constexpr size_t kOurs = 3 + 6 + 3 * 6 + 1;  // type, server, times, end
  constexpr size_t kClientId = 2 + 255;
  return sizeof(DhcpHeader) + kOurs + kClientId + options;
}

size_t write_dhcp_reply(const DhcpRequest& request, const DhcpReply& reply,
                        std::span<uint8_t> out) {
  DhcpHeader header{};
  header.operation = kDhcpReplyOperation;
  header.hardware_type = kEthernet;
  header.hardware_length = sizeof(Mac);
  header.transaction = request.transaction;
  header.flags = request.flags;
  // RFC 2131 §4.3.1, table 3.
  if (reply.type == DhcpType::ack) header.client = request.client;
  header.yours = reply.yours;
  header.relay = request.relay;
  header.hardware = request.hardware;
  header.cookie = kDhcpCookie;
  std::memcpy(out.data(), &header, sizeof header);
  Writer writer(out.subspan(sizeof header));
  const std::array type{static_cast<uint8_t>(reply.type)};
  writer.put(DhcpOption::type, type);
  writer.put(DhcpOption::server, reply.server.bytes);
  if (reply.lease_s != 0) {
    writer.put(DhcpOption::lease, be32(reply.lease_s));
    writer.put(DhcpOption::renewal, be32(renewal_of(reply.lease_s)));
    writer.put(DhcpOption::rebinding, be32(rebinding_of(reply.lease_s)));
  }
  writer.put(reply.options);
  if (request.client_id_length != 0) {
    writer.put(DhcpOption::client_id, std::span(request.client_id).first(request.client_id_length));
  }
  writer.put(DhcpOption::end);
  return sizeof header + writer.size();
}

void DhcpOptions::add_bytes(DhcpOption option, std::span<const uint8_t> value) {
  bytes_.push_back(static_cast<uint8_t>(option));
  bytes_.push_back(static_cast<uint8_t>(value.size()));
  bytes_.insert(bytes_.end(), value.begin(), value.end());
}

void DhcpOptions::add(DhcpOption option, std::span<const Ipv4> addresses) {
  std::vector<uint8_t> value;
  for (const Ipv4& address : addresses) {
    value.insert(value.end(), address.bytes.begin(), address.bytes.end());
  }
  add_bytes(option, value);
}

void DhcpOptions::add(DhcpOption option, uint16_t number) {
  const std::array value{static_cast<uint8_t>(number >> 8), static_cast<uint8_t>(number)};
  add_bytes(option, value);
}

void DhcpOptions::add(DhcpOption option, std::string_view text) {
  add_bytes(option, std::vector<uint8_t>(text.begin(), text.end()));
}

// RFC 3442: of the prefix only the bytes that it has.
void DhcpOptions::add_routes(std::span<const Route> routes) {
  std::vector<uint8_t> value;
  for (const Route& route : routes) {
    value.push_back(route.length);
    const auto significant = (route.length + 7) / 8;
    value.insert(value.end(), route.prefix.bytes.begin(), route.prefix.bytes.begin() + significant);
    value.insert(value.end(), route.via.bytes.begin(), route.via.bytes.end());
  }
  add_bytes(DhcpOption::routes, value);
}

void DhcpOptions::add_search(std::span<const std::string> domains) {
  std::vector<uint8_t> value;
  for (const std::string& domain : domains) append_domain(domain, value);
  add_bytes(DhcpOption::search, value);
}

void append_domain(std::string_view domain, std::vector<uint8_t>& bytes) {
  for (size_t at = 0; at <= domain.size();) {
    const size_t dot = std::min(domain.find('.', at), domain.size());
    bytes.push_back(static_cast<uint8_t>(dot - at));
    bytes.insert(bytes.end(), domain.begin() + static_cast<std::ptrdiff_t>(at),
                 domain.begin() + static_cast<std::ptrdiff_t>(dot));
    at = dot + 1;
  }
  bytes.push_back(0);
}

}  // namespace butterfly::wire

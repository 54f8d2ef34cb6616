// SPDX-License-Identifier: Apache-2.0
// DHCP messages for IPv4, read and written.
// Sources: RFC 2131 §2, §4.1 (messages), 2132 (options), 3397 (search list), 3442 (routes), 6842.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "wire/headers.h"

namespace butterfly::wire {

inline constexpr uint16_t kDhcpServerPort = 67;
inline constexpr uint16_t kDhcpClientPort = 68;

enum class DhcpType : uint8_t {
  discover = 1,
  offer = 2,
  request = 3,
  decline = 4,
  ack = 5,
  nak = 6,
  release = 7,
  inform = 8,
};

enum class DhcpOption : uint8_t {
  pad = 0,
  mask = 1,
  router = 3,
  dns = 6,
  hostname = 12,
  domain = 15,
  mtu = 26,
  requested_address = 50,
  lease = 51,
  overload = 52,
  type = 53,
  server = 54,
  renewal = 58,
  rebinding = 59,
  client_id = 61,
  search = 119,
  routes = 121,
  end = 255,
};

// All before the options, the cookie that begins them too.
struct DhcpHeader {
  uint8_t operation;
  uint8_t hardware_type;
  uint8_t hardware_length;
  uint8_t hops;
  be32 transaction;
  be16 seconds;
  be16 flags;
  Ipv4 client;   // ciaddr: what it has
  Ipv4 yours;    // yiaddr: what it gets
  Ipv4 next;     // siaddr: where it boots from
  Ipv4 relay;    // giaddr
  Mac hardware;  // the first bytes of chaddr
  std::array<uint8_t, 10> hardware_rest;
  std::array<uint8_t, 64> server_name;
  std::array<uint8_t, 128> file;
  be32 cookie;
};
static_assert(sizeof(DhcpHeader) == 240);
inline constexpr uint8_t kDhcpRequestOperation = 1;
inline constexpr uint8_t kDhcpReplyOperation = 2;
inline constexpr uint32_t kDhcpCookie = 0x63825363;
inline constexpr uint16_t kDhcpBroadcast = 0x8000;

// What a server needs of a client's message, as a copy.
struct DhcpRequest {
  DhcpType type;
  uint32_t transaction;
  uint16_t flags;
  Ipv4 client;
  Ipv4 relay;
  Mac hardware;
  Ipv4 requested;  // zero: not said, as the next one
  Ipv4 server;
  uint8_t client_id_length;  // 0: none
  std::array<uint8_t, 255> client_id;
};

// False for what is no client's message over Ethernet, or breaks off. Options may go on in `file`
// and `server_name` (RFC 2131 §4.1).
bool read_dhcp_request(std::span<const uint8_t> message, DhcpRequest& request);

// The answer to `request`: header, type, server, lease (none: 0) with its times to renew, `options`
// as they are, the client's identifier (RFC 6842). No more than `longest_dhcp_reply(options)`.
struct DhcpReply {
  DhcpType type;
  Ipv4 yours;
  Ipv4 server;
  uint32_t lease_s;
  std::span<const uint8_t> options;
};
size_t longest_dhcp_reply(size_t options);
// How many bytes it has. REQUIRES: room for the longest.
size_t write_dhcp_reply(const DhcpRequest& request, const DhcpReply& reply, std::span<uint8_t> out);

// Options in their wire form, made one after the other by the control side.
class DhcpOptions {
 public:
  struct Route {
    Ipv4 prefix;
    uint8_t length;  // bits
    Ipv4 via;        // zero: on link
  };
  void add(DhcpOption option, std::span<const Ipv4> addresses);
  void add(DhcpOption option, uint16_t number);
  void add(DhcpOption option, std::string_view text);
  void add_routes(std::span<const Route> routes);
  // REQUIRES: names that are valid, of at most 253 characters.
  void add_search(std::span<const std::string> domains);
  const std::vector<uint8_t>& bytes() const { return bytes_; }

 private:
  void add_bytes(DhcpOption option, std::span<const uint8_t> value);
  std::vector<uint8_t> bytes_;
};

// A domain name as labels (RFC 1035 §3.1), uncompressed, behind `bytes`.
void append_domain(std::string_view domain, std::vector<uint8_t>& bytes);

}  // namespace butterfly::wire

// SPDX-License-Identifier: Apache-2.0
#include "wire/dhcp.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <string>

namespace butterfly::wire {
namespace {

using Bytes = std::vector<uint8_t>;

const Ipv4 kServer{{10, 0, 0, 1}};
const Mac kClient = Mac::from_u64(0x525400000001);

DhcpHeader good_header() {
  DhcpHeader header{};
  header.operation = kDhcpRequestOperation;
  header.hardware_type = 1;
  header.hardware_length = 6;
  header.transaction = 0xcafe1234;
  header.flags = kDhcpBroadcast;
  header.client = Ipv4{{10, 0, 0, 5}};
  header.hardware = kClient;
  header.cookie = kDhcpCookie;
  return header;
}

Bytes message(const DhcpHeader& header, const Bytes& options) {
  const auto* raw = reinterpret_cast<const uint8_t*>(&header);
  Bytes bytes(raw, raw + sizeof header);
  bytes.insert(bytes.end(), options.begin(), options.end());
  return bytes;
}

bool is_read(const DhcpHeader& header, const Bytes& options) {
  DhcpRequest request;
  return read_dhcp_request(message(header, options), request);
}

const Bytes kDiscover{53, 1, 1, 255};

TEST(Dhcp, ReadsWhatAServerNeeds) {
  DhcpRequest request;
  ASSERT_TRUE(read_dhcp_request(
      message(good_header(), {0, 0, 53, 1, 3, 50, 4, 10, 0, 0,   6,   54,  4,  10, 0,
                              0, 1, 61, 3, 1, 2,  3, 12, 2, 'a', 'b', 255, 53, 1,  99}),
      request));
  EXPECT_EQ(request.type, DhcpType::request);
  EXPECT_EQ(request.transaction, 0xcafe1234u);
  EXPECT_EQ(request.flags, kDhcpBroadcast);
  EXPECT_EQ(request.client, (Ipv4{{10, 0, 0, 5}}));
  EXPECT_EQ(request.hardware, kClient);
  EXPECT_EQ(request.requested, (Ipv4{{10, 0, 0, 6}}));
  EXPECT_EQ(request.server, kServer);
  ASSERT_EQ(request.client_id_length, 3);
  EXPECT_EQ(request.client_id[2], 3);
}

TEST(Dhcp, ReadsOptionsThatGoOnInOtherFields) {
  DhcpHeader header = good_header();
  const Bytes in_file{50, 4, 10, 0, 0, 6, 255};
  const Bytes in_name{53, 1, 1, 54, 4, 10, 0, 0, 1};
  std::ranges::copy(in_file, header.file.begin());
  std::ranges::copy(in_name, header.server_name.begin());
  DhcpRequest request;
  ASSERT_TRUE(read_dhcp_request(message(header, {52, 1, 3, 255}), request));
  EXPECT_EQ(request.type, DhcpType::discover);
  EXPECT_EQ(request.requested, (Ipv4{{10, 0, 0, 6}}));
  EXPECT_EQ(request.server, kServer);
  EXPECT_FALSE(is_read(header, {52, 1, 1, 255})) << "the type is in a field that was not named";
}

TEST(Dhcp, RefusesWhatIsNoClientsMessage) {
  EXPECT_TRUE(is_read(good_header(), kDiscover));
  EXPECT_TRUE(is_read(good_header(), {53, 1, 1})) << "an end that is forgotten";
  const auto with = [](const auto& change) {
    DhcpHeader header = good_header();
    change(header);
    return is_read(header, kDiscover);
  };
  EXPECT_FALSE(with([](DhcpHeader& h) { h.operation = kDhcpReplyOperation; }));
  EXPECT_FALSE(with([](DhcpHeader& h) { h.hardware_type = 6; }));
  EXPECT_FALSE(with([](DhcpHeader& h) { h.hardware_length = 16; }));
  EXPECT_FALSE(with([](DhcpHeader& h) { h.cookie = 0; }));
  for (const Bytes& options :
       {Bytes{}, Bytes{255}, Bytes{53}, Bytes{53, 2, 1}, Bytes{53, 2, 1, 1},
        Bytes{53, 1, 1, 50, 3, 1, 1, 1}, Bytes{53, 1, 1, 54, 5, 1, 1, 1, 1, 1},
        Bytes{53, 1, 1, 52, 0}, Bytes{53, 1, 1, 61, 9, 1}, Bytes{255, 53, 1, 1}}) {
    EXPECT_FALSE(is_read(good_header(), options)) << options.size();
  }
  DhcpRequest request;
  Bytes whole = message(good_header(), kDiscover);
  for (size_t length = 0; length + 2 < whole.size(); ++length) {
    EXPECT_FALSE(read_dhcp_request(std::span(whole).first(length), request)) << length;
  }
}

TEST(Dhcp, AnAnswerBearsTheClientsIdentifierAndTheTimesToRenew) {
  DhcpRequest request;
  ASSERT_TRUE(read_dhcp_request(message(good_header(), {53, 1, 3, 61, 2, 7, 7, 255}), request));
  const Bytes options{1, 4, 255, 255, 255, 0};
  std::array<uint8_t, 1024> room{};
  const size_t length =
      write_dhcp_reply(request, {DhcpType::ack, Ipv4{{10, 0, 0, 5}}, kServer, 80, options}, room);
  ASSERT_LE(length, longest_dhcp_reply(options.size()));
  const auto* header = view_at<DhcpHeader>(std::span<const uint8_t>(room), 0);
  EXPECT_EQ(header->operation, kDhcpReplyOperation);
  EXPECT_EQ(header->transaction, 0xcafe1234u);
  EXPECT_EQ(header->client, (Ipv4{{10, 0, 0, 5}}));
  EXPECT_EQ(header->yours, (Ipv4{{10, 0, 0, 5}}));
  EXPECT_EQ(header->hardware, kClient);
  const Bytes wanted{53, 1,  5,  54, 4, 10, 0, 0,  1, 51, 4,   0,   0,   0, 80, 58, 4, 0, 0,
                     0,  40, 59, 4,  0, 0,  0, 70, 1, 4,  255, 255, 255, 0, 61, 2,  7, 7, 255};
  EXPECT_EQ(Bytes(room.begin() + sizeof *header, room.begin() + static_cast<long>(length)), wanted);
}

TEST(Dhcp, ARefusalNamesNoAddressAndNoTimes) {
  DhcpRequest request;
  ASSERT_TRUE(read_dhcp_request(message(good_header(), {53, 1, 3, 255}), request));
  std::array<uint8_t, 1024> room{};
  const size_t length = write_dhcp_reply(request, {DhcpType::nak, {}, kServer, 0, {}}, room);
  const auto* header = view_at<DhcpHeader>(std::span<const uint8_t>(room), 0);
  EXPECT_TRUE(header->client.is_zero());
  EXPECT_TRUE(header->yours.is_zero());
  EXPECT_EQ(length, sizeof *header + 3 + 6 + 1);
}

TEST(Dhcp, TheLongestIdentifierStillFits) {
  Bytes options{53, 1, 3, 61, 255};
  options.resize(options.size() + 255, 9);
  DhcpRequest request;
  ASSERT_TRUE(read_dhcp_request(message(good_header(), options), request));
  std::array<uint8_t, 1024> room{};
  const Bytes own(280, 0);
  EXPECT_EQ(write_dhcp_reply(request, {DhcpType::ack, {}, kServer, 60, own}, room),
            longest_dhcp_reply(own.size()));
}

TEST(Dhcp, WritesNumbersNamesAndRoutesAsTheirRfcsSay) {
  DhcpOptions options;
  options.add(DhcpOption::mtu, 1450);
  options.add(DhcpOption::domain, "a.bc");
  const std::vector<std::string> domains{"a.bc", "d"};
  options.add_search(domains);
  // RFC 3442: as many bytes of a prefix as it has.
  const std::array<DhcpOptions::Route, 5> routes{{{Ipv4{}, 0, kServer},
                                                  {Ipv4{{10, 0, 0, 0}}, 8, {}},
                                                  {Ipv4{{10, 17, 0, 0}}, 16, {}},
                                                  {Ipv4{{10, 27, 129, 128}}, 25, {}},
                                                  {Ipv4{{10, 229, 0, 128}}, 32, {}}}};
  options.add_routes(routes);
  const Bytes wanted{26,  2,   5, 170, 15,  4,  'a', '.', 'b', 'c', 119, 9,  1,  'a', 2,
                     'b', 'c', 0, 1,   'd', 0,  121, 36,  0,   10,  0,   0,  1,  8,   10,
                     0,   0,   0, 0,   16,  10, 17,  0,   0,   0,   0,   25, 10, 27,  129,
                     128, 0,   0, 0,   0,   32, 10,  229, 0,   128, 0,   0,  0,  0};
  EXPECT_EQ(options.bytes(), wanted);
}

}  // namespace
}  // namespace butterfly::wire

// SPDX-License-Identifier: Apache-2.0
#include "wire/dhcp6.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace butterfly::wire {
namespace {

using Bytes = std::vector<uint8_t>;
using ::testing::ElementsAre;
using ::testing::ElementsAreArray;

Bytes option(uint16_t code, const Bytes& value) {
  Bytes bytes{static_cast<uint8_t>(code >> 8), static_cast<uint8_t>(code),
              static_cast<uint8_t>(value.size() >> 8), static_cast<uint8_t>(value.size())};
  bytes.insert(bytes.end(), value.begin(), value.end());
  return bytes;
}
Bytes operator+(Bytes a, const Bytes& b) {
  a.insert(a.end(), b.begin(), b.end());
  return a;
}
const Bytes kHead{1, 0x12, 0x34, 0x56};
const Bytes kClient = option(1, {0, 3, 0, 1, 0x52, 0x54, 0, 0, 0, 1});
const Bytes kServer = option(2, {0, 3, 0, 1, 2, 0, 0, 0, 0, 9});
const Ipv6 kAddress{{0xfd, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 5}};
Bytes address_option() {
  Bytes value(kAddress.bytes.begin(), kAddress.bytes.end());
  value.resize(24);
  return option(5, value);
}
Bytes association(uint16_t kind, const Bytes& inner, size_t fixed = 12) {
  Bytes value{0, 0, 0, 7};
  value.resize(fixed);
  return option(kind, value + inner);
}

TEST(Dhcp6, AMessageIsReadWholly) {
  Dhcp6Request request;
  const Bytes message = kHead + kClient + kServer + option(14, {}) +
                        association(3, address_option()) + option(6, {0, 23}) + association(25, {});
  ASSERT_TRUE(read_dhcp6_request(message, request));
  EXPECT_EQ(request.type, Dhcp6Type::solicit);
  EXPECT_EQ(request.transaction, 0x123456u);
  EXPECT_THAT(request.client.all(), ElementsAre(0, 3, 0, 1, 0x52, 0x54, 0, 0, 0, 1));
  EXPECT_THAT(request.server.all(), ElementsAre(0, 3, 0, 1, 2, 0, 0, 0, 0, 9));
  EXPECT_TRUE(request.rapid_commit);
  ASSERT_EQ(request.association_count, 2);
  EXPECT_EQ(request.associations[0].kind, Dhcp6Association::Kind::address);
  EXPECT_EQ(request.associations[0].id, 7u);
  ASSERT_EQ(request.associations[0].address_count, 1);
  EXPECT_EQ(request.associations[0].addresses[0], kAddress);
  EXPECT_EQ(request.associations[1].kind, Dhcp6Association::Kind::prefix);
}

TEST(Dhcp6, WhatBreaksOffIsRefusedAtEveryByte) {
  const std::vector<Bytes> options{kClient, association(3, address_option()), option(6, {0, 23})};
  Bytes message = kHead;
  std::vector<size_t> ends{message.size()};
  for (const Bytes& one : options) {
    message = message + one;
    ends.push_back(message.size());
  }
  for (size_t length = 0; length <= message.size(); ++length) {
    Dhcp6Request request;
    const bool is_whole = std::ranges::find(ends, length) != ends.end();
    EXPECT_EQ(read_dhcp6_request(std::span(message).first(length), request), is_whole) << length;
  }
}

TEST(Dhcp6, OptionsOfAnImpossibleLengthAreRefused) {
  for (const Bytes& bad :
       {option(1, {0, 3}), option(1, Bytes(131)), kClient + kClient, option(14, {1}),
        association(3, {}, 11), association(4, {}, 3), association(3, option(5, Bytes(23))),
        association(3, {0, 5, 0, 24, 1}), association(25, {}, 8)}) {
    Dhcp6Request request;
    EXPECT_FALSE(read_dhcp6_request(kHead + bad, request));
  }
}

TEST(Dhcp6, MoreThanIsKeptIsReadAllTheSame) {
  Bytes message = kHead + kClient;
  for (int i = 0; i < 9; ++i) {
    message = message + association(3, address_option() + address_option() + address_option());
  }
  Dhcp6Request request;
  ASSERT_TRUE(read_dhcp6_request(message, request));
  EXPECT_EQ(request.association_count, Dhcp6Request::kMaxAssociations);
  EXPECT_EQ(request.associations[0].address_count, Dhcp6Association::kMaxAddresses);
}

TEST(Dhcp6, ARelaysMessageIsNotLookedInto) {
  Dhcp6Request request;
  EXPECT_TRUE(read_dhcp6_request(Bytes{12, 0, 1, 2, 3}, request));
  EXPECT_EQ(request.type, Dhcp6Type::relay_forward);
}

TEST(Dhcp6, AnAnswerIsByteForByteWhatTheRfcSays) {
  Dhcp6Request request;
  ASSERT_TRUE(read_dhcp6_request(kHead + kClient + association(3, {}), request));
  Bytes out(Dhcp6Writer::kMaxBytes + 4);
  const auto server = dhcp6_identifier_of(Mac{{2, 0, 0, 0, 0, 9}});
  Dhcp6Writer writer(Dhcp6Type::reply, request, server, out);
  writer.add_rapid_commit();
  writer.open(request.associations[0], 5, 8);
  writer.add_address(kAddress, {10, 20});
  writer.add_status(Dhcp6Status::no_binding);
  writer.close();
  writer.add_options(option(23, {}));
  out.resize(writer.size());
  Bytes address(kAddress.bytes.begin(), kAddress.bytes.end());
  address = address + Bytes{0, 0, 0, 10, 0, 0, 0, 20};
  const Bytes inner =
      Bytes{0, 0, 0, 7, 0, 0, 0, 5, 0, 0, 0, 8} + option(5, address) + option(13, {0, 3});
  EXPECT_THAT(out, ElementsAreArray(Bytes{7, 0x12, 0x34, 0x56} + kClient + kServer +
                                    option(14, {}) + option(3, inner) + option(23, {})));
}

TEST(Dhcp6, TheLongestAnswerFitsWhatIsSaidOfIt) {
  Bytes message = kHead + option(1, Bytes(Dhcp6Identifier::kMaxLength, 1));
  for (size_t i = 0; i < Dhcp6Request::kMaxAssociations; ++i) {
    message = message + association(3, address_option() + address_option());
  }
  Dhcp6Request request;
  ASSERT_TRUE(read_dhcp6_request(message, request));
  Bytes out(Dhcp6Writer::kMaxBytes);
  Dhcp6Writer writer(Dhcp6Type::reply, request, Bytes(Dhcp6Identifier::kMaxLength, 2), out);
  writer.add_rapid_commit();
  writer.add_status(Dhcp6Status::success);
  for (const Dhcp6Association& one : request.associations) {
    writer.open(one, 1, 2);
    for (size_t i = 0; i <= Dhcp6Association::kMaxAddresses; ++i) {
      writer.add_address(kAddress, {1, 2});
    }
    writer.add_status(Dhcp6Status::success);
    writer.close();
  }
  EXPECT_LE(writer.size(), Dhcp6Writer::kMaxBytes);
}

TEST(Dhcp6, OptionsForNamesAndServersAreLeftOutWhenEmpty) {
  const std::vector<Ipv6> servers{kAddress};
  const std::vector<std::string> domains{"a.bc"};
  Bytes address(kAddress.bytes.begin(), kAddress.bytes.end());
  EXPECT_THAT(dhcp6_dns_options(servers, domains),
              ElementsAreArray(option(23, address) + option(24, {1, 'a', 2, 'b', 'c', 0})));
  EXPECT_TRUE(dhcp6_dns_options({}, {}).empty());
}

}  // namespace
}  // namespace butterfly::wire

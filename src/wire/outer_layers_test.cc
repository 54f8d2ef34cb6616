// SPDX-License-Identifier: Apache-2.0
#include "wire/outer_layers.h"

#include <gtest/gtest.h>

#include <set>

#include "wire/checksum.h"
#include "wire/frames_for_test.h"
#include "wire/outer_pattern.h"
#include "wire/tunnel_class.h"

namespace butterfly::wire {
namespace {

using test::address;
using test::Bytes;
using test::kMacA;
using test::kMacB;

constexpr uint16_t kPort = 4789;

template <typename F>
class OuterLayersTest : public ::testing::Test {
 protected:
  static constexpr Family kFamily = F::value;
  using Layers = OuterLayers<kFamily>;

  // Headers from B to A in front of `length` zeros.
  Bytes datagram(uint32_t length) const {
    Bytes bytes(sizeof(Layers) + length);
    template_.template write<kFamily>(bytes.data(), kMacA.to_u64(), 0xc123, Vni{0xabcdef}, length);
    return bytes;
  }
  Bytes datagram_of(uint8_t traffic_class, uint32_t length) const {
    Bytes bytes(sizeof(Layers) + length);
    template_.template write<kFamily>(bytes.data(), kMacA.to_u64(), 0xc123, Vni{0xabcdef}, length,
                                      traffic_class);
    return bytes;
  }
  const Layers* match(const Bytes& bytes) const {
    return pattern_.template match<kFamily>(bytes, static_cast<uint32_t>(bytes.size()));
  }
  // A copy with one bit changed and, so that it is not the only reason, the right checksum.
  static Bytes flipped(Bytes bytes, size_t bit) {
    bytes[bit / 8] ^= static_cast<uint8_t>(0x80 >> bit % 8);
    if constexpr (kFamily == Family::v4) {
      auto& ip = reinterpret_cast<Layers*>(bytes.data())->ip;
      if (bit / 8 < 24 || bit / 8 > 25) {
        ip.checksum = 0;
        ip.checksum = checksum_finish(checksum_add(std::span(bytes).subspan(14, 20)));
      }
    }
    return bytes;
  }
  // Bytes whose every value is usual.
  static std::set<size_t> free_bytes() {
    std::set<size_t> free{6, 7, 8, 9, 10, 11};  // the sender's MAC
    const auto add = [&free](size_t first, size_t count) {
      for (size_t i = 0; i < count; ++i) free.insert(first + i);
    };
    if constexpr (kFamily == Family::v4) {
      add(15, 1);  // TOS
      add(18, 2);  // id
      add(22, 1);  // TTL
      add(26, 4);  // source
      add(34, 2);  // UDP source port
      add(43, 7);  // reserved, VNI
    } else {
      add(15, 3);   // class, flow label; the first byte shares its half with the version
      add(21, 17);  // hop limit, source
      add(54, 2);
      add(63, 7);
    }
    return free;
  }
  static bool is_free(size_t bit) {
    const size_t byte = bit / 8;
    if (free_bytes().contains(byte)) return true;
    if (kFamily == Family::v4 && byte == 20) return bit % 8 < 2;   // reserved, DF
    if (kFamily == Family::v6 && byte == 14) return bit % 8 >= 4;  // class
    const size_t flags = offsetof(Layers, vxlan);
    return byte == flags && bit % 8 != 4;  // all but the I flag
  }

  static IpAddress end(int number) {
    return kFamily == Family::v4 ? address("192.0.2." + std::to_string(number))
                                 : address("2001:db8::" + std::to_string(number));
  }
  OuterTemplate template_{kMacB, end(2), end(1), kPort};
  OuterPattern pattern_{kMacA, end(1), kPort};
};
using Families = ::testing::Types<std::integral_constant<Family, Family::v4>,
                                  std::integral_constant<Family, Family::v6>>;
TYPED_TEST_SUITE(OuterLayersTest, Families);

TYPED_TEST(OuterLayersTest, LengthsAndChecksumAreRightForEveryFrame) {
  for (const uint32_t length : {14u, 60u, 1514u, 8999u, 65'000u, 65'465u}) {
    const Bytes bytes = this->datagram(length);
    const auto* outer = this->match(bytes);
    ASSERT_NE(outer, nullptr) << length;
    EXPECT_EQ(outer->udp.length, length + 16);
    EXPECT_EQ(outer->udp.source_port, 0xc123);
    EXPECT_EQ(outer->vxlan.vni(), 0xabcdefu);
  }
  for (uint32_t length = 14; length < 2000; ++length) {
    ASSERT_NE(this->match(this->datagram(length)), nullptr) << length;
  }
}

TYPED_TEST(OuterLayersTest, EveryClassIsWrittenAndTheChecksumIsRight) {
  for (uint32_t value = 0; value < 256; ++value) {
    for (uint32_t length = 14; length < 65'000; length += 97) {
      const Bytes bytes = this->datagram_of(static_cast<uint8_t>(value), length);
      const auto* outer = this->match(bytes);
      ASSERT_NE(outer, nullptr) << value << ", " << length;
      ASSERT_EQ(traffic_class_of(outer->ip), value);
    }
  }
}

TYPED_TEST(OuterLayersTest, EveryBitThatCountsIsLookedAtAndNoOther) {
  const Bytes usual = this->datagram(20);
  ASSERT_NE(this->match(usual), nullptr);
  using Layers = typename TestFixture::Layers;
  for (size_t bit = 0; bit < sizeof(Layers) * 8; ++bit) {
    EXPECT_EQ(this->match(this->flipped(usual, bit)) != nullptr, this->is_free(bit))
        << "byte " << bit / 8 << " bit " << bit % 8;
  }
}

TYPED_TEST(OuterLayersTest, ItsLengthsMustFitTheFrameWhichMayBePadded) {
  Bytes bytes = this->datagram(20);
  bytes.push_back(0);
  EXPECT_NE(this->match(bytes), nullptr);
  bytes.resize(bytes.size() - 2);
  EXPECT_EQ(this->match(bytes), nullptr);
  EXPECT_NE(this->match(this->datagram(14)), nullptr);
  EXPECT_EQ(this->match(this->datagram(13)), nullptr);
  Bytes short_head = this->datagram(13);
  short_head.push_back(0);
  EXPECT_EQ(this->match(short_head), nullptr) << "the inner header ends outside the datagram";
}

TEST(Ipv4Checksum, HoldsOnlyWhenItIsRight) {
  Bytes header = test::ipv4_alone(kProtoUdp, {});
  auto& ip = *reinterpret_cast<Ipv4Header*>(header.data());
  for (uint32_t id = 0; id < 0x10000; ++id) {
    ip.id = static_cast<uint16_t>(id);
    ip.checksum = 0;
    const uint16_t right = checksum_finish(checksum_add(header));
    ip.checksum = right;
    ASSERT_TRUE(ipv4_checksum_holds(ip)) << id;
    ip.checksum = static_cast<uint16_t>(right ^ 1 << id % 16);
    ASSERT_FALSE(ipv4_checksum_holds(ip)) << id;
  }
}

}  // namespace
}  // namespace butterfly::wire

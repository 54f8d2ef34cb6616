// SPDX-License-Identifier: Apache-2.0
#include "wire/outer_pattern.h"

#include <algorithm>

namespace butterfly::wire {
namespace {

constexpr uint8_t kVniFlag = 0x08;
constexpr uint16_t kFragmentBits = 0x3fff;

// The fields that count, as they are in `value` and all ones in `mask`.
template <Family kFamily>
struct Fields {
  OuterLayers<kFamily> value{};
  OuterLayers<kFamily> mask{};

  Fields(const Mac& mac, uint16_t udp_port) {
    value.ethernet.destination = mac;
    mask.ethernet.destination = Mac::broadcast();
    value.ethernet.type = kFamily == Family::v4 ? kTypeIpv4 : kTypeIpv6;
    mask.ethernet.type = 0xffff;
    value.udp.destination_port = udp_port;
    mask.udp.destination_port = 0xffff;
    mask.udp.checksum = 0xffff;
    value.vxlan.flags = mask.vxlan.flags = kVniFlag;
  }
};

template <Family kFamily>
void copy(const Fields<kFamily>& fields, std::span<uint8_t> value, std::span<uint8_t> mask) {
  const size_t count = std::min(value.size(), sizeof fields.value);
  std::memcpy(value.data(), &fields.value, count);
  std::memcpy(mask.data(), &fields.mask, count);
}

}  // namespace

OuterPattern::OuterPattern(const Mac& mac, const IpAddress& address, uint16_t udp_port) {
  if (address.is_v4()) {
    Fields<Family::v4> fields(mac, udp_port);
    fields.value.ip.version_ihl = 0x45;
    fields.mask.ip.version_ihl = 0xff;
    fields.mask.ip.fragment = kFragmentBits;
    fields.value.ip.protocol = kProtoUdp;
    fields.mask.ip.protocol = 0xff;
    fields.value.ip.destination = address.v4();
    fields.mask.ip.destination = Ipv4::from_u32(0xffffffff);
    copy(fields, value_, mask_);
  } else {
    Fields<Family::v6> fields(mac, udp_port);
    // All that counts lies in the bytes that are compared.
    static_assert(offsetof(OuterLayers<Family::v6>, vxlan.flags) < kBytes);
    fields.value.ip.version_class_flow = 6U << 28;
    fields.mask.ip.version_class_flow = 0xfU << 28;
    fields.value.ip.next_header = kProtoUdp;
    fields.mask.ip.next_header = 0xff;
    fields.value.ip.destination = address.v6();
    fields.mask.ip.destination.bytes.fill(0xff);
    copy(fields, value_, mask_);
  }
}

}  // namespace butterfly::wire

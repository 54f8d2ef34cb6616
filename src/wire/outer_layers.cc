// SPDX-License-Identifier: Apache-2.0
#include "wire/outer_layers.h"

#include "wire/checksum.h"

namespace butterfly::wire {
namespace {

constexpr uint8_t kHopLimit = 64;
constexpr uint8_t kVniFlag = 0x08;
constexpr uint16_t kDontFragment = 0x4000;

template <Family kFamily>
OuterLayers<kFamily> common_layers(const Mac& mac, uint16_t udp_port) {
  OuterLayers<kFamily> layers{};
  layers.ethernet.source = mac;
  layers.ethernet.type = kFamily == Family::v4 ? kTypeIpv4 : kTypeIpv6;
  layers.udp.destination_port = udp_port;
  layers.vxlan.flags = kVniFlag;
  return layers;
}

}  // namespace

OuterTemplate::OuterTemplate(const Mac& mac, const IpAddress& from, const IpAddress& to,
                             uint16_t udp_port) {
  if (from.is_v4()) {
    auto layers = common_layers<Family::v4>(mac, udp_port);
    layers.ip.version_ihl = 0x45;
    layers.ip.fragment = kDontFragment;
    layers.ip.ttl = kHopLimit;
    layers.ip.protocol = kProtoUdp;
    layers.ip.source = from.v4();
    layers.ip.destination = to.v4();
    std::memcpy(bytes_.data(), &layers, sizeof layers);
    const auto header = std::span(bytes_).subspan(kEthernetHeaderLen, sizeof layers.ip);
    const be16 sum = static_cast<uint16_t>(~checksum_finish(checksum_add(header)));
    ipv4_sum_ = sum.raw();
  } else {
    auto layers = common_layers<Family::v6>(mac, udp_port);
    layers.ip.version_class_flow = 6U << 28;
    layers.ip.next_header = kProtoUdp;
    layers.ip.hop_limit = kHopLimit;
    layers.ip.source = from.v6();
    layers.ip.destination = to.v6();
    std::memcpy(bytes_.data(), &layers, sizeof layers);
  }
}

}  // namespace butterfly::wire

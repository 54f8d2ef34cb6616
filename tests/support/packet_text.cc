// SPDX-License-Identifier: Apache-2.0
#include "support/packet_text.h"

#include <algorithm>
#include <cstdio>
#include <cstdlib>

#include "support/eal.h"
#include "support/packet_build.h"
#include "support/packet_dissect.h"

namespace butterfly::test {
namespace {

// Fields that say what a packet is: shown even with their default value.
bool is_always_shown(const Layer& layer, const std::string& field) {
  constexpr std::string_view kShown[] = {"src", "dst",       "sport",     "dport", "flags",
                                         "vni", "sender_ip", "target_ip", "target"};
  if (layer.name == "vxlan" || layer.name == "gre" || layer.name == "nd_ra") return field == "vni";
  if (layer.name == "dhcp" || layer.name == "dhcp6") return false;
  if (layer.name.starts_with("icmp") && field == "type") return true;
  return std::ranges::find(kShown, field) != std::end(kShown);
}

// Leaves out every field without which the same bytes are built.
void simplify(std::vector<Layer>& layers, std::span<const uint8_t> bytes) {
  for (size_t i = 0; i < layers.size(); ++i) {
    const std::vector<Field> fields = layers[i].fields;
    for (const Field& field : fields) {
      if (is_always_shown(layers[i], field.name)) continue;
      const std::vector<Field> kept = layers[i].fields;
      std::erase(layers[i].fields, field);
      const StatusOr<Bytes> again = build_layers(layers);
      if (!again.ok() || !std::ranges::equal(*again, bytes)) layers[i].fields = kept;
    }
  }
}

}  // namespace

StatusOr<std::vector<uint8_t>> build_packet(std::string_view text) {
  const StatusOr<std::vector<Layer>> layers = parse_layers(text);
  if (!layers.ok()) return layers.status();
  return build_layers(*layers);
}

std::vector<uint8_t> bytes_of(std::string_view text) {
  StatusOr<std::vector<uint8_t>> bytes = build_packet(text);
  if (!bytes.ok()) {
    std::fprintf(stderr, "packet text: %s\n  in: %.*s\n",
                 std::string(bytes.status().message()).c_str(), static_cast<int>(text.size()),
                 text.data());
    std::abort();
  }
  return *std::move(bytes);
}

std::string describe_packet(std::span<const uint8_t> bytes) {
  std::vector<Layer> layers = dissect(bytes);
  simplify(layers, bytes);
  return to_text(layers);
}

namespace {

Packet* make_packet_of(PacketPool& pool, std::span<const uint8_t> bytes) {
  Packet* packet = pool.alloc();
  const auto length = static_cast<uint16_t>(bytes.size());
  char* room = packet ? rte_pktmbuf_append(packet, length) : nullptr;
  if (!room) {
    std::fprintf(stderr, "make_packet: no buffer of %zu bytes\n", bytes.size());
    std::abort();
  }
  std::ranges::copy(bytes, room);
  return packet;
}

}  // namespace

Packet* make_packet(std::span<const uint8_t> bytes) { return make_packet_of(pool(), bytes); }

Packet* make_large_packet(std::span<const uint8_t> bytes) {
  return make_packet_of(large_pool(), bytes);
}

Packet* make_packet(std::string_view text) { return make_packet(bytes_of(text)); }

std::vector<uint8_t> contents(const Packet& packet) {
  std::vector<uint8_t> bytes;
  bytes.reserve(packet.length());
  for (const rte_mbuf* segment = &packet; segment; segment = segment->next) {
    const auto* data = static_cast<const uint8_t*>(segment->buf_addr) + segment->data_off;
    bytes.insert(bytes.end(), data, data + segment->data_len);
  }
  return bytes;
}

}  // namespace butterfly::test

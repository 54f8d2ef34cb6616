// SPDX-License-Identifier: Apache-2.0
#include "support/packet_build.h"

#include <algorithm>

namespace butterfly::test {
namespace {

Status build_content(const Layer& layer, Bytes& bytes) {
  Fields fields(layer);
  Bytes content = fields.hex("hex");
  const auto length = static_cast<size_t>(fields.number("len", 0, 65535));
  const std::string text = fields.text("text");
  if (layer.name == "payload" && fields.has("len")) content = letters(length);
  if (layer.name == "payload" && fields.has("text")) content.assign(text.begin(), text.end());
  if (layer.name == "trailer" && fields.has("len")) content.assign(length, 0);
  bytes.insert(bytes.begin(), content.begin(), content.end());
  return fields.status();
}

// The IP addresses around layer `index`: of the nearest IP header outside it.
Surroundings surroundings(const std::vector<Layer>& layers, size_t index) {
  Surroundings around;
  if (index + 1 < layers.size()) around.next = layers[index + 1].name;
  for (size_t i = index; i-- > 0;) {
    if (layers[i].name != "ipv4" && layers[i].name != "ipv6") continue;
    Fields fields(layers[i]);
    if (layers[i].name == "ipv4") {
      around.source = fields.ipv4("src", "10.0.0.1");
      around.destination = fields.ipv4("dst", "10.0.0.2");
    } else {
      around.source = fields.ipv6("src", "fd00::1");
      around.destination = fields.ipv6("dst", "fd00::2");
    }
    return around;
  }
  return around;
}

Status build_layer(const std::vector<Layer>& layers, size_t index, Bytes& bytes) {
  const Layer& layer = layers[index];
  if (layer.name == "payload" || layer.name == "raw") return build_content(layer, bytes);
  Fields fields(layer);
  const Surroundings around = surroundings(layers, index);
  if (!build_network(layer.name, fields, around, bytes) &&
      !build_transport(layer.name, fields, around, bytes)) {
    return invalid("no layer is called '" + layer.name + "' (packet_build.h lists them)");
  }
  return fields.status();
}

}  // namespace

Bytes letters(size_t count) {
  Bytes bytes(count);
  for (size_t i = 0; i < count; ++i) bytes[i] = static_cast<uint8_t>('a' + i % 26);
  return bytes;
}

StatusOr<Bytes> build_layers(const std::vector<Layer>& all) {
  std::vector<Layer> layers = all;
  std::vector<Layer> trailers;
  while (!layers.empty() && layers.back().name == "trailer") {
    trailers.push_back(std::move(layers.back()));
    layers.pop_back();
  }
  Bytes bytes;
  for (size_t i = layers.size(); i-- > 0;) {
    // Behind the frame, but inside whatever carries it.
    if (layers[i].name == "eth" && !trailers.empty()) {
      RETURN_IF_ERROR(build_layer(layers, i, bytes));
      Bytes trailer;
      RETURN_IF_ERROR(build_content(trailers.back(), trailer));
      trailers.pop_back();
      bytes.insert(bytes.end(), trailer.begin(), trailer.end());
    } else {
      RETURN_IF_ERROR(build_layer(layers, i, bytes));
    }
  }
  if (!trailers.empty()) return invalid("trailer: more of them than eth layers");
  return bytes;
}

}  // namespace butterfly::test

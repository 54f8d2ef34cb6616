// SPDX-License-Identifier: Apache-2.0
// Reads the fields of one layer as numbers, addresses and bytes, and remembers the first fault.
#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/ip.h"
#include "base/mac.h"
#include "support/packet_layers.h"

namespace butterfly::test {

using Bytes = std::vector<uint8_t>;

class Fields {
 public:
  explicit Fields(const Layer& layer) : layer_(layer) {}

  bool has(std::string_view name) const { return layer_.find(name) != nullptr; }
  // Decimal or 0x…; `otherwise` when absent or faulty.
  uint64_t number(std::string_view name, uint64_t otherwise, uint64_t max);
  uint8_t u8(std::string_view name, uint64_t otherwise) {
    return static_cast<uint8_t>(number(name, otherwise, 0xff));
  }
  uint16_t u16(std::string_view name, uint64_t otherwise) {
    return static_cast<uint16_t>(number(name, otherwise, 0xffff));
  }
  uint32_t u32(std::string_view name, uint64_t otherwise) {
    return static_cast<uint32_t>(number(name, otherwise, 0xffffffff));
  }
  Mac mac(std::string_view name, std::string_view otherwise);
  Ipv4 ipv4(std::string_view name, std::string_view otherwise);
  Ipv6 ipv6(std::string_view name, std::string_view otherwise);
  Bytes hex(std::string_view name);
  std::string text(std::string_view name);

  // Complains about `name`, whose value is not `wanted`.
  void fault(std::string_view name, const std::string& wanted);
  // The first fault: a bad value, or a field that nobody asked for.
  Status status() const;

 private:
  const std::string* use(std::string_view name);

  const Layer& layer_;
  std::set<std::string, std::less<>> known_;
  Status fault_;
};

std::string to_hex(const uint8_t* bytes, size_t count);

}  // namespace butterfly::test

// SPDX-License-Identifier: Apache-2.0
// The middle form between packet text and bytes: a list of named layers with named fields.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace butterfly::test {

struct Field {
  std::string name;
  std::string value;
  friend bool operator==(const Field&, const Field&) = default;
};

struct Layer {
  std::string name;
  std::vector<Field> fields;

  void add(std::string field, std::string value) {
    fields.push_back({std::move(field), std::move(value)});
  }
  // Null when the layer does not carry the field.
  const std::string* find(std::string_view field) const;
  friend bool operator==(const Layer&, const Layer&) = default;
};

// "eth(src=…)/ipv4/payload(text="a/b")" as layers; names and values are not looked at yet.
StatusOr<std::vector<Layer>> parse_layers(std::string_view text);
std::string to_text(const std::vector<Layer>& layers);

}  // namespace butterfly::test

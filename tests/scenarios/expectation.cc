// SPDX-License-Identifier: Apache-2.0
#include "scenarios/expectation.h"

#include <algorithm>
#include <map>

#include "support/packet_build.h"
#include "support/packet_dissect.h"
#include "support/packet_text.h"

namespace butterfly::scenario {
namespace {

using test::Field;
using test::Layer;

// Puts what came in place of every *. False when the packet has other layers.
bool fill_in(std::vector<Layer>& expected, const std::vector<Layer>& came) {
  for (size_t i = 0; i < expected.size(); ++i) {
    for (Field& field : expected[i].fields) {
      if (field.value != "*") continue;
      if (i >= came.size() || came[i].name != expected[i].name) return false;
      const std::string* value = came[i].find(field.name);
      if (!value) return false;
      field.value = *value;
    }
  }
  return true;
}

template <typename T>
std::map<std::string, std::vector<const T*>> by_port(const std::vector<T>& list) {
  std::map<std::string, std::vector<const T*>> ports;
  for (const T& item : list) ports[item.port].push_back(&item);
  return ports;
}

}  // namespace

Status check_text(const Expectation& expectation) {
  StatusOr<std::vector<Layer>> layers = test::parse_layers(expectation.packet);
  if (!layers.ok()) return layers.status();
  for (Layer& layer : *layers) {
    std::erase_if(layer.fields, [](const Field& field) { return field.value == "*"; });
  }
  return test::build_layers(*layers).status();
}

bool matches(const Expectation& expectation, const Sighting& sighting) {
  StatusOr<std::vector<Layer>> layers = test::parse_layers(expectation.packet);
  if (!layers.ok() || !fill_in(*layers, test::dissect(sighting.frame))) return false;
  const auto bytes = test::build_layers(*layers);
  return bytes.ok() && *bytes == sighting.frame;
}

bool match(const std::vector<Expectation>& expected, const std::vector<Sighting>& seen) {
  const auto wanted = by_port(expected);
  const auto came = by_port(seen);
  if (wanted.size() != came.size()) return false;
  return std::ranges::equal(wanted, came, [](const auto& a, const auto& b) {
    return a.first == b.first &&
           std::ranges::equal(a.second, b.second, [](const Expectation* e, const Sighting* s) {
             return matches(*e, *s);
           });
  });
}

std::vector<std::string> as_lines(const std::vector<Sighting>& seen) {
  if (seen.empty()) return {"expect nothing"};
  std::vector<std::string> lines;
  for (size_t i = 0; i < seen.size();) {
    size_t end = i + 1;
    while (end < seen.size() && seen[end].port == seen[i].port &&
           seen[end].frame == seen[i].frame) {
      ++end;
    }
    const std::string times = end - i == 1 ? "" : std::to_string(end - i) + " of ";
    lines.push_back("expect " + seen[i].port + " " + times + test::describe_packet(seen[i].frame));
    i = end;
  }
  return lines;
}

}  // namespace butterfly::scenario

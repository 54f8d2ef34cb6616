// SPDX-License-Identifier: Apache-2.0
// Settings to and from API messages, by the names that both have in common.
#include <cstdlib>

#include "control/from_proto.h"
#include "control/to_proto.h"

namespace butterfly {
namespace {

using google::protobuf::Message;
using Field = google::protobuf::FieldDescriptor;

// A setting without its field is a fault of ours that every test meets.
const Field& field_of(const Message& message, const KnobInfo& info) {
  const Field* field = message.GetDescriptor()->FindFieldByName(info.key);
  if (!field) std::abort();
  return *field;
}

void merge_settings(const Message& message, const KnobTable& table, std::span<uint32_t> values) {
  const auto& reflection = *message.GetReflection();
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const Field& field = field_of(message, table.rows[i]);
    if (!reflection.HasField(message, &field)) continue;
    const bool is_flag = table.rows[i].unit == KnobUnit::on_off;
    values[i] = is_flag ? (reflection.GetBool(message, &field) ? 1U : 0U)
                        : reflection.GetUInt32(message, &field);
  }
}

void write_settings(const KnobTable& table, std::span<const uint32_t> values, Message& message) {
  const auto& reflection = *message.GetReflection();
  for (size_t i = 0; i < table.rows.size(); ++i) {
    const Field& field = field_of(message, table.rows[i]);
    if (table.rows[i].unit == KnobUnit::on_off) {
      reflection.SetBool(&message, &field, values[i] != 0);
    } else {
      reflection.SetUInt32(&message, &field, values[i]);
    }
  }
}

}  // namespace

void merge(const v1::FirewallSettings& message, FirewallSettings& settings) {
  merge_settings(message, kFirewallKnobs, settings.all());
}

v1::FirewallSettings to_proto(const FirewallSettings& settings) {
  v1::FirewallSettings message;
  write_settings(kFirewallKnobs, settings.all(), message);
  return message;
}

void merge(const v1::SwitchSettings& message, SwitchSettings& settings) {
  merge_settings(message, kSwitchKnobs, settings.all());
}

v1::SwitchSettings to_proto(const SwitchSettings& settings) {
  v1::SwitchSettings message;
  write_settings(kSwitchKnobs, settings.all(), message);
  return message;
}

}  // namespace butterfly

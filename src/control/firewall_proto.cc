// SPDX-License-Identifier: Apache-2.0
// Settings of the firewall to and from API messages, by the names that both have in common.
#include <cstdlib>

#include "control/from_proto.h"
#include "control/to_proto.h"

namespace butterfly {
namespace {

using Field = google::protobuf::FieldDescriptor;

// A setting without its field is a fault of ours that every test meets.
const Field& field_of(const KnobInfo& info) {
  const Field* field = v1::FirewallSettings::descriptor()->FindFieldByName(info.key);
  if (!field) std::abort();
  return *field;
}

}  // namespace

void merge(const v1::FirewallSettings& message, FirewallSettings& settings) {
  const auto& reflection = *message.GetReflection();
  for (size_t i = 0; i < kKnobs.size(); ++i) {
    const Field& field = field_of(kKnobs[i]);
    if (!reflection.HasField(message, &field)) continue;
    const bool is_flag = kKnobs[i].unit == KnobUnit::on_off;
    const uint32_t value = is_flag ? (reflection.GetBool(message, &field) ? 1U : 0U)
                                   : reflection.GetUInt32(message, &field);
    settings.set(knob_at(i), value);
  }
}

v1::FirewallSettings to_proto(const FirewallSettings& settings) {
  v1::FirewallSettings message;
  const auto& reflection = *message.GetReflection();
  for (size_t i = 0; i < kKnobs.size(); ++i) {
    const Field& field = field_of(kKnobs[i]);
    const uint32_t value = settings[knob_at(i)];
    if (kKnobs[i].unit == KnobUnit::on_off) {
      reflection.SetBool(&message, &field, value != 0);
    } else {
      reflection.SetUInt32(&message, &field, value);
    }
  }
  return message;
}

}  // namespace butterfly

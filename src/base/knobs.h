// SPDX-License-Identifier: Apache-2.0
// Settings of a host as a table of rows (decision record 0011): one value each for the whole host.
//
// All that is known of a setting stands in its row. Validation, the API's messages, the command's
// help and the table in its page are made from it.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>

#include "base/status.h"

namespace butterfly {

enum class KnobUnit : uint8_t { seconds, on_off, count };

struct KnobInfo {
  const char* key;  // as in the API: "tcp_new_s"
  KnobUnit unit;
  uint32_t standard;  // the default
  uint32_t least;     // bounds, inclusive; of on_off 0 and 1
  uint32_t most;
  const char* sentence;
};

struct KnobTable {
  const char* object;  // whose they are: "firewall"
  std::span<const KnobInfo> rows;
};

// A value for each row of `kRows`, in the order of the rows and of the enumerators of `Row`.
template <typename Row, const auto& kRows>
class KnobValues {
 public:
  // The defaults.
  constexpr KnobValues() {
    for (size_t i = 0; i < kRows.size(); ++i) values_[i] = kRows[i].standard;
  }
  constexpr uint32_t operator[](Row row) const { return values_[static_cast<size_t>(row)]; }
  constexpr bool is_on(Row row) const { return (*this)[row] != 0; }
  constexpr void set(Row row, uint32_t value) { values_[static_cast<size_t>(row)] = value; }
  friend constexpr bool operator==(const KnobValues&, const KnobValues&) = default;

  std::span<const uint32_t> all() const { return values_; }
  std::span<uint32_t> all() { return values_; }

 private:
  std::array<uint32_t, kRows.size()> values_{};
};

// That the value is within its bounds: "firewall: tcp_new_s 0 is too small (wanted 1..172800 s)".
Status validate_knob(const KnobTable& table, size_t row, uint64_t value);
Status validate_knobs(const KnobTable& table, std::span<const uint32_t> values);

// "30", "on": as `set` takes it.
std::string knob_text(const KnobInfo& info, uint32_t value);
// "s", or empty.
const char* unit_text(KnobUnit unit);
// "1..172800 s", "on or off".
std::string wanted_text(const KnobInfo& info);

struct KnobSetting {
  size_t row;
  uint32_t value;
};
// "tcp_new_s=30", "revalidate=off".
StatusOr<KnobSetting> parse_knob(const KnobTable& table, std::string_view text);
// invalid_argument with all keys when there is none of that name.
StatusOr<size_t> find_knob(const KnobTable& table, std::string_view key);

// What differs, in words: "tcp_new_s 30 → 60, revalidate on → off"; empty when nothing does.
std::string compare_knobs(const KnobTable& table, std::span<const uint32_t> before,
                          std::span<const uint32_t> after);

// The table of the settings' page in docs, in Markdown.
std::string knob_page(const KnobTable& table);

}  // namespace butterfly

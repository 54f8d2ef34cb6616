// SPDX-License-Identifier: Apache-2.0
// The words of a scenario's line, read one after the other.
#pragma once

#include <optional>
#include <string>

#include "base/ip.h"
#include "base/mac.h"
#include "base/status.h"
#include "host/intent/intent.h"
#include "scenarios/scenario_file.h"

namespace butterfly::scenario {

// "31s", "300ms", "5d" in milliseconds.
StatusOr<uint32_t> parse_duration(const std::string& text);
StatusOr<uint64_t> parse_number(const std::string& text, uint64_t max);

// The first fault sticks: what is read after it means nothing.
class LineReader {
 public:
  LineReader(const Line& line, size_t start) : line_(line), at_(start) {}

  bool is_done() const { return at_ >= line_.words.size() || !fault_.ok(); }
  const std::string& next() { return line_.word(at_++); }
  // Takes the next word if it is `word`.
  bool accept(const std::string& word) {
    if (line_.word(at_) != word) return false;
    ++at_;
    return true;
  }
  template <typename T>
  T number(uint64_t max) {
    const std::string& text = next();
    const StatusOr<uint64_t> value = parse_number(text, max);
    if (!value.ok()) return fail(value.status()), T{};
    return static_cast<T>(*value);
  }
  Mac mac() { return value_of(Mac::parse(next()), "a MAC address"); }
  IpAddress address() { return value_of(IpAddress::parse(next()), "an address"); }
  Cidr cidr() { return value_of(Cidr::parse(next()), "a prefix"); }
  // PREFIX[,MAC]
  AllowedIntent allowed() {
    const std::string& text = next();
    const size_t comma = text.find(',');
    AllowedIntent one{value_of(Cidr::parse(text.substr(0, comma)), "PREFIX[,MAC]"), std::nullopt};
    if (comma != std::string::npos) {
      one.mac = value_of(Mac::parse(text.substr(comma + 1)), "PREFIX[,MAC]");
    }
    return one;
  }
  uint32_t duration() {
    const StatusOr<uint32_t> value = parse_duration(next());
    if (!value.ok()) return fail(value.status()), 0;
    return *value;
  }
  void fail(const Status& status) {
    if (fault_.ok()) fault_ = status;
  }
  // The word just read is not `what`.
  void wanted(const std::string& what) {
    fail(invalid("'" + line_.word(at_ - 1) + "' (wanted " + what + ")"));
  }
  const Status& status() const { return fault_; }

 private:
  template <typename T>
  T value_of(std::optional<T> value, const std::string& what) {
    if (!value) wanted(what);
    return value.value_or(T{});
  }

  const Line& line_;
  size_t at_;
  Status fault_;
};

}  // namespace butterfly::scenario

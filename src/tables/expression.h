// SPDX-License-Identifier: Apache-2.0
// A pcap-filter(7) expression, compiled: what the first packet of a flow must match besides the
// typed fields of its rule.
//
// Immutable, shared by the rules with the same text and by the snapshots in which they are.
// Called by any lcore: matches() neither allocates nor locks nor writes. Its cost is bounded by
// base/classic_bpf.h: 4,096 instructions, no loops.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <utility>

namespace butterfly {

class Expression {
 public:
  // `fault`: why this one matches nothing, though nobody wants it so; empty when all is well.
  explicit Expression(std::string text, std::string fault = {})
      : text_(std::move(text)), fault_(std::move(fault)) {}
  virtual ~Expression() = default;
  Expression(const Expression&) = delete;
  Expression& operator=(const Expression&) = delete;

  // `packet` begins with its IP header. A look past its end is no match, whatever else the
  // expression says.
  virtual bool matches(std::span<const uint8_t> packet) const noexcept = 0;

  const std::string& text() const { return text_; }
  const std::string& fault() const { return fault_; }

 private:
  std::string text_;
  std::string fault_;
};

}  // namespace butterfly

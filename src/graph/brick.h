// SPDX-License-Identifier: Apache-2.0
// What a brick is: a plain class that takes one packet and names one Out. The engine
// (run_brick.h) does the rest: trace, count, push, free.
#pragma once

#include <array>
#include <concepts>
#include <cstddef>
#include <cstdint>
#include <span>
#include <string>

#include "graph/packet.h"

namespace butterfly {

enum class Edge : uint8_t { forward, drop };

// One named result of a brick. The sentence is what CLI, metrics and docs print.
struct OutInfo {
  const char* name;
  Edge edge;
  const char* sentence;
};

struct BrickInfo {
  const char* name;
  std::span<const OutInfo> outs;
};

inline constexpr size_t kMaxOuts = 24;
// Room for a brick's Trace struct in a trace step.
inline constexpr size_t kTraceBytes = 48;

template <typename B>
concept BrickShape = requires {
  typename B::Out;
  typename B::Trace;
  { B::kInfo } -> std::convertible_to<const BrickInfo&>;
  requires B::kOuts.size() > 0 && B::kOuts.size() <= kMaxOuts;
  requires sizeof(typename B::Trace) <= kTraceBytes;
  requires std::is_trivially_copyable_v<typename B::Trace>;
};

template <typename B>
class Emit;

// The common brick: decides about the packet it is given, makes none.
template <typename B>
concept DecidingBrick = BrickShape<B> && requires(B& b, Packet& p, typename B::Trace* t) {
  { b(p, t) }
  noexcept->std::same_as<typename B::Out>;
};

// A brick that also sends packets of its own making, or copies, through `emit`.
template <typename B>
concept EmittingBrick = BrickShape<B> &&
    requires(B& b, Packet& p, typename B::Trace* t, Emit<B>& emit) {
  { b(p, t, emit) }
  noexcept->std::same_as<typename B::Out>;
};

template <typename B>
concept Brick = DecidingBrick<B> || EmittingBrick<B>;

// Optional: bulk work for a whole burst, run once before the packets one by one.
template <typename B>
concept HasPrepare = requires(B& b, std::span<Packet* const> burst) {
  { b.prepare(burst) }
  noexcept;
};

// Optional: formats a Trace for people. Without it a step shows its out only.
template <typename B>
concept HasFormat = requires(const typename B::Trace& t) {
  { B::format(t) } -> std::convertible_to<std::string>;
};

struct NoTrace {};

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// The loop that every brick runs in: once for all, so that no brick can leak, double-free, forget a
// counter or forget to trace.
//
// Packets that take the node's usual out move on together and are counted together; the rest goes
// out one by one. What it costs beside other forms: decision record 0004.
#pragma once

#include "graph/graph.h"
#include "graph/note_event.h"

namespace butterfly {

// How an emitting brick sends packets that it made or copied. Lives for one burst or one tick.
template <typename B>
class Emit {
 public:
  Emit(Node& node, Lcore& lcore) : node_(node), lcore_(lcore) {}

  TimeMs now() const { return lcore_.now(); }
  // A new empty packet, or null (counted) when the pool is empty. Send it or discard it.
  Packet* make() {
    Packet* packet = lcore_.pool().alloc();
    count_made(packet, lcore_.counters().ledger().made);
    return packet;
  }
  // A copy that shares the bytes of `packet`; null (counted) when the pool is empty.
  Packet* clone(Packet& packet) { return forked(packet, clone_packet(packet, lcore_.pool())); }
  // A copy with headroom of its own for outer headers.
  Packet* clone_with_headroom(Packet& packet) {
    return forked(packet, butterfly::clone_with_headroom(packet, lcore_.pool()));
  }
  // As make(), with the facts of `packet` and its history.
  Packet* make_alike(const Packet& packet) {
    Packet* made = butterfly::make_alike(packet, lcore_.pool());
    count_made(made, lcore_.counters().ledger().made);
    if (made) lcore_.trace().fork(packet, *made);
    return made;
  }
  // A copy with bytes of its own, to be written.
  Packet* copy(const Packet& packet) { return forked(packet, copy_packet(packet, lcore_.pool())); }
  // Sends a packet of its own through `out`, counted there as any other, behind all that the brick
  // has let pass before.
  void send(typename B::Out out, Packet& packet);

  // Engine only: where it gathers the packets that take the usual out, so that send() can let them
  // go ahead; how many did.
  void watch(Node* target, Packet** first, Packet*** end) {
    usual_target_ = target;
    kept_ = first;
    kept_end_ = end;
  }
  uint64_t sent_ahead() const { return sent_ahead_; }

 private:
  void count_made(const Packet* packet, Count& count) {
    (packet ? count : lcore_.counters().ledger().no_buffer).add(1);
  }
  // What a copy costs: to be made, and every brick that a flow's first packet visits.
  static constexpr uint32_t kCopyCharge = 3;

  Packet* forked(const Packet& original, Packet* copy) {
    count_made(copy, lcore_.counters().ledger().copied);
    lcore_.charge(original.in_port, kCopyCharge);
    if (copy) lcore_.trace().fork(original, *copy);
    return copy;
  }

  Node& node_;
  Lcore& lcore_;
  Node* usual_target_ = nullptr;
  Packet** kept_ = nullptr;
  Packet*** kept_end_ = nullptr;
  uint64_t sent_ahead_ = 0;
};

namespace engine {

inline void count_out(Node& node, size_t out, uint32_t length) {
  OutCount& count = node.counts()[out];
  count.packets.add(1);
  count.bytes.add(length);
}

// The uncommon way out of a brick: counted in memory, pushed or dropped one by one. Out of line, so
// that the loop keeps its registers.
[[gnu::cold]] void push_out(Node& node, size_t out, Packet& packet, uint32_t length, Lcore& lcore);

template <Brick B, bool kTraced>
[[gnu::always_inline]] inline size_t decide(Node& node, B& brick, Packet& packet, Lcore& lcore,
                                            Emit<B>& emit) {
  TraceStep* step = nullptr;
  if constexpr (kTraced) {
    if (packet.trace_slot != 0) step = lcore.trace().add_step(packet.trace_slot, node.index());
  }
  typename B::Trace note{};
  typename B::Trace* wanted = kTraced && step ? &note : nullptr;
  typename B::Out out;
  if constexpr (EmittingBrick<B>) {
    out = brick(packet, wanted, emit);
  } else {
    out = brick(packet, wanted);
  }
  if constexpr (kTraced) {
    if (step) {
      step->out = static_cast<uint8_t>(out);
      std::memcpy(step->note.data(), &note, sizeof note);
    }
  }
  return static_cast<size_t>(out);
}

// Packets for the usual out are compacted in place (never past the one being read) and move to
// the target in one copy, so nothing lies half-queued while a rare packet makes a node downstream
// run. An out that shares the usual out's target keeps its place in the order.
template <Brick B, bool kTraced>
[[gnu::noinline]] void run_brick(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  B& brick = node.brick<B>();
  Emit<B> emit(node, lcore);
  if constexpr (HasPrepare<B>) brick.prepare(std::span<Packet* const>(burst.data(), burst.size()));

  const size_t usual = node.usual();
  Node* const target = node.target(usual);
  const size_t keeps = target ? usual : kMaxOuts;  // no out has that number
  Packet** kept = burst.data();
  if constexpr (EmittingBrick<B>) emit.watch(target, burst.data(), &kept);
  uint64_t kept_bytes = 0;
  uint64_t counted = 0;  // of the kept: those of another out with the same target
  for (Packet*& slot : burst) {
    Packet& packet = *slot;
    const uint32_t length = packet.length();
    const size_t out = decide<B, kTraced>(node, brick, packet, lcore, emit);
    if (out == keeps) [[likely]] {
      *kept++ = &packet;
      kept_bytes += length;
      continue;
    }
    if (&slot == burst.data()) node.set_usual(static_cast<uint8_t>(out));
    if (target && node.target(out) == target) {
      *kept++ = &packet;
      ++counted;
      count_out(node, out, length);
    } else {
      push_out(node, out, packet, length, lcore);
    }
  }
  uint64_t ahead = 0;
  if constexpr (EmittingBrick<B>) ahead = emit.sent_ahead();
  const std::span together(burst.data(), kept);
  if (together.size() + ahead == 0) return;
  node.counts()[usual].packets.add(together.size() + ahead - counted);
  node.counts()[usual].bytes.add(kept_bytes);
  if (!together.empty()) target->append(together, lcore);
}

// As run_brick, for a brick whose packets often go several ways within a burst: gathered by out
// without a branch that nobody could predict. Packets of one out keep their order.
// REQUIRES: no two outs lead to one node, where their packets would overtake one another.
template <DecidingBrick B, bool kTraced>
[[gnu::noinline]] void run_splitting(Node& node, std::span<Packet*> burst, Lcore& lcore) {
  constexpr size_t kOuts = B::kOuts.size();
  B& brick = node.brick<B>();
  Emit<B> emit(node, lcore);
  if constexpr (HasPrepare<B>) brick.prepare(std::span<Packet* const>(burst.data(), burst.size()));
  struct Gathered {
    size_t count = 0;
    uint64_t bytes = 0;
  };
  std::array<Gathered, kOuts> all{};
  std::array<std::array<Packet*, kBurst>, kOuts> packets;
  for (Packet* packet : burst) {
    const uint32_t length = packet->length();
    const size_t out = decide<B, kTraced>(node, brick, *packet, lcore, emit);
    Gathered& gathered = all[out];
    packets[out][gathered.count++] = packet;
    gathered.bytes += length;
  }
  for (size_t out = 0; out < kOuts; ++out) {
    const Gathered& gathered = all[out];
    if (gathered.count == 0) continue;
    const std::span together(packets[out].data(), gathered.count);
    node.counts()[out].packets.add(gathered.count);
    node.counts()[out].bytes.add(gathered.bytes);
    if (Node* target = node.target(out)) {
      target->append(together, lcore);
    } else {
      for (Packet* packet : together) drop_at(node.index(), out, *packet, lcore);
    }
  }
}

template <typename B>
std::string format_note(const void* note) {
  if constexpr (HasFormat<B>) {
    typename B::Trace trace;
    std::memcpy(&trace, note, sizeof trace);
    return B::format(trace);
  }
  return {};
}

}  // namespace engine

template <typename B>
void Emit<B>::send(typename B::Out out, Packet& packet) {
  if (kept_end_ && *kept_end_ != kept_) {
    const std::span ahead(kept_, *kept_end_);
    usual_target_->append(ahead, lcore_);
    sent_ahead_ += ahead.size();
    *kept_end_ = kept_;
  }
  engine::push_out(node_, static_cast<size_t>(out), packet, packet.length(), lcore_);
}

template <Brick B>
Node& Graph::add(const std::string& name, B& brick) {
  return add_node(name, B::kInfo, &brick, engine::run_brick<B, false>, engine::run_brick<B, true>,
                  engine::format_note<B>, Node::Rim::no);
}

template <DecidingBrick B>
Node& Graph::add_splitting(const std::string& name, B& brick) {
  return add_node(name, B::kInfo, &brick, engine::run_splitting<B, false>,
                  engine::run_splitting<B, true>, engine::format_note<B>, Node::Rim::no);
}

}  // namespace butterfly

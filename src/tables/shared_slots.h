// SPDX-License-Identifier: Apache-2.0
// A table of fixed slots whose copies share their contents: what a snapshot's tables are made of.
//
// Lcores read one pointer a lookup, as from an array. A copy costs that array (8 bytes a slot) and
// a reference for each chunk of slots; what is set afterwards is the copy's own.
//
// Written by the control side until its snapshot is published, then by nobody.
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <vector>

namespace butterfly {

template <typename T, size_t kSlots>
class SharedSlots {
 public:
  SharedSlots() : seen_(kSlots), chunks_((kSlots + kChunk - 1) / kChunk) {}

  // Null when the slot is free. REQUIRES: slot < kSlots, as for all below.
  const T* at(size_t slot) const { return seen_[slot]; }
  // As at(), to be shared.
  std::shared_ptr<const T> share(size_t slot) const {
    const auto& chunk = chunks_[slot / kChunk];
    return chunk ? (*chunk)[slot % kChunk] : nullptr;
  }
  void set(size_t slot, std::shared_ptr<const T> item) {
    auto& chunk = chunks_[slot / kChunk];
    // Nobody else can come to share a chunk that is ours alone: it is reached through us only.
    if (!chunk || chunk.use_count() != 1) {
      chunk = chunk ? std::make_shared<Chunk>(*chunk) : std::make_shared<Chunk>();
    }
    seen_[slot] = item.get();
    (*chunk)[slot % kChunk] = std::move(item);
  }

 private:
  static constexpr size_t kChunk = 64;
  using Chunk = std::array<std::shared_ptr<const T>, kChunk>;

  std::vector<const T*> seen_;
  std::vector<std::shared_ptr<Chunk>> chunks_;  // own what is seen; null: all free
};

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// The row as stages with a virtual process(burst): every stage gathers by out, then passes on.
#include <array>
#include <tuple>
#include <utility>

#include "bench/executors.h"

namespace butterfly::bench {
namespace {

class Stage {
 public:
  virtual ~Stage() = default;
  virtual void process(std::span<Packet* const> burst) = 0;
};

class Sink : public Stage {
 public:
  void process(std::span<Packet* const> burst) override { arrived_ += burst.size(); }
  uint64_t arrived() const { return arrived_; }

 private:
  uint64_t arrived_ = 0;
};

template <size_t kAt>
class Look : public Stage {
 public:
  void lead_to(Stage& next, Stage& away, Stage& aside) { targets_ = {&next, &away, &aside}; }

  void process(std::span<Packet* const> burst) override {
    std::array<std::array<Packet*, kBurst>, kOuts> gathered;
    std::array<uint32_t, kOuts> packets{};
    std::array<uint64_t, kOuts> bytes{};
    for (Packet* packet : burst) {
      const size_t out = decide_at(kAt, *packet);
      bytes[out] += packet->length();
      gathered[out][packets[out]++] = packet;
    }
    for (size_t out = 0; out < kOuts; ++out) {
      if (packets[out] == 0) continue;
      counts_[out].packets += packets[out];
      counts_[out].bytes += bytes[out];
      targets_[out]->process(std::span(gathered[out].data(), packets[out]));
    }
  }

 private:
  struct OutCounts {
    uint64_t packets = 0;
    uint64_t bytes = 0;
  };
  std::array<Stage*, kOuts> targets_{};
  std::array<OutCounts, kOuts> counts_{};
};

class VirtualExecutor : public Executor {
 public:
  VirtualExecutor() { connect(std::make_index_sequence<kDecisions>{}); }

  const char* name() const override { return "virtual-call-a-burst"; }
  void run(std::span<Packet*> burst) override {
    first_->process(std::span<Packet* const>(burst.data(), burst.size()));
  }
  Arrived arrived() const override { return {aside_.arrived(), away_.arrived(), end_.arrived()}; }

 private:
  template <size_t... kAt>
  void connect(std::index_sequence<kAt...>) {
    (std::get<kAt>(row_).lead_to(next_of<kAt>(), away_, aside_), ...);
    first_ = &std::get<0>(row_);
  }
  template <size_t kAt>
  Stage& next_of() {
    if constexpr (kAt + 1 < kDecisions) {
      return std::get<kAt + 1>(row_);
    } else {
      return end_;
    }
  }
  template <size_t... kAt>
  static std::tuple<Look<kAt>...> row(std::index_sequence<kAt...>);

  decltype(row(std::make_index_sequence<kDecisions>{})) row_;
  Stage* first_;
  Sink aside_;
  Sink away_;
  Sink end_;
};

}  // namespace

std::unique_ptr<Executor> make_virtual_executor() { return std::make_unique<VirtualExecutor>(); }

}  // namespace butterfly::bench

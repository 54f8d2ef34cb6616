// SPDX-License-Identifier: Apache-2.0
// What it costs that the two directions of a connection arrive on different lcores (decision
// record 0006), and that lcores share no cache line that one of them writes (docs/cache_lines.md).
// bench/README.md says how to read it.
#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <memory>
#include <thread>
#include <vector>

#include "bench/crossing.h"
#include "bench/ping_pong.h"

namespace butterfly::bench {
namespace {

constexpr std::array<int, kLcores> kCpus{0, 1};
constexpr int kTurns = 20;

constexpr std::array kForms{
    Form{"steering", Lane::owner, Lane::owner},
    Form{"hand-over", Lane::chance, Lane::chance},
    Form{"hand-over-by-nic", Lane::owner, Lane::chance},
    Form{"shared-one-line", Lane::chance, Lane::chance, Flows::shared},
    Form{"shared-two-lines", Lane::chance, Lane::chance, Flows::apart, /*reads_across=*/true},
};

bool is_near() { return nanoseconds_across(kCpus[0], kCpus[1]) < kNearNanoseconds; }
// A turn that begins far cannot count: better wait a little, though not for ever.
void await_near() {
  for (int i = 0; i < 4 && !is_near(); ++i) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
}

struct Quartiles {
  double low, middle, high;
};
Quartiles quartiles(std::vector<double> values) {
  std::ranges::sort(values);
  const auto at = [&](size_t quarter) { return values[(values.size() - 1) * quarter / 4]; };
  return {at(1), at(2), at(3)};
}

// One cell: every form in turn, so that those of one turn have the same machine.
class Cell {
 public:
  explicit Cell(uint32_t flows) : flows_(flows) {
    for (const Form& form : kForms) all_.push_back(std::make_unique<TwoLcores>(form, flows));
  }
  void take_turn() {
    Turn turn;
    await_near();
    bool near = is_near();
    for (size_t i = 0; i < kForms.size(); ++i) {
      turn[i] = all_[i]->run(kCpus);
      near = is_near() && near;
    }
    (near ? near_ : far_).push_back(turn);
  }
  void print() const {
    std::printf("\n%u flows\n", flows_);
    if (!near_.empty()) print("near", near_);
    if (!far_.empty()) print("FAR: to be compared with nothing else", far_);
    std::fflush(stdout);
  }

 private:
  using Turn = std::array<Crossing, kForms.size()>;

  static void print(const char* where, const std::vector<Turn>& turns) {
    std::printf("  %-18s%9s%10s%10s   %-20s%-20s  %zu turns, %s\n", "form", "crossed", "work",
                "pace", "work ratio", "pace ratio", turns.size(), where);
    for (size_t i = 0; i < kForms.size(); ++i) {
      const auto column = [&](auto value) {
        std::vector<double> values;
        for (const Turn& turn : turns) values.push_back(value(turn[i], turn[0]));
        return quartiles(std::move(values));
      };
      const auto work = column([](const Crossing& form, const Crossing&) { return form.work; });
      const auto pace = column([](const Crossing& form, const Crossing&) { return form.pace; });
      const auto more = column(
          [](const Crossing& form, const Crossing& steered) { return form.work / steered.work; });
      const auto slower = column(
          [](const Crossing& form, const Crossing& steered) { return form.pace / steered.pace; });
      std::printf("  %-18s%7.0f %%%10.1f%10.1f   %.2f (%.2f-%.2f)    %.2f (%.2f-%.2f)\n",
                  kForms[i].name, 100 * turns[0][i].crossed, work.middle, pace.middle, more.middle,
                  more.low, more.high, slower.middle, slower.low, slower.high);
    }
  }

  const uint32_t flows_;
  std::vector<std::unique_ptr<TwoLcores>> all_;
  std::vector<Turn> near_;
  std::vector<Turn> far_;
};

// Two lcores that share nothing beside one that is alone, and what a line does that both write.
class Sharing {
 public:
  Sharing() {
    for (auto& world : worlds_) world = std::make_unique<TwoLcores>(kForms[0], kFlows);
    worlds_[kCountsApart]->count_sent(/*apart=*/true);
    worlds_[kCountsTogether]->count_sent(/*apart=*/false);
  }
  void take_turn() {
    Turn turn;
    await_near();
    bool near = is_near();
    for (size_t i = 0; i < kRows; ++i) {
      turn[i] = worlds_[i]->run(kCpus, i == kAlone ? 1 : kLcores);
      near = is_near() && near;
    }
    (near ? near_ : far_).push_back(turn);
  }
  void print() const {
    std::printf("\nFalse sharing, %u flows, each packet on its owner\n", kFlows);
    if (!near_.empty()) print("near", near_);
    if (!far_.empty()) print("FAR: to be compared with nothing else", far_);
  }

 private:
  enum Row : size_t { kAlone, kTogether, kCountsApart, kCountsTogether, kRows };
  static constexpr std::array kNames{"one lcore alone", "two lcores", "two, counts apart",
                                     "two, counts in one line"};
  static constexpr uint32_t kFlows = 100;
  using Turn = std::array<Crossing, kRows>;

  static void print(const char* where, const std::vector<Turn>& turns) {
    std::printf("  %-26s%10s   %-20s  %zu turns, %s\n", "", "work", "ratio", turns.size(), where);
    for (size_t i = 0; i < kRows; ++i) {
      std::vector<double> work;
      std::vector<double> ratio;
      for (const Turn& turn : turns) {
        work.push_back(turn[i].work);
        ratio.push_back(turn[i].work / turn[0].work);
      }
      const Quartiles more = quartiles(std::move(ratio));
      std::printf("  %-26s%10.1f   %.2f (%.2f-%.2f)\n", kNames[i],
                  quartiles(std::move(work)).middle, more.middle, more.low, more.high);
    }
  }

  std::array<std::unique_ptr<TwoLcores>, kRows> worlds_;
  std::vector<Turn> near_;
  std::vector<Turn> far_;
};

int measure(const std::vector<uint32_t>& flow_counts) {
  Sharing sharing;
  for (int turn = 0; turn < kTurns; ++turn) sharing.take_turn();
  sharing.print();
  for (const uint32_t flows : flow_counts) {
    Cell cell(flows);
    for (int turn = 0; turn < kTurns; ++turn) cell.take_turn();
    cell.print();
  }
  return 0;
}

}  // namespace
}  // namespace butterfly::bench

int main(int argc, char** argv) {
  std::vector<uint32_t> flow_counts{1, 100, 100'000};
  if (argc > 1) flow_counts.clear();
  for (int i = 1; i < argc; ++i) {
    flow_counts.push_back(static_cast<uint32_t>(std::strtoul(argv[i], nullptr, 10)));
  }
  return butterfly::bench::measure(flow_counts);
}

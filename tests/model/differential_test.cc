// SPDX-License-Identifier: Apache-2.0
// The switch does what the reference says, step by step, in random worlds.
//
// BUTTERFLY_MODEL_STEPS: how many steps; BUTTERFLY_MODEL_SEED: the first world's seed. A difference
// is shrunk to a list of steps none of which can be left out, and printed with its seed.
#include <gtest/gtest.h>

#include <cstdio>
#include <cstdlib>

#include "model/duel.h"
#include "model/generator.h"
#include "model/shrink.h"

namespace butterfly::model {
namespace {

constexpr uint64_t kStepsOfWorld = 1'000;

uint64_t from_environment(const char* name, uint64_t otherwise) {
  const char* const text = std::getenv(name);
  return text ? std::strtoull(text, nullptr, 10) : otherwise;
}

struct Game {
  uint64_t seed = 0;
  Steps steps;             // up to the difference
  std::string difference;  // empty: none
  Duel::Tally tally;
};

Game play(uint64_t seed, uint64_t count, const Reference::Mistakes& mistakes = {}) {
  Game game;
  game.seed = seed;
  const World world(seed);
  Generator generator(seed, world);
  Duel duel(world, mistakes);
  for (uint64_t i = 0; i < count && game.difference.empty(); ++i) {
    game.steps.push_back(generator.next(duel.reference(), duel.intent(), duel.now()));
    game.difference = duel.play(game.steps.back()).value_or("");
  }
  if (game.difference.empty()) {
    EXPECT_EQ(duel.audit(), ok_status());
  }
  game.tally = duel.tally();
  return game;
}

// Packets sent at once are left out one by one too.
template <typename Fails>
Steps with_smaller_bursts(Steps steps, const Fails& fails) {
  for (size_t i = 0; i < steps.size(); ++i) {
    const auto* send = std::get_if<SendPackets>(&steps[i]);
    for (size_t j = send ? send->packets.size() : 0; j-- > 0;) {
      Steps less = steps;
      auto& packets = std::get<SendPackets>(less[i]).packets;
      packets.erase(packets.begin() + static_cast<ptrdiff_t>(j));
      if (!packets.empty() && fails(less)) steps = std::move(less);
    }
  }
  return steps;
}

Steps shrunk(const Game& game, const Reference::Mistakes& mistakes = {}) {
  const World world(game.seed);
  const auto fails = [&](const Steps& steps) {
    return Duel(world, mistakes).play(steps).has_value();
  };
  return with_smaller_bursts(shrink(game.steps, fails), fails);
}

std::string report(const Game& game, const Reference::Mistakes& mistakes = {}) {
  const World world(game.seed);
  const Steps steps = shrunk(game, mistakes);
  std::string text = "seed " + std::to_string(game.seed) + ", shrunk from " +
                     std::to_string(game.steps.size()) + " steps:";
  for (const auto& [id, nic] : world.first().nics) {
    text += "\n    nic " + id + " has groups";
    for (const std::string& group : nic.groups) text += " " + group;
  }
  for (const Knob knob : {Knob::revalidate, Knob::tcp_loose}) {
    text += "\n    " + world.to_string(SetKnob{knob, world.first().firewall[knob]});
  }
  Duel duel(world, mistakes);
  for (const Step& step : steps) {
    const auto difference = duel.play(step);
    text += "\n  " + world.to_string(step);
    if (difference) text += "\n    " + *difference;
  }
  return text;
}

double percent(uint64_t part, const Duel::Tally& all) {
  return 100.0 * static_cast<double>(part) / static_cast<double>(all.packets);
}

void print(const Duel::Tally& all) {
  std::printf(
      "%llu steps, %llu packets: %.0f %% pass, %.0f %% do not; not sent: %.1f %% for want "
      "of an end, %.1f %% for doubt\n",
      static_cast<unsigned long long>(all.steps), static_cast<unsigned long long>(all.packets),
      percent(all.delivered, all), percent(all.dropped, all), percent(all.impossible, all),
      percent(all.doubtful, all));
  for (const auto& [doubt, count] : all.doubts) {
    std::printf("  %.2f %%: %s\n", percent(count, all), doubt.c_str());
  }
}

TEST(ModelTest, SwitchAndReferenceAgree) {
  const uint64_t wanted = from_environment("BUTTERFLY_MODEL_STEPS", 50'000);
  Duel::Tally all;
  for (uint64_t seed = from_environment("BUTTERFLY_MODEL_SEED", 1); all.steps < wanted; ++seed) {
    const Game game = play(seed, std::min(kStepsOfWorld, wanted - all.steps));
    all += game.tally;
    if (!game.difference.empty()) {
      ADD_FAILURE() << report(game);
      if (!std::getenv("BUTTERFLY_MODEL_GO_ON")) return;
    }
  }
  print(all);
  EXPECT_GT(percent(all.delivered, all), 25) << "too little passes to prove anything";
  EXPECT_LT(percent(all.doubtful, all), 10) << "the reference must have an opinion about most";
}

// The comparison can fail: a reference that lets every reset pass is found out, in few steps.
TEST(ModelTest, AMistakeIsFoundAndShrunk) {
  const Reference::Mistakes mistakes{.forget_rst_check = true};
  for (uint64_t seed = 1; seed < 50; ++seed) {
    const Game game = play(seed, kStepsOfWorld, mistakes);
    if (game.difference.empty()) continue;
    const Steps steps = shrunk(game, mistakes);
    EXPECT_LE(steps.size(), 4u) << report(game, mistakes);
    EXPECT_NE(game.difference.find("reference: delivered"), std::string::npos) << game.difference;
    EXPECT_NE(game.difference.find("record/tcp-bad-rst"), std::string::npos) << game.difference;
    return;
  }
  FAIL() << "nobody noticed";
}

TEST(ModelTest, ShrinkingLeavesWhatMatters) {
  const std::vector<int> list{1, 2, 3, 4, 5, 6, 7, 8, 9, 10};
  const auto fails = [](const std::vector<int>& part) {
    return std::ranges::find(part, 3) != part.end() && std::ranges::find(part, 9) != part.end();
  };
  EXPECT_EQ(shrink(list, fails), (std::vector<int>{3, 9}));
}

}  // namespace
}  // namespace butterfly::model

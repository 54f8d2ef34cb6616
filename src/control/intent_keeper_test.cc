// SPDX-License-Identifier: Apache-2.0
// Host and store always hold the same intent, whichever of them fails.
#include "control/intent_keeper.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "control/fake_host.h"

namespace butterfly {
namespace {

using testing::Each;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

class FakeStore : public Store {
 public:
  StatusOr<StoredIntent> load() override { return StoredIntent{intent, revision}; }
  Status save(const Intent& before, const Intent& next, Revision next_revision) override {
    EXPECT_EQ(before, intent);
    if (before_save) before_save();
    if (!failure.ok()) return failure;
    intent = next;
    revision = next_revision;
    ++saves;
    return ok_status();
  }
  Intent intent;
  Revision revision = 0;
  Status failure = ok_status();
  std::function<void()> before_save;
  int saves = 0;
};

Status add_nic(Intent& intent, const std::string& id, uint32_t vni) {
  NicIntent nic;
  nic.id = id;
  nic.mac = Mac::from_u64(0x525400000001);
  nic.vni = Vni(vni);
  intent.nics[id] = nic;
  return ok_status();
}

class IntentKeeperTest : public testing::Test {
 protected:
  void SetUp() override {
    auto keeper = IntentKeeper::start(host, store);
    ASSERT_TRUE(keeper.ok()) << keeper.status();
    this->keeper = *std::move(keeper);
  }
  Status add(const std::string& id, uint32_t vni = 42, bool dry_run = false) {
    return keeper
        ->change([&](Intent& intent) { return add_nic(intent, id, vni); }, {.dry_run = dry_run})
        .status();
  }
  Status add_at(const std::string& id, Revision expected, bool dry_run = false) {
    return keeper
        ->change([&](Intent& intent) { return add_nic(intent, id, 42); },
                 {.dry_run = dry_run, .expected = expected})
        .status();
  }
  // Carries out one change, and while it is being saved, the others arrive, in this order. Their
  // answers.
  std::vector<Status> add_while_saving(const std::vector<std::string>& ids, uint32_t vni_step = 1) {
    std::vector<Status> answers(ids.size());
    std::vector<std::thread> clients;
    store.before_save = [&] {
      if (!clients.empty()) return;
      for (size_t i = 0; i < ids.size(); ++i) {
        clients.emplace_back(
            [&, i] { answers[i] = add(ids[i], 100 + static_cast<uint32_t>(i) * vni_step); });
        while (keeper->waiting() != i + 1) std::this_thread::yield();
      }
    };
    EXPECT_EQ(add("first"), ok_status());
    for (std::thread& client : clients) client.join();
    return answers;
  }
  void expect_nics(size_t count) {
    EXPECT_THAT(keeper->intent()->nics, SizeIs(count));
    EXPECT_THAT(host.intent()->nics, SizeIs(count));
    EXPECT_THAT(store.intent.nics, SizeIs(count));
  }

  FakeHost host;
  FakeStore store;
  std::unique_ptr<IntentKeeper> keeper;
};

TEST(IntentKeeperStart, MakesTheHostRunWhatWasStored) {
  FakeHost host;
  FakeStore store;
  ASSERT_EQ(add_nic(store.intent, "a", 42), ok_status());
  ASSERT_TRUE(IntentKeeper::start(host, store).ok());
  EXPECT_THAT(host.intent()->nics, SizeIs(1));
}

TEST(IntentKeeperStart, SaysThatTheHostCannotRunWhatWasStored) {
  FakeHost host;
  FakeStore store;
  host.fail_next_apply = exhausted("no memory for ports");
  EXPECT_EQ(IntentKeeper::start(host, store).status().message(),
            "stored intent cannot be run: no memory for ports");
}

TEST_F(IntentKeeperTest, RunsAndStoresAChange) {
  ASSERT_EQ(add("a"), ok_status());
  expect_nics(1);
}

TEST_F(IntentKeeperTest, DoesNothingForWhatIsAlreadySo) {
  ASSERT_EQ(add("a"), ok_status());
  const Generation generation = host.report().generation;
  ASSERT_EQ(add("a"), ok_status());
  EXPECT_EQ(host.report().generation, generation);
  EXPECT_EQ(store.saves, 1);
}

TEST_F(IntentKeeperTest, OnlyPlansADryRun) {
  const auto outcome =
      keeper->change([](Intent& intent) { return add_nic(intent, "a", 42); }, {.dry_run = true});
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->version.revision, 0u);
  EXPECT_THAT(outcome->actions, SizeIs(1));
  expect_nics(0);
}

TEST_F(IntentKeeperTest, ChangesNothingWhenTheIntentIsInvalid) {
  EXPECT_TRUE(absl::IsInvalidArgument(add("a", 1 << 24)));
  expect_nics(0);
}

TEST_F(IntentKeeperTest, ChangesNothingWhenTheHostRefuses) {
  EXPECT_TRUE(absl::IsFailedPrecondition(add("refused-by-host")));
  expect_nics(0);
  EXPECT_EQ(store.saves, 0);
}

TEST_F(IntentKeeperTest, TakesTheHostBackWhenTheStoreFails) {
  ASSERT_EQ(add("a"), ok_status());
  store.failure = absl::InternalError("state file '/x': disk full");
  EXPECT_EQ(add("a", 43).message(), "state file '/x': disk full");
  expect_nics(1);
  EXPECT_EQ(host.intent()->nics.at("a").vni, Vni(42));
}

TEST_F(IntentKeeperTest, ChangesThatComeMeanwhileGoTogether) {
  const auto answers = add_while_saving({"a", "b", "c"});
  EXPECT_THAT(answers, Each(ok_status()));
  expect_nics(4);
  EXPECT_EQ(store.saves, 2);
  EXPECT_EQ(host.report().generation, 3u);  // the empty intent, the first, the others
}

TEST_F(IntentKeeperTest, OneThatIsInvalidTakesNoOtherWithIt) {
  const auto answers = add_while_saving({"a", "not a name", "c"});
  EXPECT_THAT(answers, ElementsAre(ok_status(), Not(ok_status()), ok_status()));
  expect_nics(3);
  EXPECT_EQ(store.saves, 2);
}

TEST_F(IntentKeeperTest, OneThatTheHostRefusesTakesNoOtherWithIt) {
  const auto answers = add_while_saving({"a", "refused-by-host", "c"});
  EXPECT_THAT(answers, ElementsAre(ok_status(), Not(ok_status()), ok_status()));
  EXPECT_THAT(std::string(answers[1].message()), HasSubstr("nic 'refused-by-host'"));
  expect_nics(3);
}

// The second has the first one's MAC, in its segment, and the first cannot be made.
TEST_F(IntentKeeperTest, OneThatARefusedOneStoodInTheWayOfIsCarriedOut) {
  const auto answers = add_while_saving({"refused-by-host", "b"}, /*vni_step=*/0);
  EXPECT_THAT(answers, ElementsAre(Not(ok_status()), ok_status()));
  expect_nics(2);
}

// The second finds the first one's nic there, which then cannot be made: it must not be told that
// all is as it wants.
TEST_F(IntentKeeperTest, OneThatRestsOnARefusedOneIsRefusedToo) {
  const auto answers = add_while_saving({"refused-by-host", "refused-by-host"});
  EXPECT_THAT(answers, Each(Not(ok_status())));
  expect_nics(1);
}

TEST_F(IntentKeeperTest, EveryChangeRaisesTheRevisionByOne) {
  EXPECT_EQ(keeper->version().revision, 0u);
  ASSERT_EQ(add("a"), ok_status());
  EXPECT_EQ(keeper->version().revision, 1u);
  ASSERT_EQ(add("a", 43), ok_status());
  EXPECT_EQ(keeper->version().revision, 2u);
  EXPECT_EQ(store.revision, 2u);
}

TEST_F(IntentKeeperTest, WhatChangesNothingLeavesTheRevision) {
  ASSERT_EQ(add("a"), ok_status());
  ASSERT_EQ(add("a"), ok_status());
  EXPECT_FALSE(add("refused-by-host").ok());
  EXPECT_FALSE(add("not a name").ok());
  ASSERT_EQ(add("b", 43, /*dry_run=*/true), ok_status());
  store.failure = absl::InternalError("disk full");
  EXPECT_FALSE(add("a", 43).ok());
  EXPECT_EQ(keeper->version().revision, 1u);
  EXPECT_EQ(store.revision, 1u);
}

TEST_F(IntentKeeperTest, GoesOnFromTheStoredRevision) {
  ASSERT_EQ(add("a"), ok_status());
  keeper = *IntentKeeper::start(host, store);
  EXPECT_EQ(keeper->version().revision, 1u);
  ASSERT_EQ(add("a", 43), ok_status());
  EXPECT_EQ(keeper->version().revision, 2u);
}

TEST_F(IntentKeeperTest, ChangesOnlyAtTheExpectedRevision) {
  EXPECT_EQ(add_at("a", 0), ok_status());
  for (const bool dry_run : {false, true}) {
    for (const Revision wrong : {Revision{0}, Revision{2}, ~Revision{0}}) {
      const Status status = add_at("a", wrong, dry_run);
      EXPECT_TRUE(absl::IsAborted(status)) << status;
      EXPECT_EQ(status.message(), "intent: is at revision 1, expected was " +
                                      std::to_string(wrong) +
                                      " (wanted a change made from the intent of now)");
    }
  }
  EXPECT_EQ(add_at("a", 1, /*dry_run=*/true), ok_status());
  EXPECT_EQ(add_at("a", 1), ok_status());  // as it is
  EXPECT_EQ(keeper->version().revision, 1u);
}

// All three expect what they saw; the first of them wins.
TEST_F(IntentKeeperTest, OfThoseThatExpectTheSameRevisionOneWins) {
  std::vector<Status> answers(3);
  std::vector<std::thread> clients;
  store.before_save = [&] {
    if (!clients.empty()) return;
    for (size_t i = 0; i < answers.size(); ++i) {
      clients.emplace_back([&, i] {
        answers[i] = keeper
                         ->change(
                             [i](Intent& intent) {
                               return add_nic(intent, "n" + std::to_string(i),
                                              100 + static_cast<uint32_t>(i));
                             },
                             {.expected = 1})
                         .status();
      });
      while (keeper->waiting() != i + 1) std::this_thread::yield();
    }
  };
  ASSERT_EQ(add("first"), ok_status());
  for (std::thread& client : clients) client.join();
  EXPECT_THAT(answers, ElementsAre(ok_status(), Not(ok_status()), Not(ok_status())));
  expect_nics(2);
  EXPECT_EQ(keeper->version().revision, 2u);
}

TEST_F(IntentKeeperTest, ChangesThatUndoEachOtherOnTheirWayHaveHappened) {
  std::vector<std::thread> clients;
  store.before_save = [&] {
    if (!clients.empty()) return;
    clients.emplace_back([&] { EXPECT_EQ(add("a", 100), ok_status()); });
    while (keeper->waiting() != 1) std::this_thread::yield();
    clients.emplace_back([&] {
      const auto erase = [](Intent& intent) {
        intent.nics.erase("a");
        return ok_status();
      };
      EXPECT_EQ(keeper->change(erase, {}).status(), ok_status());
    });
    while (keeper->waiting() != 2) std::this_thread::yield();
  };
  ASSERT_EQ(add("first"), ok_status());
  for (std::thread& client : clients) client.join();
  expect_nics(1);
  EXPECT_EQ(keeper->version().revision, 3u);
  EXPECT_EQ(store.revision, 3u);
  EXPECT_EQ(host.report().generation, 2u);  // the empty intent, the first
}

TEST_F(IntentKeeperTest, TellsForHowLongAChangeIsUnderWay) {
  EXPECT_EQ(keeper->time_of_change().count(), 0);
  std::chrono::nanoseconds meanwhile{};
  store.before_save = [&] { meanwhile = keeper->time_of_change(); };
  EXPECT_EQ(add("a"), ok_status());
  EXPECT_GT(meanwhile.count(), 0);
  EXPECT_EQ(keeper->time_of_change().count(), 0);
  store.failure = precondition("disk full");
  EXPECT_NE(add("b"), ok_status());
  EXPECT_EQ(keeper->time_of_change().count(), 0) << "it has ended, if badly";
}

}  // namespace
}  // namespace butterfly

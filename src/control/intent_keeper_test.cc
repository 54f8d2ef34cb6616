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
  StatusOr<Intent> load() override { return intent; }
  Status save(const Intent& before, const Intent& next) override {
    EXPECT_EQ(before, intent);
    if (before_save) before_save();
    if (!failure.ok()) return failure;
    intent = next;
    ++saves;
    return ok_status();
  }
  Intent intent;
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
    return keeper->change([&](Intent& intent) { return add_nic(intent, id, vni); }, dry_run)
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
      keeper->change([](Intent& intent) { return add_nic(intent, "a", 42); }, /*dry_run=*/true);
  ASSERT_TRUE(outcome.ok());
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

}  // namespace
}  // namespace butterfly

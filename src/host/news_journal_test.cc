// SPDX-License-Identifier: Apache-2.0
#include "host/news_journal.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

News nic_added(const std::string& id) {
  News news;
  news.kind = NewsKind::nic_added;
  news.nic = id;
  return news;
}

News limit(const std::string& nic) {
  News news;
  news.kind = NewsKind::limit_reached;
  news.nic = nic;
  news.limit = "nic_macs";
  return news;
}

TEST(NewsJournal, TellsWhatCameAfterANumber) {
  NewsJournal journal;
  EXPECT_TRUE(journal.after(0).empty());
  journal.add(nic_added("a"));
  journal.add(nic_added("b"));
  const auto all = journal.after(0);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].sequence, 1u);
  EXPECT_EQ(all[0].nic, "a");
  EXPECT_GT(all[0].time.time_since_epoch().count(), 0);
  ASSERT_EQ(journal.after(1).size(), 1u);
  EXPECT_EQ(journal.after(1)[0].nic, "b");
  EXPECT_TRUE(journal.after(2).empty());
}

TEST(NewsJournal, CountsWhatLateReadersHaveMissed) {
  NewsJournal journal;
  for (size_t i = 0; i < NewsJournal::kMost + 10; ++i) journal.add(nic_added("a"));
  const auto late = journal.after(3);
  ASSERT_EQ(late.size(), NewsJournal::kMost + 1);
  EXPECT_EQ(late[0].kind, NewsKind::lost);
  EXPECT_EQ(late[0].count, 7u);
  EXPECT_EQ(late[0].sequence, 10u);
  EXPECT_EQ(late[1].sequence, 11u);
  EXPECT_EQ(journal.after(10).size(), NewsJournal::kMost);  // just in time
}

TEST(NewsJournal, SaysThatANumberIsOfAnotherOne) {
  NewsJournal journal;
  journal.add(nic_added("a"));
  const auto all = journal.after(1000);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].kind, NewsKind::lost);
  EXPECT_EQ(all[0].count, 0u);
  EXPECT_EQ(all[1].sequence, 1u);
}

TEST(NewsJournal, TellsOnceWhatComesAgainAndAgain) {
  NewsJournal journal;
  for (int i = 0; i < 5; ++i) journal.add_damped(limit("a"));
  journal.add_damped(limit("b"));
  const auto all = journal.after(0);
  ASSERT_EQ(all.size(), 2u);
  EXPECT_EQ(all[0].nic, "a");
  EXPECT_EQ(all[1].nic, "b");
}

TEST(NewsJournal, TellsSoManyAddressesASecond) {
  NewsJournal journal;
  for (uint32_t i = 0; i < NewsJournal::kAddressesPerSecond + 50; ++i) {
    News news;
    news.kind = NewsKind::address_learnt;
    news.mac = Mac::from_u64(0x525400000000 + i);
    journal.add_address(std::move(news));
  }
  // A second may end between two of them, but not every time.
  EXPECT_LT(journal.last(), NewsJournal::kAddressesPerSecond + 50);
  EXPECT_GE(journal.last(), NewsJournal::kAddressesPerSecond);
}

}  // namespace
}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// Watching events: what comes to pass at a host, and who is told.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <thread>

#include "host/host_test_support.h"

namespace butterfly {
namespace {

using test::nic_intent;
using testing::ElementsAre;
using testing::IsEmpty;

uint32_t bit(NewsKind kind) { return 1U << static_cast<unsigned>(kind); }

class HostNewsTest : public ::testing::Test {
 protected:
  void SetUp() override {
    HostOptions options;
    options.mode = IdleMode::manual;
    options.flow_capacity = 1024;
    auto uplink = std::make_unique<ScriptedPort>(uplink_, test::pool());
    options.uplink = std::move(uplink);
    Vtep vtep;
    vtep.address = Ipv4{{192, 0, 2, 1}};
    vtep.on_link = Cidr(vtep.address, 24);
    vtep.mac = Mac::from_u64(0x020000000001);
    vtep.udp_port = 4789;
    vtep.mtu = 1600;
    options.vtep = vtep;
    options.uplink_device = "eth1";
    options.uplink_facts = [this] { return facts_; };
    options.say = [this](const std::string& line) { said_.push_back(line); };
    host_ = std::move(*Host::create(std::move(options), test::pool(), ports_));
    intent_.nics["a"] = nic_intent("a", "52:54:00:00:00:01", "10.0.0.1");
    intent_.nics["a"].antispoof = false;
    ASSERT_TRUE(host_->apply(intent_).ok());
  }
  void send(const std::string& nic, uint32_t source) {
    const Mac mac = Mac::from_u64(0x525400000000 + source);
    ports_.links.at(nic)->feed(
        test::bytes_of("eth(src=" + mac.to_string() + ", dst=ff:ff:ff:ff:ff:ff)/ipv4/udp"));
  }
  static std::string text_of(const News& news) {
    static const char* const kWords[] = {
        "lost", "+nic",  "-nic",  "+guest", "-guest",  "intent",  "learnt",  "moved",
        "held", "limit", "+peer", "-peer",  "+uplink", "-uplink", "+member", "-member"};
    std::string text = kWords[static_cast<size_t>(news.kind)];
    if (!news.nic.empty()) text += " " + news.nic;
    if (news.mac) text += " " + news.mac->to_string();
    if (news.peer) text += " " + news.peer->to_string();
    if (!news.limit.empty()) text += " " + news.limit;
    if (!news.member.empty()) text += " " + news.member;
    if (news.revision != 0) text += " " + std::to_string(news.revision);
    return text;
  }
  // What is told while `act` is called once.
  std::vector<std::string> watch(NewsQuery query, const std::function<void()>& act) {
    std::vector<std::string> told;
    int looks = 0;
    const Status status = host_->watch_news(
        query,
        [&](const News& news) {
          told.push_back(text_of(news));
          last_ = news.sequence;
          return true;
        },
        [&] {
          if (looks == 1) act();
          for (int i = 0; i < 3; ++i) host_->run_round(++now_);
          return ++looks < 4;
        });
    EXPECT_TRUE(status.ok()) << status;
    return told;
  }
  NewsQuery from_now() {
    NewsQuery query;
    query.after = last_;
    return query;
  }
  // Reads what there is, so that the next watch tells what is new.
  void forget() {
    watch(NewsQuery(), [] {});
  }

  TimeMs now_ = 1'000'000;
  uint64_t last_ = 0;
  std::shared_ptr<ScriptedLink> uplink_ = std::make_shared<ScriptedLink>();
  UplinkFacts facts_;
  std::vector<std::string> said_;
  test::ScriptedPorts ports_;
  Intent intent_;
  std::unique_ptr<Host> host_;
};

TEST_F(HostNewsTest, TellsOfNicsAndTheirGuests) {
  EXPECT_THAT(watch(NewsQuery(), [] {}), ElementsAre("+nic a", "+guest a", "+uplink"));
  EXPECT_THAT(watch(from_now(), [&] { ports_.links.at("a")->set_connected(false); }),
              ElementsAre("-guest a"));
  EXPECT_THAT(watch(from_now(),
                    [&] {
                      intent_.nics["b"] = nic_intent("b", "52:54:00:00:00:02", "10.0.0.2");
                      intent_.nics.erase("a");
                      ASSERT_TRUE(host_->apply(intent_).ok());
                    }),
              ElementsAre("-nic a", "+nic b", "+guest b"));
}

TEST_F(HostNewsTest, TellsOfTheUplinkAndOfRevisions) {
  forget();
  EXPECT_THAT(watch(from_now(),
                    [&] {
                      uplink_->set_connected(false);
                      host_->note_revision(7);
                    }),
              ElementsAre("intent 7", "-uplink"));
  EXPECT_THAT(said_, ElementsAre("uplink 'eth1' has no link"));
  EXPECT_THAT(watch(from_now(), [&] { uplink_->set_connected(true); }), ElementsAre("+uplink"));
  EXPECT_THAT(said_.back(), "uplink 'eth1' has its link again");
}

TEST_F(HostNewsTest, TellsOfTheMembersOfAnUplink) {
  facts_.members = {{"eth1", "", true, true, "", ""}, {"eth2", "", true, false, "", ""}};
  EXPECT_THAT(watch(NewsQuery(), [] {}),
              ElementsAre("+nic a", "+guest a", "+member eth1", "+uplink"));
  EXPECT_THAT(watch(from_now(),
                    [&] {
                      facts_.members[0].is_usable = false;
                      facts_.members[1].is_usable = true;
                    }),
              ElementsAre("-member eth1", "+member eth2"));
  EXPECT_TRUE(said_.empty()) << "its members tell the log themselves";
}

TEST_F(HostNewsTest, TellsOfAPeerWhoseNextHopAnswers) {
  forget();
  const auto told = watch(from_now(), [&] {
    PeerIntent peer;
    peer.address = Ipv4{{192, 0, 2, 2}};
    peer.vnis = {Vni{42}};
    intent_.peers[peer.address] = peer;
    ASSERT_TRUE(host_->apply(intent_).ok());
    uplink_->feed(
        test::bytes_of("eth(src=02:00:00:00:00:02, dst=02:00:00:00:00:01)/arp(op=reply, "
                       "sender_mac=02:00:00:00:00:02, sender_ip=192.0.2.2, target_ip=192.0.2.1)"));
  });
  EXPECT_THAT(told, ElementsAre("+peer 192.0.2.2"));
}

TEST_F(HostNewsTest, TellsOfAddressesAndLimitsWhileSomebodyFollows) {
  intent_.nics["b"] = nic_intent("b", "52:54:00:00:00:02", "10.0.0.2");
  intent_.nics["b"].antispoof = false;
  intent_.switching.set(SwitchKnob::nic_macs, 2);
  intent_.switching.set(SwitchKnob::mac_moves_per_s, 1);
  ASSERT_TRUE(host_->apply(intent_).ok());
  forget();
  EXPECT_THAT(watch(from_now(), [&] { send("a", 0x11); }),
              ElementsAre("learnt a 52:54:00:00:00:11"));
  EXPECT_THAT(watch(from_now(), [&] { send("b", 0x11); }),
              ElementsAre("moved b 52:54:00:00:00:11"));
  EXPECT_THAT(watch(from_now(), [&] { send("a", 0x11); }), ElementsAre("held a 52:54:00:00:00:11"));
  EXPECT_THAT(watch(from_now(),
                    [&] {
                      for (uint32_t mac = 0x20; mac < 0x24; ++mac) send("b", mac);
                    }),
              ElementsAre("learnt b 52:54:00:00:00:20", "limit b nic_macs"));
  // Nobody follows: nothing is noted.
  send("a", 0x77);
  for (int i = 0; i < 3; ++i) host_->run_round(++now_);
  EXPECT_THAT(watch(from_now(), [] {}), IsEmpty());
}

TEST_F(HostNewsTest, TellsWhatIsAskedForOnly) {
  intent_.nics["b"] = nic_intent("b", "52:54:00:00:00:02", "10.0.0.2");
  intent_.nics["b"].vni = Vni{43};
  ASSERT_TRUE(host_->apply(intent_).ok());
  NewsQuery of_b;
  of_b.nic = "b";
  EXPECT_THAT(watch(of_b, [] {}), ElementsAre("+nic b", "+guest b"));
  NewsQuery of_segment;
  of_segment.vni = Vni{42};
  EXPECT_THAT(watch(of_segment, [] {}), ElementsAre("+nic a", "+guest a"));
  NewsQuery nics;
  nics.kinds = bit(NewsKind::nic_added);
  EXPECT_THAT(watch(nics, [] {}), ElementsAre("+nic a", "+nic b"));
  nics.count = 1;
  EXPECT_THAT(watch(nics, [] {}), ElementsAre("+nic a"));
  NewsQuery past;
  past.follows = false;
  past.after = 1;
  EXPECT_THAT(watch(past, [] {}), ElementsAre("+nic b", "+guest a", "+guest b", "+uplink"));
  // Addresses are not learnt of for those who do not want them.
  EXPECT_THAT(watch(nics, [&] { send("a", 0x11); }), ElementsAre("+nic a"));
  NewsQuery learnt;
  learnt.kinds = bit(NewsKind::address_learnt);
  learnt.follows = false;
  EXPECT_THAT(watch(learnt, [] {}), IsEmpty());
}

TEST_F(HostNewsTest, RefusesQueriesForNothingAndTooManyWatchers) {
  const auto watch_once = [&](const NewsQuery& query) {
    return host_->watch_news(
        query, [](const News&) { return true; }, [] { return false; });
  };
  NewsQuery nothing;
  nothing.kinds = 0;
  EXPECT_EQ(watch_once(nothing).message(), "events: of no kind (wanted one at least)");

  std::atomic<bool> go_on{true};
  std::atomic<size_t> watching{0};
  std::vector<std::thread> watchers;
  for (size_t i = 0; i < NewsQuery::kMaxWatchers; ++i) {
    watchers.emplace_back([&] {
      bool is_counted = false;
      EXPECT_TRUE(host_
                      ->watch_news(
                          NewsQuery(), [](const News&) { return true; },
                          [&] {
                            if (!std::exchange(is_counted, true)) ++watching;
                            return go_on.load();
                          })
                      .ok());
    });
  }
  while (watching != NewsQuery::kMaxWatchers) std::this_thread::yield();
  EXPECT_EQ(watch_once(NewsQuery()).message(), "events: 8 watch already (wanted at most so many)");
  NewsQuery past;
  past.follows = false;
  EXPECT_TRUE(watch_once(past).ok());  // who only looks back takes no place
  go_on = false;
  for (std::thread& watcher : watchers) watcher.join();
  EXPECT_TRUE(watch_once(NewsQuery()).ok());
}

}  // namespace
}  // namespace butterfly

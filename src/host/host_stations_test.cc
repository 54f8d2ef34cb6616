// SPDX-License-Identifier: Apache-2.0
// Which MAC is where, listed and forgotten, as an operator does it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "host/host_test_support.h"

namespace butterfly {
namespace {

using test::nic_intent;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

// Nics a, b and c that may send from any MAC and let everything pass, and a static entry.
class HostStationsTest : public ::testing::TestWithParam<unsigned> {
 protected:
  HostStationsTest() {
    HostOptions options;
    options.cpus.assign(GetParam(), 0);
    options.mode = IdleMode::manual;
    options.hash_seed = wire::HashSeed{{3, 7}};
    Vtep vtep;
    vtep.address = Ipv4{{192, 0, 2, 1}};
    vtep.on_link = Cidr(vtep.address, 24);
    vtep.mac = Mac::from_u64(0x020000000001);
    vtep.mtu = 1600;
    options.vtep = vtep;
    host_ = std::move(*Host::create(std::move(options), test::pool(), ports_));
    intent_.groups.set("open", test::open_group());
    for (const char id : {'a', 'b', 'c'}) {
      const std::string number(1, static_cast<char>('1' + (id - 'a')));
      NicIntent nic = nic_intent(std::string(1, id), ("52:54:00:00:00:0" + number).c_str(),
                                 ("10.0.0." + number).c_str(), {"open"});
      nic.antispoof = false;
      intent_.nics[nic.id] = nic;
    }
    const IpAddress peer = Ipv4{{192, 0, 2, 2}};
    intent_.peers[peer] = {peer, {Vni{42}}};
    const Mac fixed = Mac::from_u64(0x525400000099);
    intent_.fdb[{Vni{42}, fixed}] = {Vni{42}, fixed, peer};
    EXPECT_TRUE(host_->apply(intent_).ok());
    run();
  }
  void run() {
    for (int i = 0; i < 4; ++i) host_->run_round(now_);
  }
  // A datagram between stations "0a" and "0b": the last byte of MAC and address.
  void send(const std::string& nic, const std::string& from, const std::string& to,
            int sport = 1000, int dport = 53) {
    const auto address = [](const std::string& byte) {
      return "10.0.0." + std::to_string(std::stoi(byte, nullptr, 16));
    };
    ports_.links.at(nic)->feed(test::bytes_of(
        "eth(src=52:54:00:00:00:" + from + ", dst=52:54:00:00:00:" + to + ")/ipv4(src=" +
        address(from) + ", dst=" + address(to) + ")/udp(sport=" + std::to_string(sport) +
        ", dport=" + std::to_string(dport) + ")/payload(len=20)"));
    run();
  }
  uint64_t flooded() {
    uint64_t count = 0;
    for (const OutReport& out : host_->counters().outs) {
      if (out.node == "switch" && out.out == "flood") count = out.packets;
    }
    return count;
  }
  size_t arrived(const std::string& nic) { return ports_.links.at(nic)->take().size(); }
  // "52:54:…:0a nic b learnt 4000" for each.
  std::vector<std::string> list(const StationQuery& query = {}) {
    constexpr const char* kKinds[] = {"nic", "static", "learnt"};
    std::vector<std::string> lines;
    const Status status = host_->list_stations(query, [&](const auto& some) {
      for (const StationReport& one : some) {
        lines.push_back(one.mac.to_string().substr(15) + " at " +
                        (one.peer ? one.peer->to_string() : one.nic) + ", " +
                        kKinds[static_cast<size_t>(one.kind)] + " " + std::to_string(one.age_ms));
      }
      return true;
    });
    EXPECT_TRUE(status.ok()) << status;
    return lines;
  }

  TimeMs now_ = 1'000'000;
  test::ScriptedPorts ports_;
  Intent intent_;
  std::unique_ptr<Host> host_;
};
INSTANTIATE_TEST_SUITE_P(Lcores, HostStationsTest, ::testing::Values(1, 3));

TEST_P(HostStationsTest, AListSaysWhereEachMacIsAndHowItIsKnown) {
  send("b", "0a", "01");
  now_ += 4'000;
  run();
  EXPECT_THAT(list(), ElementsAre("01 at a, nic 0", "02 at b, nic 0", "03 at c, nic 0",
                                  "99 at 192.0.2.2, static 0", "0a at b, learnt 4000"));
  EXPECT_THAT(list({.vni = {}, .mac = {}, .nic = "b", .peer = {}, .learnt_only = false}),
              ElementsAre("02 at b, nic 0", "0a at b, learnt 4000"));
  EXPECT_THAT(list({.vni = {}, .mac = {}, .nic = "", .peer = {}, .learnt_only = true}),
              ElementsAre("0a at b, learnt 4000"));
  EXPECT_THAT(list({.vni = Vni{7}, .mac = {}, .nic = "", .peer = {}, .learnt_only = false}),
              IsEmpty());
  const IpAddress peer = Ipv4{{192, 0, 2, 2}};
  EXPECT_THAT(list({.vni = {}, .mac = {}, .nic = "", .peer = peer, .learnt_only = false}),
              ElementsAre("99 at 192.0.2.2, static 0"));
}

TEST_P(HostStationsTest, AMacThatIntentNamesIsNotLearntAsWell) {
  send("b", "0a", "01");
  intent_.nics["c"].mac = Mac::from_u64(0x52540000000a);
  ASSERT_TRUE(host_->apply(intent_).ok());
  EXPECT_THAT(list({.vni = {}, .mac = {}, .nic = "", .peer = {}, .learnt_only = true}), IsEmpty());
}

TEST_P(HostStationsTest, AQueryThatNamesNobodyIsRefused) {
  const auto fault = [&](const StationQuery& query) {
    const Status status = host_->list_stations(query, [](const auto&) { return true; });
    EXPECT_EQ(host_->flush_fdb(query).status(), status);
    return status.ToString();
  };
  const IpAddress stranger = Ipv4{{192, 0, 2, 9}};
  EXPECT_EQ(fault({.vni = {}, .mac = {}, .nic = "x", .peer = {}, .learnt_only = false}),
            "NOT_FOUND: nic 'x': not found (wanted one of ours)");
  EXPECT_EQ(fault({.vni = {}, .mac = {}, .nic = "", .peer = stranger, .learnt_only = false}),
            "NOT_FOUND: peer 192.0.2.9: not found (wanted one of ours)");
  EXPECT_EQ(fault({.vni = {}, .mac = {}, .nic = "a", .peer = stranger, .learnt_only = false}),
            "INVALID_ARGUMENT: fdb: both a nic and a peer (wanted at most one of them)");
}

// A connection whose packets take the shortcut to a learnt MAC: they must not go on taking it.
TEST_P(HostStationsTest, AFlushedMacIsFloodedUntilItSpeaksAgain) {
  send("b", "0a", "01");
  send("a", "01", "0a", 53, 1000);
  for (int i = 0; i < 3; ++i) send("a", "01", "0a", 53, 1000);
  EXPECT_EQ(arrived("b"), 4u);
  EXPECT_EQ(flooded(), 0u);
  EXPECT_EQ(*host_->flush_fdb({.vni = {}, .mac = {}, .nic = "a", .peer = {}, .learnt_only = false}),
            0u);
  EXPECT_EQ(*host_->flush_fdb({.vni = {}, .mac = {}, .nic = "b", .peer = {}, .learnt_only = false}),
            1u);
  EXPECT_THAT(list(), SizeIs(4)) << "what intent names is not forgotten";
  send("a", "01", "0a", 53, 1000);
  EXPECT_EQ(arrived("b"), 1u);
  EXPECT_EQ(flooded(), 1u);
  send("b", "0a", "01");
  send("a", "01", "0a", 53, 1000);
  EXPECT_EQ(arrived("b"), 1u);
  EXPECT_EQ(flooded(), 1u);
}

}  // namespace
}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// The language of scenarios: faults in a file are named with their line, and a scenario that does
// not hold fails with what came instead.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

#include "scenarios/run_scenario.h"
#include "support/eal.h"

namespace butterfly::scenario {
namespace {

using ::testing::AllOf;
using ::testing::ElementsAre;
using ::testing::HasSubstr;

class ScenarioLanguage : public ::testing::Test {
 protected:
  void TearDown() override { std::filesystem::remove(path_); }

  void write(const std::string& text) { std::ofstream(path_) << text; }
  std::string fault_of(const std::string& text) {
    write(text);
    const StatusOr<ScenarioFile> file = read_scenario(path_);
    if (!file.ok()) return std::string(file.status().message());
    return std::string(ScenarioRun(*file, ScenarioRun::Mode::check, {}).run().message());
  }
  std::vector<std::string> updated(const std::string& text) {
    write(text);
    const StatusOr<ScenarioFile> file = read_scenario(path_);
    ScenarioRun run(*file, ScenarioRun::Mode::update, {});
    EXPECT_TRUE(run.run().ok());
    return run.updated();
  }

  const std::string path_ = std::filesystem::temp_directory_path() / "language.scn";
  const std::string two_nics_ =
      "nic a mac 52:54:00:00:00:01 vni 7 ip 10.0.0.1 sg open\n"
      "nic b mac 52:54:00:00:00:02 vni 7 ip 10.0.0.2 sg open\n"
      "sg open rule in icmp\n"
      "let ping = eth/ipv4/\n"
      "           icmp(id=1)  # goes on over lines\n";
};

TEST_F(ScenarioLanguage, AFaultNamesItsLineAndWhatWasWanted) {
  EXPECT_EQ(fault_of("nic a mac 1"), "language.scn:1: '1' (wanted a MAC address)");
  EXPECT_EQ(fault_of("# why\nsg web rule in tcp port x"),
            "language.scn:2: 'x' (wanted PORT or PORT-PORT)");
  EXPECT_EQ(fault_of("after 3 parsecs"),
            "language.scn:1: '3' (wanted a time such as 300ms, 31s, 5m, 2h or 5d)");
  EXPECT_THAT(fault_of("sned a eth"), HasSubstr("language.scn:1: 'sned' is not known (wanted"));
  EXPECT_THAT(fault_of("send a eth"), HasSubstr("language.scn:1: no port 'a'"));
  EXPECT_EQ(fault_of("guard k 1 refuse in tcp"),
            "language.scn:1: 'refuse' (wanted allow, deny or groups)");
  EXPECT_EQ(fault_of("guard k 65536 deny in tcp"),
            "language.scn:1: '65536' (wanted a number up to 65535)");
  EXPECT_EQ(fault_of("guard k 1 deny tcp"),
            "language.scn:1: 'tcp' (wanted in, out or, of a guard rule, both)");
  EXPECT_EQ(fault_of("guard del k"), "language.scn:1: 'k' (wanted a guard rule that is there)");
  EXPECT_THAT(fault_of("send a $x"), HasSubstr("language.scn:1: variable $x is not known"));
  EXPECT_THAT(fault_of(two_nics_ + "send a eth/tpc"),
              HasSubstr("language.scn:6: no layer is called 'tpc'"));
  EXPECT_THAT(fault_of(two_nics_ + "count flow/xyz 1"),
              HasSubstr("language.scn:6: counter 'flow/xyz' is not there"));
  EXPECT_THAT(fault_of(two_nics_), HasSubstr("sends nothing"));
}

TEST_F(ScenarioLanguage, RefusedIntentIsAFault) {
  EXPECT_THAT(fault_of("nic a mac 52:54:00:00:00:01 vni 0\nafter 1s\n"),
              HasSubstr("language.scn:2: intent refused: nic 'a': VNI 0"));
}

TEST_F(ScenarioLanguage, AScenarioThatHoldsIsOk) {
  EXPECT_EQ(fault_of(two_nics_ + "send a $ping\nexpect b $ping\n"), "");
  EXPECT_EQ(fault_of(two_nics_ + "burst a 70 of $ping\nexpect b 70 of $ping\n"), "");
  EXPECT_EQ(fault_of(two_nics_ + "send a $ping\nexpect b eth/ipv4/icmp(id=*)\n"), "");
}

TEST_F(ScenarioLanguage, WhatCameInsteadIsTold) {
  EXPECT_THAT(fault_of(two_nics_ + "send a $ping\n"),
              AllOf(HasSubstr("language.scn:6: expected\n    expect nothing\n"),
                    HasSubstr("came\n    expect b eth(src=52:54:00:00:00:01, dst="),
                    HasSubstr("icmp(type=8, id=1)")));
  EXPECT_THAT(fault_of(two_nics_ + "send a $ping\nexpect a $ping\n"), HasSubstr("expect b eth"));
  EXPECT_THAT(fault_of(two_nics_ + "send a $ping\nexpect b eth/ipv4(ttl=*)/icmp(id=2)\n"),
              HasSubstr("icmp(type=8, id=1)"));
  EXPECT_THAT(
      fault_of(two_nics_ + "send a eth(dst=52:54:00:00:00:02)/vlan\ncount parse/parsed 9\n"),
      AllOf(HasSubstr("language.scn:7: parse/parsed is 0, wanted 9"),
            HasSubstr("parse/vlan-tag 1")));
}

TEST_F(ScenarioLanguage, UpdateWritesWhatCameAndKeepsTheRest) {
  EXPECT_THAT(updated(two_nics_ + "send a $ping\nsend b $ping # comment\nexpect a eth\n"),
              testing::Contains(HasSubstr("expect b eth(src=52:54:00:00:00:01")));
  EXPECT_THAT(updated("nic a mac 52:54:00:00:00:01 vni 7 ip 10.0.0.1\n"
                      "send a eth/vlan\n"
                      "expect a eth\n"
                      "count parse/vlan-tag 3\n"),
              ElementsAre("nic a mac 52:54:00:00:00:01 vni 7 ip 10.0.0.1", "send a eth/vlan",
                          "expect nothing", "count parse/vlan-tag 1"));
}

TEST_F(ScenarioLanguage, ABufferThatNobodyGaveBackFailsTheAudit) {
  auto host = ScriptedHost::create({});
  ASSERT_TRUE(host.ok());
  EXPECT_TRUE((*host)->audit().ok());
  Packet* lost = test::pool().alloc();
  EXPECT_EQ((*host)->audit().message(), "1 buffers are in use by nobody");
  free_packets(std::span(&lost, 1));
}

TEST_F(ScenarioLanguage, AFarGuestIsANicOfThisHostOrBehindATunnel) {
  write(
      "far peer mac 52:54:00:00:00:02 vni 7\n"
      "nic a mac 52:54:00:00:00:01 vni 7 ip 10.0.0.1\n"
      "pass a peer eth/ipv4/udp\n"
      "count vxlan-encap/encapsulated 1\n");
  const StatusOr<ScenarioFile> file = read_scenario(path_);
  ASSERT_TRUE(file.ok());
  EXPECT_TRUE(ScenarioRun(*file, ScenarioRun::Mode::check, {1, true}).run().ok());
  EXPECT_THAT(ScenarioRun(*file, ScenarioRun::Mode::check, {1, false}).run().message(),
              HasSubstr("encapsulated is 0, wanted 1"));
}

}  // namespace
}  // namespace butterfly::scenario

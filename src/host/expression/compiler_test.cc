// SPDX-License-Identifier: Apache-2.0
#include "host/expression/compiler.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <cerrno>
#include <chrono>
#include <filesystem>
#include <fstream>
#include <thread>

#include "host/expression/expression_test_support.h"

namespace butterfly {
namespace {

using testing::HasSubstr;
using Clock = std::chrono::steady_clock;

size_t descriptors() {
  const auto all = std::filesystem::directory_iterator("/proc/self/fd");
  return static_cast<size_t>(std::distance(begin(all), end(all)));
}
bool has_child() { return waitpid(-1, nullptr, WNOHANG) >= 0 || errno != ECHILD; }

// Whatever comes of it, the child is gone and so are its descriptors.
class CompileExpression : public testing::Test {
 protected:
  void SetUp() override { before_ = descriptors(); }
  void TearDown() override {
    EXPECT_EQ(descriptors(), before_);
    EXPECT_FALSE(has_child());
  }
  static std::string fault_of(const std::string& text) {
    ChildCompiler compiler(test::kCompiler);
    const auto expression = compiler.compile(text);
    EXPECT_FALSE(expression.ok()) << text.substr(0, 100);
    EXPECT_TRUE(absl::IsInvalidArgument(expression.status())) << expression.status();
    return std::string(expression.status().message());
  }
  // A program of a test's own in the compiler's place.
  static std::string script(const std::string& name, const std::string& text) {
    const std::string path = testing::TempDir() + "/" + name + std::to_string(getpid());
    std::ofstream(path) << "#!/bin/sh\n" << text << "\n";
    std::filesystem::permissions(path, std::filesystem::perms::owner_all);
    return path;
  }

 private:
  size_t before_ = 0;
};

TEST_F(CompileExpression, AGoodOneMatchesWhatItSays) {
  ChildCompiler compiler(test::kCompiler);
  const auto expression = compiler.compile("tcp dst port 80 and tcp[tcpflags] & tcp-syn != 0");
  ASSERT_TRUE(expression.ok()) << expression.status();
  test::Bytes packet(40);
  packet[0] = 0x45, packet[9] = 6, packet[23] = 80, packet[32] = 0x50, packet[33] = 2;
  EXPECT_TRUE((*expression)->matches(packet));
  packet[33] = 16;
  EXPECT_FALSE((*expression)->matches(packet));
}

TEST_F(CompileExpression, WhatOperatorsWriteCompiles) {
  ChildCompiler compiler(test::kCompiler);
  for (const char* text :
       {"ip6 proto 58", "ip[6:2] & 0x3fff = 0", "net 10.0.0.0/8", "net fd00::/8 and udp port 53",
        "host fe80::1", "portrange 1-1024", "icmp[icmptype] = icmp-echo", "ip proto \\sctp",
        "ip6[40] = 128", "tcp or udp", "ip[8] > 1", "ip multicast", "link[0] & 0xf0 = 0x40",
        "not src net 192.0.2.0/24", "1 << ip[0] = 4", "ip[0] / ip[1] = 1"}) {
    EXPECT_TRUE(compiler.compile(text).ok()) << text << ": " << compiler.compile(text).status();
  }
}

TEST_F(CompileExpression, LibpcapSaysWhatIsWrong) {
  EXPECT_THAT(fault_of("tcp prot 80"), HasSubstr("syntax error"));
  EXPECT_THAT(fault_of("("), HasSubstr("syntax error"));
  EXPECT_THAT(fault_of("port 70000"), HasSubstr("illegal port number"));
  EXPECT_THAT(fault_of("host 1.2.3.4.5"), HasSubstr("unknown host '1.2.3.4.5'"));
  EXPECT_THAT(fault_of("net 10.0.0.1/8"), HasSubstr("non-network bits set"));
  EXPECT_THAT(fault_of("1 / 0 = 1"), HasSubstr("division by zero"));
  EXPECT_THAT(fault_of("tcp and udp and ip6 and arp"), HasSubstr("rejects all packets"));
}

// Names would mean something else tomorrow, and somebody would have to be asked.
TEST_F(CompileExpression, NamesAreRefusedAtOnce) {
  const auto start = Clock::now();
  EXPECT_THAT(fault_of("host localhost"), HasSubstr("unknown host 'localhost'"));
  EXPECT_THAT(fault_of("host www.example.com"), HasSubstr("unknown host"));
  EXPECT_THAT(fault_of("ip6 host www.example.com"), HasSubstr("unknown host"));
  EXPECT_THAT(fault_of("net loopback"), HasSubstr("unknown network"));
  EXPECT_THAT(fault_of("tcp port http"), HasSubstr("unknown port 'http'"));
  EXPECT_THAT(fault_of("ip proto nonesuch"), HasSubstr("unknown"));
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(2));
}

TEST_F(CompileExpression, WhatIsNotInAnIpPacketIsRefused) {
  EXPECT_THAT(fault_of("ether host 52:54:00:00:00:01"), HasSubstr("ethernet addresses"));
  EXPECT_THAT(fault_of("vlan"), HasSubstr("no VLAN support"));
  EXPECT_THAT(fault_of("vlan 5 and tcp"), HasSubstr("no VLAN support"));
  EXPECT_THAT(fault_of("mpls"), HasSubstr("no MPLS support"));
  EXPECT_THAT(fault_of("arp"), HasSubstr("rejects all packets"));
  EXPECT_THAT(fault_of("gateway 10.0.0.1"), HasSubstr("gateway"));
  EXPECT_THAT(fault_of("ip broadcast"), HasSubstr("netmask not known"));
  EXPECT_THAT(fault_of("ether broadcast"), HasSubstr("not a broadcast link"));
  EXPECT_THAT(fault_of("inbound"), HasSubstr("not in an IP packet"));
  EXPECT_THAT(fault_of("outbound and tcp"), HasSubstr("not in an IP packet"));
  EXPECT_THAT(fault_of("ifname eth0"), HasSubstr("ifname"));
}

TEST_F(CompileExpression, WhatAFlowDoesNotRememberIsRefused) {
  EXPECT_THAT(fault_of("less 100"), HasSubstr("packet's length"));
  EXPECT_THAT(fault_of("greater 100"), HasSubstr("packet's length"));
  EXPECT_THAT(fault_of("tcp and len > 5"), HasSubstr("packet's length"));
}

TEST_F(CompileExpression, LoopsAreRefused) {
  EXPECT_THAT(fault_of("ip6 protochain 58"), HasSubstr("loops"));
  EXPECT_THAT(fault_of("ip protochain 6"), HasSubstr("loops"));
}

std::string hosts(size_t count) {
  std::string text;
  for (size_t i = 0; i < count; ++i) {
    text += (i == 0 ? "host 10." : " or host 10.") + std::to_string(i / 250 % 250) + "." +
            std::to_string(i % 250) + "." + std::to_string(i / 62500);
  }
  return text;
}

TEST_F(CompileExpression, AHundredHostsCompile) {
  ChildCompiler compiler(test::kCompiler);
  EXPECT_TRUE(compiler.compile(hosts(100)).ok());
}

TEST_F(CompileExpression, WhatTakesTooMuchIsRefused) {
  const auto start = Clock::now();
  EXPECT_THAT(fault_of(hosts(3'000)), testing::AnyOf(HasSubstr("256 MiB"), HasSubstr("CPU time")));
  EXPECT_THAT(fault_of(std::string(60'000, '(')), testing::Not(testing::IsEmpty()));
  EXPECT_THAT(fault_of(std::string(60'000, '!') + "tcp"), testing::Not(testing::IsEmpty()));
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(20));
}

TEST_F(CompileExpression, AProgramThatIsTooLongIsRefused) {
  std::string text = "net 10.0.0.0/24";
  for (int i = 1; i < 900; ++i) {
    text += " or net 10." + std::to_string(i / 250) + "." + std::to_string(i % 250) + ".0/24";
  }
  // Its limits are in CPU time and memory; how long that takes is for the machine to say.
  const auto program =
      compile_in_child(BUTTERFLY_EXPRESSION_COMPILER, text, std::chrono::minutes(1));
  EXPECT_THAT(std::string(program.status().message()),
              testing::AnyOf(HasSubstr("instructions (wanted at most 4096)"), HasSubstr("CPU time"),
                             HasSubstr("256 MiB")));
}

TEST_F(CompileExpression, ACompilerThatIsNotThereIsNamed) {
  ChildCompiler compiler("/nowhere/compiler");
  const Status status = compiler.compile("tcp").status();
  EXPECT_TRUE(absl::IsFailedPrecondition(status));
  EXPECT_THAT(std::string(status.message()), HasSubstr("'/nowhere/compiler': No such file"));
}

TEST_F(CompileExpression, OneThatHangsIsKilled) {
  const std::string path = script("hang", "exec sleep 100");
  const auto start = Clock::now();
  const auto program = compile_in_child(path, "tcp", std::chrono::milliseconds(100));
  EXPECT_THAT(std::string(program.status().message()), HasSubstr("not finished after 100 ms"));
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(5));
}

TEST_F(CompileExpression, OneThatGoesOnAfterItsAnswerIsKilled) {
  const std::string path = script("mute", "exec >&-\nexec sleep 100");
  const auto start = Clock::now();
  EXPECT_FALSE(compile_in_child(path, "tcp").ok());
  EXPECT_LT(Clock::now() - start, std::chrono::seconds(4));
}

TEST_F(CompileExpression, AnAnswerIsNotBelieved) {
  const auto fault = [](const std::string& commands) {
    ChildCompiler compiler(script("liar", commands));
    return std::string(compiler.compile("tcp").status().message());
  };
  EXPECT_THAT(fault("exit 0"), HasSubstr("nothing to say"));
  EXPECT_THAT(fault("exit 3"), HasSubstr("ended with 3"));
  EXPECT_THAT(fault("kill -SEGV $$"), HasSubstr("died of it: Segmentation fault"));
  EXPECT_THAT(fault("printf X"), HasSubstr("makes no sense"));
  EXPECT_THAT(fault("printf P123"), HasSubstr("makes no sense"));
  EXPECT_THAT(fault("printf P"), HasSubstr("has 0 instructions"));
  EXPECT_THAT(fault("printf 'P\\006\\000\\000\\000\\000\\000\\000'; printf '\\377'; cat /dev/zero"),
              HasSubstr("makes no sense"));
  EXPECT_THAT(fault("printf 'F\\033[2Jboo'"), HasSubstr("?[2Jboo"));
  EXPECT_THAT(fault("printf 'P\\040\\000\\000\\000\\000\\360\\377\\377"
                    "\\006\\000\\000\\000\\001\\000\\000\\000'"),
              HasSubstr("not in an IP packet"));
}

TEST_F(CompileExpression, TheSameTextIsCompiledOnce) {
  ChildCompiler compiler(test::kCompiler);
  const auto first = compiler.compile("tcp");
  ASSERT_TRUE(first.ok());
  for (int i = 0; i < 1'000; ++i) EXPECT_EQ(*compiler.compile("tcp"), *first);
  EXPECT_EQ(compiler.compiled(), 1u);
  ASSERT_TRUE(compiler.compile("udp").ok());
  EXPECT_EQ(compiler.compiled(), 2u);
}

TEST_F(CompileExpression, ThreadsShareOneChild) {
  ChildCompiler compiler(test::kCompiler);
  std::vector<std::thread> threads;
  for (int i = 0; i < 8; ++i) {
    threads.emplace_back([&] { EXPECT_TRUE(compiler.compile("tcp port 1").ok()); });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(compiler.compiled(), 1u);
}

}  // namespace
}  // namespace butterfly

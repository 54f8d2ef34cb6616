// SPDX-License-Identifier: Apache-2.0
#include "host/expression/program.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <linux/filter.h>

#include "host/expression/expression_test_support.h"

namespace butterfly {
namespace {

using test::Bytes;
using test::pick;
using test::Random;
using testing::HasSubstr;
using Program = std::vector<ClassicInstruction>;

constexpr ClassicInstruction kAccept{BPF_RET, 0, 0, 1};
constexpr ClassicInstruction kRefuse{BPF_RET, 0, 0, 0};

std::string fault_of(const Program& program) {
  return std::string(check_program(program).message());
}

TEST(ExpressionProgram, WhatIsNotAProgramIsRefused) {
  EXPECT_THAT(fault_of({}), HasSubstr("has 0 instructions"));
  EXPECT_THAT(fault_of(Program(4097, kAccept)), HasSubstr("has 4097 instructions"));
  EXPECT_THAT(fault_of({{BPF_LD | BPF_IMM, 0, 0, 1}}), HasSubstr("does not end"));
  EXPECT_TRUE(check_program(Program(4096, kAccept)).ok());
}

TEST(ExpressionProgram, JumpsLeadForwardAndStayInside) {
  EXPECT_TRUE(check_program(Program{{BPF_JMP | BPF_JEQ, 0, 0, 1}, kAccept}).ok());
  EXPECT_THAT(fault_of({{BPF_JMP | BPF_JEQ, 1, 0, 1}, kAccept}), HasSubstr("out of itself"));
  EXPECT_THAT(fault_of({{BPF_JMP | BPF_JEQ, 0, 255, 1}, kAccept}), HasSubstr("out of itself"));
  EXPECT_THAT(fault_of({{BPF_JMP | BPF_JA, 0, 0, 1}, kAccept}), HasSubstr("out of itself"));
  EXPECT_THAT(fault_of({{BPF_JMP | BPF_JA, 0, 0, 0x7fffffff}, kAccept}),
              HasSubstr("out of itself"));
  EXPECT_THAT(fault_of({{BPF_JMP | BPF_JA, 0, 0, 0xffffffff}, kAccept}), HasSubstr("loops"));
}

TEST(ExpressionProgram, OffsetsAreThoseOfAPacket) {
  EXPECT_TRUE(check_program(Program{{BPF_LD | BPF_ABS, 0, 0, 65535}, kAccept}).ok());
  EXPECT_THAT(fault_of({{BPF_LD | BPF_ABS, 0, 0, 65536}, kAccept}), HasSubstr("outside any"));
  EXPECT_THAT(fault_of({{BPF_LD | BPF_IND, 0, 0, 0x80000000}, kAccept}), HasSubstr("outside any"));
  EXPECT_THAT(fault_of({{BPF_LD | BPF_ABS, 0, 0, 0xfffff004}, kAccept}), HasSubstr("direction"));
  EXPECT_THAT(fault_of({{BPF_LD | BPF_LEN, 0, 0, 0}, kAccept}), HasSubstr("length"));
  EXPECT_THAT(fault_of({{BPF_ST, 0, 0, 16}, kAccept}), HasSubstr("unknown"));
  EXPECT_THAT(fault_of({{BPF_LDX | BPF_MEM, 0, 0, 99}, kAccept}), HasSubstr("unknown"));
}

TEST(ExpressionProgram, ConstantsMakeSense) {
  EXPECT_THAT(fault_of({{BPF_ALU | BPF_DIV, 0, 0, 0}, kAccept}), HasSubstr("by zero"));
  EXPECT_THAT(fault_of({{BPF_ALU | BPF_MOD, 0, 0, 0}, kAccept}), HasSubstr("by zero"));
  EXPECT_THAT(fault_of({{BPF_ALU | BPF_LSH, 0, 0, 32}, kAccept}), HasSubstr("at most 31"));
}

// Every code there is: what check_program() lets pass must load and run.
TEST(ExpressionProgram, EveryCodeIsRefusedOrRuns) {
  const Bytes packet(40, 0x45);
  size_t known = 0;
  for (uint32_t code = 0; code <= 0xffff; ++code) {
    const Program program{{static_cast<uint16_t>(code), 0, 0, 1}, kAccept, kRefuse};
    if (!check_program(program).ok()) continue;
    ++known;
    EXPECT_EQ(run_program(program, packet), test::matches_in_libpcap(program, packet)) << code;
  }
  EXPECT_EQ(known, 47u);
}

// What libpcap would not write either: whether it is a valid program decides check_program().
Program random_program(Random& random) {
  constexpr uint16_t kLoads[] = {BPF_LD | BPF_ABS,
                                 BPF_LD | BPF_IND,
                                 BPF_LD | BPF_IMM,
                                 BPF_LD | BPF_MEM,
                                 BPF_LDX | BPF_IMM,
                                 BPF_LDX | BPF_MEM,
                                 BPF_LDX | BPF_MSH | BPF_B,
                                 BPF_ST,
                                 BPF_STX};
  constexpr uint16_t kSizes[] = {BPF_W, BPF_H, BPF_B};
  const uint32_t count = 3 + pick(random, 40);
  // libpcap's interpreter does not clear its scratch memory.
  Program program{{BPF_ST, 0, 0, 0}, {BPF_ST, 0, 0, 1}, {BPF_ST, 0, 0, 2}, {BPF_ST, 0, 0, 3}};
  for (uint32_t i = 0; i < count; ++i) {
    ClassicInstruction instruction{};
    instruction.k = pick(random, 2) ? pick(random, 60) : pick(random, 0xffffffff);
    const uint32_t left = count - i - 1;  // instructions behind this one, the end besides
    switch (pick(random, 8)) {
      case 0:
      case 1:
      case 2: {
        instruction.code = kLoads[pick(random, 9)];
        const bool is_packet =
            BPF_MODE(instruction.code) == BPF_ABS || BPF_MODE(instruction.code) == BPF_IND;
        if (is_packet) instruction.code |= kSizes[pick(random, 3)];
        const uint16_t mode = BPF_MODE(instruction.code);
        if (is_packet || mode == BPF_MSH) instruction.k %= 70;
        if (mode == BPF_MEM || BPF_CLASS(instruction.code) >= BPF_ST) instruction.k %= 4;
        break;
      }
      case 3:
      case 4:
        instruction.code = static_cast<uint16_t>(BPF_ALU | pick(random, 11) << 4 |
                                                 (pick(random, 2) ? BPF_X : BPF_K));
        if (BPF_OP(instruction.code) == BPF_LSH || BPF_OP(instruction.code) == BPF_RSH)
          instruction.k %= 32;
        if (BPF_OP(instruction.code) == BPF_NEG) instruction.code = BPF_ALU | BPF_NEG;
        if (instruction.k == 0) instruction.k = 3;
        break;
      case 5:
        instruction.code = BPF_MISC | (pick(random, 2) ? 0x80 : 0);
        break;
      default:
        instruction.code = static_cast<uint16_t>(BPF_JMP | (1 + pick(random, 4)) << 4 |
                                                 (pick(random, 2) ? BPF_X : BPF_K));
        instruction.jump_true = static_cast<uint8_t>(pick(random, left + 1));
        instruction.jump_false = static_cast<uint8_t>(pick(random, left + 1));
        break;
    }
    program.push_back(instruction);
  }
  program.push_back({BPF_ALU | BPF_AND, 0, 0, pick(random, 2) ? 1 : 0xffffffff});
  program.push_back({BPF_RET | 0x10, 0, 0, 0});
  return program;
}

TEST(ExpressionProgram, LibpcapAgreesOnRandomPrograms) {
  Random random(1);
  int matched = 0;
  int refused = 0;
  for (int i = 0; i < 3'000; ++i) {
    const Program program = random_program(random);
    ASSERT_TRUE(check_program(program).ok()) << check_program(program);
    for (int j = 0; j < 20; ++j) {
      const Bytes packet = test::random_packet(random);
      const bool wanted = test::matches_in_libpcap(program, packet);
      (wanted ? matched : refused) += 1;
      ASSERT_EQ(run_program(program, packet), wanted) << "program " << i << " packet " << j;
    }
  }
  EXPECT_GT(matched, 5'000);
  EXPECT_GT(refused, 5'000);
}

// A packet says at which offset to look: anywhere in 32 bits, and nothing is read there.
TEST(ExpressionProgram, APacketCannotMakeItLookOutside) {
  const auto program = compile_in_child(test::kCompiler, "ip[ip[16:4]:4] = 7");
  ASSERT_TRUE(program.ok()) << program.status();
  for (const uint32_t offset : {0u, 36u, 37u, 39u, 40u, 65535u, 65536u, 0x7fffffffu, 0x80000000u,
                                0xfffffffcu, 0xfffffffdu, 0xfffffffeu, 0xffffffffu}) {
    Bytes packet(40);
    packet[0] = 0x45;
    packet[39] = 7;
    for (int i = 0; i < 4; ++i) packet[16 + i] = static_cast<uint8_t>(offset >> (24 - 8 * i));
    EXPECT_EQ(run_program(*program, packet), offset == 36) << offset;
  }
}

TEST(ExpressionProgram, NothingOfAnEmptyPacketMatches) {
  const auto program = compile_in_child(test::kCompiler, "not tcp");
  ASSERT_TRUE(program.ok());
  EXPECT_FALSE(run_program(*program, {}));
  EXPECT_FALSE(run_program(*program, Bytes(5, 0x45)));
}

TEST(ExpressionProgram, ADeadOneMatchesNothingAndSaysWhy) {
  const auto expression = make_dead_expression("tcp", "gone");
  EXPECT_FALSE(expression->matches(Bytes(40, 0x45)));
  EXPECT_EQ(expression->text(), "tcp");
  EXPECT_EQ(expression->fault(), "gone");
}

}  // namespace
}  // namespace butterfly

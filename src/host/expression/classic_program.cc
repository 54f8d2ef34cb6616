// SPDX-License-Identifier: Apache-2.0
#include "host/expression/classic_program.h"

#include <linux/filter.h>

#include <algorithm>
#include <array>

namespace butterfly {
namespace {

constexpr uint16_t kReturnA = BPF_RET | BPF_A;
constexpr uint16_t kReturnK = BPF_RET | BPF_K;
constexpr uint16_t kTax = BPF_MISC | BPF_TAX;
constexpr uint16_t kTxa = BPF_MISC | BPF_TXA;
constexpr uint32_t kScratchWords = 16;
// Where the extensions for what lies beside a packet begin (interface, direction).
constexpr uint32_t kBesidePacket = 0xfffff000;
constexpr uint32_t kMaxOffset = 65535;  // no IP packet is longer

Status check_offset(uint32_t offset) {
  if (offset >= kBesidePacket) {
    return invalid(
        "it asks for what is not in an IP packet, such as its direction (wanted the packet's own "
        "bytes)");
  }
  if (offset <= kMaxOffset) return ok_status();
  return invalid("it looks outside any packet (wanted offsets up to 65535)");
}

Status check_load(const ClassicInstruction& instruction) {
  const uint16_t code = instruction.code;
  if (BPF_MODE(code) == BPF_LEN) {
    return invalid(
        "it asks for the packet's length, as less, greater and len do: when a flow is judged "
        "again that of its first packet is not known (wanted other conditions)");
  }
  switch (code) {
    case BPF_LD | BPF_ABS | BPF_W:
    case BPF_LD | BPF_ABS | BPF_H:
    case BPF_LD | BPF_ABS | BPF_B:
    case BPF_LD | BPF_IND | BPF_W:
    case BPF_LD | BPF_IND | BPF_H:
    case BPF_LD | BPF_IND | BPF_B:
    case BPF_LDX | BPF_MSH | BPF_B:
      return check_offset(instruction.k);
    case BPF_LD | BPF_IMM:
    case BPF_LDX | BPF_IMM:
      return ok_status();
    case BPF_LD | BPF_MEM:
    case BPF_LDX | BPF_MEM:
    case BPF_ST:
    case BPF_STX:
      if (instruction.k < kScratchWords) return ok_status();
      break;
    default:
      break;
  }
  return invalid("its program has an instruction that is unknown");
}

Status check_arithmetic(const ClassicInstruction& instruction) {
  const uint16_t operation = BPF_OP(instruction.code);
  const bool is_constant = BPF_SRC(instruction.code) == BPF_K;
  if (operation > BPF_XOR || (instruction.code & 0xff00) != 0 ||
      (operation == BPF_NEG && !is_constant)) {
    return invalid("its program has an instruction that is unknown");
  }
  if (!is_constant) return ok_status();
  if ((operation == BPF_DIV || operation == BPF_MOD) && instruction.k == 0) {
    return invalid("it divides by zero");
  }
  if ((operation == BPF_LSH || operation == BPF_RSH) && instruction.k > 31) {
    return invalid("it shifts by " + std::to_string(instruction.k) + " bits (wanted at most 31)");
  }
  return ok_status();
}

// `left`: how many instructions come after this one.
Status check_jump(const ClassicInstruction& instruction, size_t left) {
  const uint16_t operation = BPF_OP(instruction.code);
  const bool is_known = operation <= BPF_JSET && (instruction.code & 0xff00) == 0 &&
                        (operation != BPF_JA || instruction.code == (BPF_JMP | BPF_JA));
  if (!is_known) return invalid("its program has an instruction that is unknown");
  const uint64_t farthest =
      operation == BPF_JA ? instruction.k : std::max(instruction.jump_true, instruction.jump_false);
  if (operation == BPF_JA && instruction.k >= 0x80000000) {
    return invalid("it loops, as protochain does (wanted an expression without loops)");
  }
  if (farthest >= left) return invalid("its program jumps out of itself");
  return ok_status();
}

Status check_instruction(const ClassicInstruction& instruction, size_t left) {
  switch (BPF_CLASS(instruction.code)) {
    case BPF_LD:
    case BPF_LDX:
    case BPF_ST:
    case BPF_STX:
      return check_load(instruction);
    case BPF_ALU:
      return check_arithmetic(instruction);
    case BPF_JMP:
      return check_jump(instruction, left);
    default:
      break;
  }
  const uint16_t code = instruction.code;
  if (code == kReturnA || code == kReturnK || code == kTax || code == kTxa) return ok_status();
  return invalid("its program has an instruction that is unknown");
}

// False when it does not lie inside.
template <size_t kBytes>
bool load(std::span<const uint8_t> packet, uint64_t offset, uint32_t& value) {
  if (offset + kBytes > packet.size()) return false;
  const uint8_t* const bytes = packet.data() + offset;
  value = bytes[0];
  for (size_t i = 1; i < kBytes; ++i) value = value << 8 | bytes[i];
  return true;
}

}  // namespace

Status check_program(ClassicProgram program) {
  if (program.empty() || program.size() > kMaxExpressionInstructions) {
    return invalid("its program has " + std::to_string(program.size()) +
                   " instructions (wanted 1 to " + std::to_string(kMaxExpressionInstructions) +
                   ")");
  }
  for (size_t i = 0; i < program.size(); ++i) {
    RETURN_IF_ERROR(check_instruction(program[i], program.size() - i - 1));
  }
  if (BPF_CLASS(program.back().code) != BPF_RET) return invalid("its program does not end");
  return ok_status();
}

// One switch over whole codes, which compilers turn into one jump. Codes are checked, so there is
// no other.
bool run_program(ClassicProgram program, std::span<const uint8_t> packet) noexcept {
  uint32_t a = 0;
  uint32_t x = 0;
  std::array<uint32_t, kScratchWords> scratch{};
  const ClassicInstruction* at = program.data();
  const auto jump_if = [&](bool is_so) { at += is_so ? at->jump_true : at->jump_false; };
  for (;; ++at) {
    const uint32_t k = at->k;
    switch (at->code) {
      case BPF_LD | BPF_ABS | BPF_W:
        if (!load<4>(packet, k, a)) return false;
        break;
      case BPF_LD | BPF_ABS | BPF_H:
        if (!load<2>(packet, k, a)) return false;
        break;
      case BPF_LD | BPF_ABS | BPF_B:
        if (!load<1>(packet, k, a)) return false;
        break;
      case BPF_LD | BPF_IND | BPF_W:
        if (!load<4>(packet, uint64_t{x} + k, a)) return false;
        break;
      case BPF_LD | BPF_IND | BPF_H:
        if (!load<2>(packet, uint64_t{x} + k, a)) return false;
        break;
      case BPF_LD | BPF_IND | BPF_B:
        if (!load<1>(packet, uint64_t{x} + k, a)) return false;
        break;
      case BPF_LDX | BPF_MSH | BPF_B:
        if (!load<1>(packet, k, x)) return false;
        x = (x & 0xf) << 2;
        break;
      case BPF_LD | BPF_IMM:
        a = k;
        break;
      case BPF_LDX | BPF_IMM:
        x = k;
        break;
      case BPF_LD | BPF_MEM:
        a = scratch[k];
        break;
      case BPF_LDX | BPF_MEM:
        x = scratch[k];
        break;
      case BPF_ST:
        scratch[k] = a;
        break;
      case BPF_STX:
        scratch[k] = x;
        break;
      case BPF_ALU | BPF_ADD | BPF_K:
        a += k;
        break;
      case BPF_ALU | BPF_ADD | BPF_X:
        a += x;
        break;
      case BPF_ALU | BPF_SUB | BPF_K:
        a -= k;
        break;
      case BPF_ALU | BPF_SUB | BPF_X:
        a -= x;
        break;
      case BPF_ALU | BPF_MUL | BPF_K:
        a *= k;
        break;
      case BPF_ALU | BPF_MUL | BPF_X:
        a *= x;
        break;
      case BPF_ALU | BPF_OR | BPF_K:
        a |= k;
        break;
      case BPF_ALU | BPF_OR | BPF_X:
        a |= x;
        break;
      case BPF_ALU | BPF_AND | BPF_K:
        a &= k;
        break;
      case BPF_ALU | BPF_AND | BPF_X:
        a &= x;
        break;
      case BPF_ALU | BPF_XOR | BPF_K:
        a ^= k;
        break;
      case BPF_ALU | BPF_XOR | BPF_X:
        a ^= x;
        break;
      case BPF_ALU | BPF_DIV | BPF_K:
        a /= k;
        break;
      case BPF_ALU | BPF_DIV | BPF_X:
        if (x == 0) return false;
        a /= x;
        break;
      case BPF_ALU | BPF_MOD | BPF_K:
        a %= k;
        break;
      case BPF_ALU | BPF_MOD | BPF_X:
        if (x == 0) return false;
        a %= x;
        break;
      case BPF_ALU | BPF_LSH | BPF_K:
        a <<= k;
        break;
      case BPF_ALU | BPF_LSH | BPF_X:
        a = x > 31 ? 0 : a << x;
        break;
      case BPF_ALU | BPF_RSH | BPF_K:
        a >>= k;
        break;
      case BPF_ALU | BPF_RSH | BPF_X:
        a = x > 31 ? 0 : a >> x;
        break;
      case BPF_ALU | BPF_NEG:
        a = -a;
        break;
      case BPF_JMP | BPF_JA:
        at += k;
        break;
      case BPF_JMP | BPF_JEQ | BPF_K:
        jump_if(a == k);
        break;
      case BPF_JMP | BPF_JEQ | BPF_X:
        jump_if(a == x);
        break;
      case BPF_JMP | BPF_JGT | BPF_K:
        jump_if(a > k);
        break;
      case BPF_JMP | BPF_JGT | BPF_X:
        jump_if(a > x);
        break;
      case BPF_JMP | BPF_JGE | BPF_K:
        jump_if(a >= k);
        break;
      case BPF_JMP | BPF_JGE | BPF_X:
        jump_if(a >= x);
        break;
      case BPF_JMP | BPF_JSET | BPF_K:
        jump_if((a & k) != 0);
        break;
      case BPF_JMP | BPF_JSET | BPF_X:
        jump_if((a & x) != 0);
        break;
      case kReturnK:
        return k != 0;
      case kReturnA:
        return a != 0;
      case kTax:
        x = a;
        break;
      case kTxa:
        a = x;
        break;
      default:
        return false;
    }
  }
}

}  // namespace butterfly

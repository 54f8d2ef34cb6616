// SPDX-License-Identifier: Apache-2.0
#include "cli/pcapng.h"

#include <cstring>

namespace butterfly {
namespace {

// Block types and option codes of the draft's §4 and §3.5; numbers are of this machine's byte
// order, which the magic number tells.
constexpr uint32_t kSectionHeader = 0x0a0d0d0a;
constexpr uint32_t kByteOrder = 0x1a2b3c4d;
constexpr uint32_t kInterface = 1;
constexpr uint32_t kStatistics = 5;
constexpr uint32_t kEnhancedPacket = 6;
constexpr uint16_t kEthernet = 1;

constexpr uint16_t kEndOfOptions = 0;
constexpr uint16_t kComment = 1;
constexpr uint16_t kUserApplication = 4;
constexpr uint16_t kInterfaceName = 2;
constexpr uint16_t kTimeResolution = 9;
constexpr uint16_t kPacketFlags = 2;
constexpr uint16_t kReceived = 4;
constexpr uint16_t kDroppedByInterface = 5;

class Block {
 public:
  explicit Block(uint32_t type) {
    number(type);
    number(uint32_t{0});  // its length, when it is known
  }
  template <typename T>
  Block& number(T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    text_.append(bytes, sizeof value);
    return *this;
  }
  // High and low half, in this order whatever the machine's.
  Block& time(uint64_t ns) {
    return number(static_cast<uint32_t>(ns >> 32)).number(static_cast<uint32_t>(ns));
  }
  Block& padded(std::string_view bytes) {
    text_.append(bytes);
    text_.append((4 - bytes.size() % 4) % 4, '\0');
    return *this;
  }
  Block& option(uint16_t code, std::string_view value) {
    has_options_ = true;
    return number(code).number(static_cast<uint16_t>(value.size())).padded(value);
  }
  template <typename T>
  Block& number_option(uint16_t code, T value) {
    char bytes[sizeof value];
    std::memcpy(bytes, &value, sizeof value);
    return option(code, std::string_view(bytes, sizeof value));
  }
  std::string finish() {
    if (has_options_) number(kEndOfOptions).number(uint16_t{0});
    const auto length = static_cast<uint32_t>(text_.size() + sizeof(uint32_t));
    number(length);
    std::memcpy(text_.data() + sizeof(uint32_t), &length, sizeof length);
    return text_;
  }

 private:
  std::string text_;
  bool has_options_ = false;
};

std::string interface_block(const std::string& name, uint32_t most_bytes) {
  return Block(kInterface)
      .number(kEthernet)
      .number(uint16_t{0})
      .number(most_bytes)
      .option(kInterfaceName, name)
      .number_option(kTimeResolution, uint8_t{9})
      .finish();
}

}  // namespace

std::string Pcapng::begin(std::string_view nic, std::string_view program, uint32_t most_bytes) {
  Block section(kSectionHeader);
  section.number(kByteOrder)
      .number(uint16_t{1})  // version 1.0
      .number(uint16_t{0})
      .number(~uint64_t{0})  // the section's length: not known
      .option(kUserApplication, program);
  const std::string name(nic);
  return section.finish() + interface_block(name, most_bytes) +
         interface_block(name + " dropped", most_bytes);
}

std::string Pcapng::packet(const Packet& packet) {
  Block block(kEnhancedPacket);
  block.number(static_cast<uint32_t>(packet.interface))
      .time(packet.time_ns)
      .number(static_cast<uint32_t>(packet.bytes.size()))
      .number(packet.length)
      .padded(packet.bytes);
  if (!packet.comment.empty()) block.option(kComment, packet.comment);
  if (packet.direction != Direction::unknown) {
    block.number_option(kPacketFlags, static_cast<uint32_t>(packet.direction));
  }
  return block.finish();
}

std::string Pcapng::end(uint64_t time_ns, uint64_t received, uint64_t lost) {
  return Block(kStatistics)
      .number(static_cast<uint32_t>(Interface::nic))
      .time(time_ns)
      .number_option(kReceived, received)
      .number_option(kDroppedByInterface, lost)
      .finish();
}

}  // namespace butterfly

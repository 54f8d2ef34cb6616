// SPDX-License-Identifier: Apache-2.0
// The brick that answers guests, before one nic: shared by the tests of DHCP and of DHCPv6.
#pragma once

#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>

#include "bricks/guest_services.h"
#include "support/underlay.h"

namespace butterfly::test {

class GuestServicesFixture : public ::testing::Test {
 protected:
  using Out = GuestServices::Out;
  static constexpr PortId kPort{7};

  // What is told to the guest of 52:54:00:00:00:01; null: nothing.
  void set(std::shared_ptr<const GuestService> service) {
    auto nic = std::make_shared<Nic>();
    nic->port = kPort;
    nic->mac = Mac::from_u64(0x525400000001);
    nic->service = std::move(service);
    nics_.set(nic);
  }
  OwnedPacket make(const std::string& text) {
    OwnedPacket packet = make_parsed(text, Vni{42});
    packet->in_port = kPort;
    return packet;
  }
  Out fate(const std::string& text) { return brick_(*make(text), nullptr); }
  std::string answer_to(const std::string& text, Out wanted) {
    const OwnedPacket packet = make(text);
    EXPECT_EQ(brick_(*packet, nullptr), wanted) << text;
    EXPECT_EQ(packet->out_port, kPort);
    EXPECT_FALSE(packet->requests_offload());
    return text_of(*packet);
  }
  // As it passes: untouched.
  void expect_passed_on(const std::string& text) {
    const OwnedPacket packet = make(text);
    EXPECT_EQ(brick_(*packet, nullptr), Out::on) << text;
    EXPECT_EQ(text_of(*packet), normal(text));
  }

  NicTable nics_;
  GuestServices brick_{nics_};
};

}  // namespace butterfly::test

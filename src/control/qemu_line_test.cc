// SPDX-License-Identifier: Apache-2.0
#include "control/qemu_line.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace butterfly {
namespace {

using testing::HasSubstr;

TEST(QemuArguments, ConnectTheGuestToItsSocketThroughSharedMemory) {
  EXPECT_EQ(
      qemu_arguments({"web-1", Mac::from_u64(0x525400123456), "/run/b/web-1.sock", false, 1450}),
      "-object memory-backend-memfd,id=mem0,size=MEMORY,share=on -numa node,memdev=mem0 "
      "-chardev socket,id=char-web-1,path=/run/b/web-1.sock,server=on,wait=off "
      "-netdev vhost-user,id=net-web-1,chardev=char-web-1 "
      "-device virtio-net-pci,netdev=net-web-1,mac=52:54:00:12:34:56,host_mtu=1450,"
      "rx_queue_size=1024,tx_queue_size=1024");
}

TEST(QemuArguments, DoubleCommas) {
  EXPECT_THAT(qemu_arguments({"1", Mac::from_u64(2), "/run/a,b"}),
              HasSubstr("path=/run/a,,b,server=on"));
}

TEST(QemuArguments, ConnectToASocketAtWhichTheSwitchListens) {
  EXPECT_THAT(qemu_arguments({"a", Mac::from_u64(2), "/run/a.sock", true}),
              HasSubstr(" -chardev socket,id=char-a,path=/run/a.sock,reconnect=1 -netdev "));
}

TEST(QemuArguments, GiveTheDeviceItsQueuesAndRings) {
  const std::string line = qemu_arguments({"a", Mac::from_u64(2), "/a", false, 1500, 4, true});
  EXPECT_THAT(line, HasSubstr(" -netdev vhost-user,id=net-a,chardev=char-a,queues=4 -device "));
  EXPECT_THAT(line, HasSubstr(",mq=on,vectors=10,packed=on,host_mtu=1500,"));
}

TEST(GuestMtu, IsNeverAboveTheStandardOne) {
  EXPECT_EQ(guest_mtu(8950), 1500);
  EXPECT_EQ(guest_mtu(1450), 1450);
  EXPECT_EQ(guest_mtu(0), 1500) << "without an underlay";
}

}  // namespace
}  // namespace butterfly

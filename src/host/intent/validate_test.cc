// SPDX-License-Identifier: Apache-2.0
// What is valid, and what clashes with what.
#include "host/intent/intent_for_test.h"

namespace butterfly {
namespace {

using test::allow;
using test::good_intent;
using test::make_nic;
using test::put;
using testing::HasSubstr;

TEST(Validate, TakesAWholeIntent) { EXPECT_EQ(validate(good_intent()), ok_status()); }

TEST(ValidateChange, FindsWhatClashesWithTheOldest) {
  Intent before = good_intent();
  for (uint64_t i = 0; i < 50; ++i) {
    put(before, make_nic("nic" + std::to_string(i), 0x525500000000 + i));
  }
  const auto answer = [&](const Intent& next) {
    const Status status = validate_change(next, difference(before, next));
    EXPECT_EQ(status, validate(next));
    return std::string(status.message());
  };
  Intent next = before;
  next.nics["nic7"].mac = Mac::from_u64(0x525500000030);
  EXPECT_THAT(answer(next), HasSubstr("is nic 'nic48'"));
  next = before;
  put(next, make_nic("late", 0x525400000099));  // the static entry's
  EXPECT_THAT(answer(next), HasSubstr("MAC is local nic 'late'"));
  next = before;
  const Mac local = before.nics.at("nic3").mac;
  next.fdb[{Vni(42), local}] = {Vni(42), local, before.peers.begin()->first};
  EXPECT_THAT(answer(next), HasSubstr("MAC is local nic 'nic3'"));
  next = before;
  allow(next, 0x525500000007);
  EXPECT_THAT(answer(next), HasSubstr("allowed MAC 52:55:00:00:00:07 is nic 'nic7'"));
  next = before;
  next.peers.clear();
  EXPECT_THAT(answer(next), HasSubstr("is not configured"));
  next.fdb.clear();
  EXPECT_EQ(answer(next), "");
  next = before;
  std::swap(next.nics["nic1"].mac, next.nics["nic2"].mac);
  EXPECT_EQ(answer(next), "");
}

}  // namespace
}  // namespace butterfly

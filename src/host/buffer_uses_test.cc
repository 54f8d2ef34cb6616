// SPDX-License-Identifier: Apache-2.0
#include "host/buffer_uses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace butterfly {
namespace {

using ::testing::ElementsAre;
using ::testing::HasSubstr;

std::vector<std::string> names_of(const BufferShape& shape) {
  std::vector<std::string> names;
  for (const BufferUse& use : buffer_uses(shape)) names.push_back(use.what);
  return names;
}

uint64_t buffers_of(const BufferShape& shape, const std::string& what) {
  for (const BufferUse& use : buffer_uses(shape)) {
    if (use.what == what) return use.buffers;
  }
  return 0;
}

TEST(BufferUses, OnlyWhatIsThereHoldsAny) {
  EXPECT_THAT(names_of({}), ElementsAre("lcores", "fragments"));
  EXPECT_THAT(names_of({.lcores = 2, .nics = 1, .receive_slots = 1024}),
              ElementsAre("uplink", "lcores", "nics", "hand-over", "fragments"));
}

TEST(BufferUses, EachGrowsWithWhatItSays) {
  EXPECT_EQ(buffers_of({.receive_slots = 2048, .transmit_slots = 1024}, "uplink"), 3072u);
  EXPECT_EQ(buffers_of({.lcores = 2, .nics = 200}, "nics"), 2u * 200 * 32);
  EXPECT_EQ(buffers_of({.lcores = 3}, "hand-over"), 2u * 6 * 1024);
  EXPECT_EQ(buffers_of({.lcores = 4}, "fragments"), 4u * 2048);
  EXPECT_EQ(buffers_of({.cache = 256}, "lcores") - buffers_of({}, "lcores"), 384u);
}

TEST(BufferUses, TheReasonHasTheNumbers) {
  const auto uses = buffer_uses({.lcores = 2, .nics = 200});
  EXPECT_THAT(uses[1].why, HasSubstr("200, for each 32 to be sent by each lcore"));
  EXPECT_THAT(uses[2].why, HasSubstr("4 rings of 1024 between lcores"));
  uint64_t sum = 0;
  for (const BufferUse& use : uses) sum += use.buffers;
  EXPECT_EQ(sum_of(uses), sum);
}

}  // namespace
}  // namespace butterfly

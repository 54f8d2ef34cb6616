// SPDX-License-Identifier: Apache-2.0
#include "tables/stranger_table.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

StrangerTable::Stranger stranger(uint32_t number, uint32_t vni = 7) {
  return {Ipv4::from_u32(0xc0000200 + number), Vni{vni}};
}

TEST(StrangerTable, EachIsToldOnceUntilItIsTaken) {
  StrangerTable table;
  EXPECT_FALSE(table.has_any());
  for (int i = 0; i < 3; ++i) {
    table.note(stranger(2));
    table.note(stranger(3));
    table.note(stranger(2, 8));
  }
  EXPECT_TRUE(table.has_any());
  EXPECT_EQ(table.take(), (std::vector{stranger(2), stranger(3), stranger(2, 8)}));
  EXPECT_FALSE(table.has_any());
  table.note(stranger(2));
  EXPECT_EQ(table.take(), std::vector{stranger(2)});
}

TEST(StrangerTable, WhatDoesNotFitIsNotedWhenThereIsRoomAgain) {
  StrangerTable table;
  for (uint32_t i = 0; i < 2 * StrangerTable::kSlots; ++i) table.note(stranger(i));
  EXPECT_EQ(table.take().size(), StrangerTable::kSlots);
  table.note(stranger(100));
  EXPECT_EQ(table.take(), std::vector{stranger(100)});
}

}  // namespace
}  // namespace butterfly

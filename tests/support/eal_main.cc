// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "support/eal.h"

int main(int argc, char** argv) {
  ::testing::InitGoogleTest(&argc, argv);
  butterfly::test::start_eal();
  return RUN_ALL_TESTS();
}

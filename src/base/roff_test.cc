// SPDX-License-Identifier: Apache-2.0
#include "base/roff.h"

#include <gtest/gtest.h>

namespace butterfly {
namespace {

TEST(Roff, MakesNoRequestOfText) {
  EXPECT_EQ(roff(".so /etc/passwd\n'br\na.b"), "\\&.so /etc/passwd\n\\&'br\na.b");
  EXPECT_EQ(roff("a\\fBb"), "a\\efBb");
}

TEST(Roff, KeepsAMinusForTheShell) { EXPECT_EQ(roff_bold("--api"), "\\fB\\-\\-api\\fR"); }

TEST(Roff, NamesWhatIsNotAscii) {
  EXPECT_EQ(roff("a, …, é and 𝄞"), "a, \\[u2026], \\[u00E9] and \\[u1D11E]");
  EXPECT_EQ(roff("cut \xe2"), "cut \\[u0002]") << "and reads no further than it may";
}

}  // namespace
}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// Parts of validate() that its files share.
#pragma once

#include <string>
#include <string_view>

#include "host/intent/intent.h"

namespace butterfly {

// 1..64 of [A-Za-z0-9._-], starts with a letter or digit. `what` begins the message: "nic 'a b'".
Status validate_name(const std::string& what, std::string_view name);

// Whether the fields of one rule fit together. Messages begin "group 'web': rule 0123…: ".
Status validate_rule(const std::string& group, const RuleIntent& rule);

}  // namespace butterfly

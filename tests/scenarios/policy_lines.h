// SPDX-License-Identifier: Apache-2.0
// The lines of a scenario (intent_lines.h) that say what may pass.
#pragma once

#include "host/intent/intent.h"
#include "scenarios/line_reader.h"

namespace butterfly::scenario {

// The group of that name; one that is made for it has the two default rules if it is to.
GroupIntent& group_of(Intent& intent, const std::string& name, bool with_defaults);

// Each reads what follows the line's first word. An error says the fact and what was wanted.
Status read_group(LineReader reader, Intent& intent);
Status read_guard(LineReader reader, Intent& intent);
Status read_procedure(LineReader reader, Intent& intent);

}  // namespace butterfly::scenario

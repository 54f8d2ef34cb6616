// SPDX-License-Identifier: Apache-2.0
// The guard list of the intent → the one of the datapath.
#pragma once

#include <memory>
#include <set>

#include "host/policy_compiler.h"
#include "tables/guard_list.h"

namespace butterfly {

// The list after the change, sharing with `before` the rules that the change does not touch. Takes
// time for the whole list. Gives new rules a place among `groups.hits`. REQUIRES: `groups` has the
// expressions of the change.
std::shared_ptr<const GuardList> compile_guard(const GuardList& before, const Difference& change,
                                               CompiledGroups& groups);

// Where verdicts of before may not be those of now: the segments of the rules that it touches, VNI
// 0 among them for all.
std::set<Vni> segments_rejudged(const Difference& change);

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// Who names a security group: found without a look at everybody.
#pragma once

#include <string>

#include "base/shared_map.h"
#include "host/intent/difference.h"

namespace butterfly {

// A value whose copies share what they have in common.
class GroupUsers {
 public:
  // Brings what was noted of the intent before up to date.
  void follow(const Difference& change);

  // Ids of the nics that name it, names of the groups with a rule that does. A group need not exist
  // to be named.
  const SharedSet<std::string>& nics_in(const std::string& group) const;
  const SharedMap<std::string, uint32_t>& groups_naming(const std::string& group) const;

 private:
  void follow(const Changed<decltype(Intent::nics)>& nic);
  void follow(const Changed<decltype(Intent::groups)>& group);
  void count(const std::string& named, const std::string& by, bool is_more);

  SharedMap<std::string, SharedSet<std::string>> nics_;
  // named → by whom → in how many rules
  SharedMap<std::string, SharedMap<std::string, uint32_t>> rules_;
};

}  // namespace butterfly

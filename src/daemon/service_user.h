// SPDX-License-Identifier: Apache-2.0
// Looking with the rights that the service will have.
#pragma once

#include <string>

#include "base/status.h"
#include "daemon/start_check.h"

namespace butterfly {

// From now on this process is that user, with its groups. not_found: no such user;
// permission_denied: only root can.
Status become(const std::string& user);

// What dist/butterflyd.service gives to its user: two capabilities, memory that may be locked.
Surroundings surroundings_of_service();

}  // namespace butterfly

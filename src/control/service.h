// SPDX-License-Identifier: Apache-2.0
// The calls of butterfly.v1.Butterfly, over a host and the keeper of its intent.
#pragma once

#include <memory>

#include "control/intent_keeper.h"
#include "control/settings.h"
#include "host/host.h"

namespace grpc {
class Service;
}

namespace butterfly {

// All must outlive the service. Without `settings` there is nothing to configure.
std::unique_ptr<grpc::Service> make_service(Host& host, IntentKeeper& keeper, Settings* settings);

}  // namespace butterfly

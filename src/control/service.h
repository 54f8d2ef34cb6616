// SPDX-License-Identifier: Apache-2.0
// The calls of butterfly.v1.Butterfly, over a host and the keeper of its intent.
#pragma once

#include <functional>
#include <memory>

#include "control/access.h"
#include "control/intent_keeper.h"
#include "control/settings.h"
#include "host/host.h"

namespace grpc {
class Service;
}

namespace butterfly {

// What the calls are about. All must outlive the service.
struct ServiceParts {
  Host& host;
  IntentKeeper& keeper;
  Settings* settings = nullptr;     // null: there is nothing to configure
  std::function<void()> stop = {};  // ends the daemon, soon; none: nobody may
};

// `access`: what those may do who come by the listener that the service is registered with.
std::unique_ptr<grpc::Service> make_service(const ServiceParts& parts, const Access& access);

}  // namespace butterfly

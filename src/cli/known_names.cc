// SPDX-License-Identifier: Apache-2.0
// Names for completion. Whoever waits for it is typing: what does not come soon is left out.
#include <cstdlib>

#include "cli/command.h"
#include "cli/manual.h"

namespace butterfly {
namespace {

constexpr int kPatienceMs = 500;

std::string address_in(const std::vector<std::string>& words) {
  for (size_t i = 0; i + 2 < words.size(); ++i) {
    if (words[i] == "--api") return words[i + 1];
  }
  const char* const given = std::getenv("BUTTERFLY_API");
  return given != nullptr ? given : Command{}.api;
}

}  // namespace

KnownNames names_of_daemon(const std::vector<std::string>& words) {
  const auto client =
      std::make_shared<Client>(address_in(words), std::chrono::milliseconds(kPatienceMs));
  return {
      .nics =
          [client] {
            std::vector<std::string> names;
            v1::ListNicsResponse response;
            if (client->call(v1::ListNicsRequest{}, response).ok()) {
              for (const auto& nic : response.nics()) names.push_back(nic.nic().id());
            }
            return names;
          },
      .groups =
          [client] {
            std::vector<std::string> names;
            v1::ListGroupsResponse response;
            if (client->call(v1::ListGroupsRequest{}, response).ok()) {
              for (const auto& group : response.groups()) names.push_back(group.name());
            }
            return names;
          },
  };
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// Names for completion. Whoever waits for it is typing: what does not come soon is left out.
#include "cli/client.h"
#include "cli/manual.h"

namespace butterfly {
namespace {

constexpr int kPatienceMs = 500;

Endpoint endpoint_in(const std::vector<std::string>& words) {
  Endpoint endpoint = endpoint_of_environment();
  for (size_t i = 0; i + 2 < words.size(); ++i) {
    const std::string& value = words[i + 1];
    if (words[i] == "--api" || words[i] == "--endpoint") endpoint.address = value;
    if (words[i] == "--ca") endpoint.files.ca = value;
    if (words[i] == "--cert") endpoint.files.certificate = value;
    if (words[i] == "--cert-key") endpoint.files.key = value;
  }
  return endpoint;
}

}  // namespace

KnownNames names_of_daemon(const std::vector<std::string>& words) {
  auto connected = Client::connect(endpoint_in(words), std::chrono::milliseconds(kPatienceMs));
  const std::shared_ptr<Client> client = connected.ok() ? *std::move(connected) : nullptr;
  return {
      .nics =
          [client] {
            std::vector<std::string> names;
            v1::ListNicsResponse response;
            if (client && client->call(v1::ListNicsRequest{}, response).ok()) {
              for (const auto& nic : response.nics()) names.push_back(nic.nic().id());
            }
            return names;
          },
      .groups =
          [client] {
            std::vector<std::string> names;
            v1::ListGroupsResponse response;
            if (client && client->call(v1::ListGroupsRequest{}, response).ok()) {
              for (const auto& group : response.groups()) names.push_back(group.name());
            }
            return names;
          },
  };
}

}  // namespace butterfly

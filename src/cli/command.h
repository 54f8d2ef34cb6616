// SPDX-License-Identifier: Apache-2.0
// One run of the command: global options, the daemon, and what is to be done.
#pragma once

#include <functional>
#include <iostream>
#include <memory>
#include <optional>
#include <string>

#include "cli/client.h"
#include "cli/exit_code.h"
#include "cli/print.h"

namespace butterfly {

struct Command {
  Endpoint endpoint;
  bool json = false;
  int timeout_ms = 10'000;
  std::optional<uint64_t> expected_revision;
  std::function<int()> action;  // of the verb that was parsed
  std::string where;            // begins its errors, where several commands stand in a line
  bool has_told = false;        // of an error

  // Before the action: failed_precondition when the endpoint makes no sense.
  Status connect() {
    auto client = Client::connect(endpoint, std::chrono::milliseconds(timeout_ms));
    if (!client.ok()) return client.status();
    client_ = *std::move(client);
    if (expected_revision) client_->expect_revision(*expected_revision);
    return ok_status();
  }
  Client& client() { return *client_; }

  // Prints the one line of an error; returns the exit code that fits.
  int fail(const Status& status) {
    has_told = true;
    std::cerr << "butterfly: " << where << status.message() << std::endl;
    return exit_code_of(status);
  }

  // Sends a request and prints the answer as JSON, or as `text` makes it.
  template <typename Response, typename Request, typename Text>
  int ask(const Request& request, Text text) {
    Response response;
    if (const Status status = client().call(request, response); !status.ok()) return fail(status);
    std::cout << (json ? to_json(response) : text(response)) << std::flush;
    return kDone;
  }

  // Sends changes and prints what they did.
  int change(const v1::ApplyRequest& request);

 private:
  std::unique_ptr<Client> client_;
};

// "add nic web-1: …", one line each.
template <typename Response>
std::string actions_text(const Response& response) {
  if (response.actions().empty()) return "nothing to change\n";
  std::string text;
  for (const std::string& action : response.actions()) text += action + "\n";
  return text;
}

inline int Command::change(const v1::ApplyRequest& request) {
  return ask<v1::ApplyResponse>(request, actions_text<v1::ApplyResponse>);
}

}  // namespace butterfly

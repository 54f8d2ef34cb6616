// SPDX-License-Identifier: Apache-2.0
// Clients of a running butterflyd that change rules of its groups, each one change after the other:
//   api_client ADDRESS CLIENTS SECONDS GROUP
// Prints, as JSON, how many changes a second were answered in all and how long one took.
#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

#include "butterfly/v1/butterfly.grpc.pb.h"

namespace butterfly::bench {
namespace {

using Clock = std::chrono::steady_clock;

class ApiClient {
 public:
  ApiClient(const std::string& address, int number, std::string group)
      : number_(number), group_(std::move(group)) {
    grpc::ChannelArguments arguments;
    arguments.SetInt("bench.client", number);  // a connection of its own
    api_ = v1::Butterfly::NewStub(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
  }

  // Adds a rule, then takes it back, until `stop`.
  void run(const std::atomic<bool>& stop) {
    std::string rule_id;
    while (!stop) {
      v1::ApplyRequest request;
      v1::Change& change = *request.add_changes();
      if (rule_id.empty()) {
        change.mutable_rule_add()->set_group(group_);
        v1::Rule& rule = *change.mutable_rule_add()->mutable_rule();
        rule.set_direction(v1::DIRECTION_INGRESS);
        rule.set_protocol(6);
        rule.set_first_port(static_cast<uint32_t>(1000 + number_));
        rule.set_last_port(static_cast<uint32_t>(1000 + number_));
      } else {
        change.mutable_rule_delete()->set_group(group_);
        change.mutable_rule_delete()->set_rule_id(rule_id);
      }
      grpc::ClientContext context;
      v1::ApplyResponse response;
      const auto begin = Clock::now();
      const grpc::Status status = api_->Apply(&context, request, &response);
      if (!status.ok()) {
        std::fprintf(stderr, "api_client: %s\n", status.error_message().c_str());
        std::exit(1);
      }
      taken_.push_back(std::chrono::duration<double, std::milli>(Clock::now() - begin).count());
      rule_id = rule_id.empty() ? response.rules(0).id() : "";
    }
  }
  const std::vector<double>& taken() const { return taken_; }

 private:
  const int number_;
  const std::string group_;
  std::unique_ptr<v1::Butterfly::Stub> api_;
  std::vector<double> taken_;  // milliseconds
};

int run(const std::string& address, int count, double seconds, const std::string& group) {
  std::vector<std::unique_ptr<ApiClient>> clients;
  for (int i = 0; i < count; ++i) {
    clients.push_back(std::make_unique<ApiClient>(address, i, group));
  }
  std::atomic<bool> stop{false};
  std::vector<std::thread> threads;
  const auto begin = Clock::now();
  for (auto& client : clients) threads.emplace_back([&] { client->run(stop); });
  std::this_thread::sleep_for(std::chrono::duration<double>(seconds));
  stop = true;
  for (std::thread& thread : threads) thread.join();
  const double taken = std::chrono::duration<double>(Clock::now() - begin).count();
  std::vector<double> all;
  for (const auto& client : clients) {
    all.insert(all.end(), client->taken().begin(), client->taken().end());
  }
  std::ranges::sort(all);
  const auto at = [&](size_t percent) { return all[(all.size() - 1) * percent / 100]; };
  std::printf("{\"a_second\": %.1f, \"p50_ms\": %.3f, \"p99_ms\": %.3f}\n",
              static_cast<double>(all.size()) / taken, at(50), at(99));
  return 0;
}

}  // namespace
}  // namespace butterfly::bench

int main(int argc, char** argv) {
  if (argc != 5) {
    std::fprintf(stderr, "usage: api_client ADDRESS CLIENTS SECONDS GROUP\n");
    return 2;
  }
  return butterfly::bench::run(argv[1], std::max(1, std::atoi(argv[2])), std::atof(argv[3]),
                               argv[4]);
}

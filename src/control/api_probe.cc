// SPDX-License-Identifier: Apache-2.0
#include "control/api_probe.h"

#include <grpcpp/grpcpp.h>

#include "butterfly/v1/butterfly.grpc.pb.h"

namespace butterfly {

// GetStatus takes the lock of the switch's state, briefly, and writes nothing.
struct ApiProbe::Call {
  explicit Call(const std::string& address) {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);  // else it is one connection for all
    stub = v1::Butterfly::NewStub(
        grpc::CreateCustomChannel(address, grpc::InsecureChannelCredentials(), arguments));
    reader = stub->AsyncGetStatus(&context, {}, &queue);
    reader->Finish(&response, &status, this);
  }
  ~Call() {
    context.TryCancel();
    queue.Shutdown();
    void* tag = nullptr;
    bool ok = false;
    while (queue.Next(&tag, &ok)) {
    }
  }
  bool has_ended() {
    void* tag = nullptr;
    bool ok = false;
    return queue.AsyncNext(&tag, &ok, std::chrono::system_clock::now()) ==
           grpc::CompletionQueue::GOT_EVENT;
  }

  grpc::ClientContext context;
  grpc::CompletionQueue queue;
  std::unique_ptr<v1::Butterfly::Stub> stub;
  std::unique_ptr<grpc::ClientAsyncResponseReader<v1::GetStatusResponse>> reader;
  v1::GetStatusResponse response;
  grpc::Status status;
};

ApiProbe::ApiProbe(const std::string& address) : address_(address) {}
ApiProbe::~ApiProbe() = default;

ApiProbe::Clock::duration ApiProbe::ask() {
  const Clock::time_point now = Clock::now();
  if (call_ && call_->has_ended()) {
    // Never from the service itself (control/service.cc): nobody was there.
    if (call_->status.error_code() != grpc::StatusCode::UNAVAILABLE) silent_since_ = {};
    call_.reset();
  }
  const bool is_silent = silent_since_ != Clock::time_point{};
  if (!call_) {
    call_ = std::make_unique<Call>(address_);
    if (!is_silent) {
      silent_since_ = now;
      return {};
    }
  }
  return now - silent_since_;
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// A call by its name, for tests that walk over all of them.
#pragma once

#include <grpcpp/generic/generic_stub.h>
#include <grpcpp/grpcpp.h>

#include <memory>
#include <string>

namespace butterfly {

// Sends one request, already in bytes, and reads all that is answered; ends after a second, however
// long the answer would go on.
inline grpc::Status raw_call(const std::shared_ptr<grpc::Channel>& to, const std::string& name,
                             const std::string& request,
                             const std::string& service = "butterfly.v1.Butterfly") {
  grpc::GenericStub stub(to);
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(1));
  grpc::CompletionQueue queue;
  void* tag = nullptr;
  bool ok = false;
  const auto stream = stub.PrepareCall(&context, "/" + service + "/" + name, &queue);
  stream->StartCall(nullptr);
  queue.Next(&tag, &ok);
  const grpc::Slice bytes(request);
  stream->WriteLast(grpc::ByteBuffer(&bytes, 1), grpc::WriteOptions(), nullptr);
  queue.Next(&tag, &ok);
  grpc::ByteBuffer answer;
  do {
    stream->Read(&answer, nullptr);
    queue.Next(&tag, &ok);
  } while (ok);
  grpc::Status status;
  stream->Finish(&status, nullptr);
  queue.Next(&tag, &ok);
  return status;
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// The answers of the API, without gRPC: service.cc carries them.
#pragma once

#include <chrono>

#include "butterfly/v1/butterfly.pb.h"
#include "control/intent_keeper.h"
#include "host/host.h"

namespace butterfly {

// Any thread.
class Answers {
 public:
  // Both must outlive this.
  Answers(Host& host, IntentKeeper& keeper) : host_(host), keeper_(keeper) {}

  Status apply(const v1::ApplyRequest& request, v1::ApplyResponse& response);
  Status replace(const v1::ReplaceRequest& request, v1::ReplaceResponse& response);
  void intent(v1::GetIntentResponse& response) const;

  // Lists in pages: invalid_argument, and nothing else, where the token is none of ours.
  void nics(const v1::ListNicsRequest& request, v1::ListNicsResponse& response) const;
  Status nic(const std::string& id, v1::GetNicResponse& response) const;
  void groups(const v1::ListGroupsRequest& request, v1::ListGroupsResponse& response) const;
  Status group(const std::string& name, v1::GetGroupResponse& response) const;
  Status peers(const v1::ListPeersRequest& request, v1::ListPeersResponse& response) const;
  Status fdb(const v1::ListFdbRequest& request, v1::ListFdbResponse& response) const;
  void procedures(v1::ListProceduresResponse& response) const;
  void subnets(const v1::ListSubnetsRequest& request, v1::ListSubnetsResponse& response) const;
  void guard(v1::ListGuardResponse& response) const;

  void status(v1::GetStatusResponse& response) const;
  void counters(bool drops_only, v1::GetCountersResponse& response) const;

 private:
  void add_access(const v1::ApplyRequest& request, const Intent& intent,
                  v1::ApplyResponse& response) const;

  Host& host_;
  IntentKeeper& keeper_;
  const std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
};

}  // namespace butterfly

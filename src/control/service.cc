// SPDX-License-Identifier: Apache-2.0
// Carries the answers over gRPC.
#include "control/service.h"

#include <grpcpp/grpcpp.h>

#include "butterfly/v1/butterfly.grpc.pb.h"
#include "control/answers.h"
#include "control/capture.h"
#include "control/check.h"
#include "control/connections.h"
#include "control/error_detail.h"
#include "control/log.h"
#include "control/news.h"
#include "control/stations.h"
#include "control/to_proto.h"

namespace butterfly {
namespace {

using grpc::ServerContext;

// absl's codes are gRPC's. But clients must be able to tell a daemon that says no from one that is
// not there, so `unavailable` never comes from us.
grpc::Status to_grpc(const Status& status) {
  if (status.ok()) return grpc::Status::OK;
  const auto code = absl::IsUnavailable(status) ? grpc::StatusCode::FAILED_PRECONDITION
                                                : static_cast<grpc::StatusCode>(status.code());
  return grpc::Status(code, std::string(status.message()), details_of(status));
}

class Service final : public v1::Butterfly::Service {
 public:
  Service(const ServiceParts& parts, const Access& access)
      : host_(parts.host),
        settings_(parts.settings),
        stop_(parts.stop),
        access_(access),
        answers_(parts.host, parts.keeper) {}

  grpc::Status Apply(ServerContext* context, const v1::ApplyRequest* request,
                     v1::ApplyResponse* response) override {
    if (const Status status = may_change(context, *request, "Apply"); !status.ok()) {
      return to_grpc(status);
    }
    return to_grpc(answers_.apply(*request, *response));
  }
  grpc::Status Replace(ServerContext* context, const v1::ReplaceRequest* request,
                       v1::ReplaceResponse* response) override {
    if (const Status status = may_change(context, *request, "Replace"); !status.ok()) {
      return to_grpc(status);
    }
    return to_grpc(answers_.replace(*request, *response));
  }
  grpc::Status GetIntent(ServerContext*, const v1::GetIntentRequest*,
                         v1::GetIntentResponse* response) override {
    answers_.intent(*response);
    return grpc::Status::OK;
  }
  grpc::Status ListNics(ServerContext*, const v1::ListNicsRequest* request,
                        v1::ListNicsResponse* response) override {
    answers_.nics(*request, *response);
    return grpc::Status::OK;
  }
  grpc::Status GetNic(ServerContext*, const v1::GetNicRequest* request,
                      v1::GetNicResponse* response) override {
    return to_grpc(answers_.nic(request->id(), *response));
  }
  grpc::Status ListGroups(ServerContext*, const v1::ListGroupsRequest* request,
                          v1::ListGroupsResponse* response) override {
    answers_.groups(*request, *response);
    return grpc::Status::OK;
  }
  grpc::Status GetGroup(ServerContext*, const v1::GetGroupRequest* request,
                        v1::GetGroupResponse* response) override {
    return to_grpc(answers_.group(request->name(), *response));
  }
  grpc::Status ListPeers(ServerContext*, const v1::ListPeersRequest* request,
                         v1::ListPeersResponse* response) override {
    return to_grpc(answers_.peers(*request, *response));
  }
  grpc::Status ListFdb(ServerContext*, const v1::ListFdbRequest* request,
                       v1::ListFdbResponse* response) override {
    return to_grpc(answers_.fdb(*request, *response));
  }
  grpc::Status ListStations(ServerContext*, const v1::ListStationsRequest* request,
                            grpc::ServerWriter<v1::ListStationsResponse>* writer) override {
    auto query = from_proto(request->filter());
    if (!query.ok()) return to_grpc(query.status());
    query->learnt_only = request->learnt_only();
    uint64_t left = request->limit() == 0 ? ~uint64_t{0} : request->limit();
    const auto sink = [&](const std::vector<StationReport>& reports) {
      v1::ListStationsResponse response;
      for (const StationReport& report : reports) {
        if (left == 0) break;
        --left;
        *response.add_stations() = to_proto(report);
      }
      return writer->Write(response) && left != 0;
    };
    return to_grpc(host_.list_stations(*query, sink));
  }
  grpc::Status FlushFdb(ServerContext* context, const v1::FlushFdbRequest* request,
                        v1::FlushFdbResponse* response) override {
    if (const Status status = may_write(context, "FlushFdb"); !status.ok()) return to_grpc(status);
    const auto query = from_proto(*request);
    if (!query.ok()) return to_grpc(query.status());
    const auto flushed = host_.flush_fdb(*query);
    if (flushed.ok()) response->set_flushed(*flushed);
    return to_grpc(flushed.status());
  }
  grpc::Status GetStatus(ServerContext*, const v1::GetStatusRequest*,
                         v1::GetStatusResponse* response) override {
    answers_.status(*response);
    return grpc::Status::OK;
  }
  grpc::Status GetCounters(ServerContext*, const v1::GetCountersRequest* request,
                           v1::GetCountersResponse* response) override {
    answers_.counters(request->drops_only(), *response);
    return grpc::Status::OK;
  }
  grpc::Status GetGraph(ServerContext*, const v1::GetGraphRequest*,
                        v1::GetGraphResponse* response) override {
    response->set_dot(host_.graph_dot());
    return grpc::Status::OK;
  }
  grpc::Status GetConfig(ServerContext*, const v1::GetConfigRequest*,
                         v1::GetConfigResponse* response) override {
    if (settings_ != nullptr) *response = to_proto(settings_->settings());
    return grpc::Status::OK;
  }
  grpc::Status SetConfig(ServerContext* context, const v1::SetConfigRequest* request,
                         v1::SetConfigResponse*) override {
    if (const Status status = may_write(context, "SetConfig"); !status.ok()) return to_grpc(status);
    if (settings_ == nullptr) return to_grpc(precondition("configuration: nothing can be set"));
    std::vector<Settings::KeyAndValue> changes;
    for (const v1::ConfigChange& change : request->changes()) {
      changes.emplace_back(change.key(), change.value());
    }
    return to_grpc(settings_->set(changes));
  }
  grpc::Status Shutdown(ServerContext* context, const v1::ShutdownRequest*,
                        v1::ShutdownResponse*) override {
    if (const Status status = may_write(context, "Shutdown"); !status.ok()) return to_grpc(status);
    if (!stop_)
      return to_grpc(precondition("daemon: cannot be ended by the API (wanted a signal)"));
    stop_();
    return grpc::Status::OK;
  }
  grpc::Status Trace(ServerContext* context, const v1::TraceRequest* request,
                     grpc::ServerWriter<v1::TraceResponse>* writer) override {
    constexpr uint32_t kDefaultCount = 10;
    const uint32_t count = request->count() == 0 ? kDefaultCount : request->count();
    return to_grpc(host_.trace(
        request->nic(), count,
        [&](const TraceReport& report) { return writer->Write(to_proto(report)); },
        goes_on(context)));
  }
  grpc::Status WatchLog(ServerContext* context, const v1::WatchLogRequest* request,
                        grpc::ServerWriter<v1::LogEvent>* writer) override {
    const auto query = from_proto(*request);
    if (!query.ok()) return to_grpc(query.status());
    return to_grpc(host_.watch_log(
        *query, [&](const LogReport& report) { return writer->Write(to_proto(report)); },
        goes_on(context)));
  }
  grpc::Status WatchEvents(ServerContext* context, const v1::WatchEventsRequest* request,
                           grpc::ServerWriter<v1::Event>* writer) override {
    const auto query = from_proto(*request);
    if (!query.ok()) return to_grpc(query.status());
    return to_grpc(host_.watch_news(
        *query, [&](const News& news) { return writer->Write(to_proto(news)); }, goes_on(context)));
  }
  grpc::Status Capture(ServerContext* context, const v1::CaptureRequest* request,
                       grpc::ServerWriter<v1::CaptureResponse>* writer) override {
    // What tenants say to each other is not for everyone who may look at counters.
    if (const Status status = may_write(context, "Capture"); !status.ok()) return to_grpc(status);
    const auto query = from_proto(*request);
    if (!query.ok()) return to_grpc(query.status());
    return to_grpc(host_.capture(
        *query,
        [&](std::span<const CaptureReport> packets, uint64_t lost) {
          return write_captured(packets, lost, [&](const v1::CaptureResponse& response) {
            return writer->Write(response);
          });
        },
        goes_on(context)));
  }
  grpc::Status CheckPacket(ServerContext*, const v1::CheckPacketRequest* request,
                           v1::CheckPacketResponse* response) override {
    const auto query = from_proto(*request);
    if (!query.ok()) return to_grpc(query.status());
    const auto report = host_.check(*query);
    if (!report.ok()) return to_grpc(report.status());
    *response = to_proto(*report);
    return grpc::Status::OK;
  }
  grpc::Status ListSubnets(ServerContext*, const v1::ListSubnetsRequest* request,
                           v1::ListSubnetsResponse* response) override {
    answers_.subnets(*request, *response);
    return grpc::Status::OK;
  }
  grpc::Status ListProcedures(ServerContext*, const v1::ListProceduresRequest*,
                              v1::ListProceduresResponse* response) override {
    answers_.procedures(*response);
    return grpc::Status::OK;
  }
  grpc::Status ListGuard(ServerContext*, const v1::ListGuardRequest*,
                         v1::ListGuardResponse* response) override {
    answers_.guard(*response);
    return grpc::Status::OK;
  }
  grpc::Status ListConnections(ServerContext* context, const v1::ListConnectionsRequest* request,
                               grpc::ServerWriter<v1::ListConnectionsResponse>* writer) override {
    const auto query = from_proto(request->filter());
    if (!query.ok()) return to_grpc(query.status());
    uint64_t left = request->limit() == 0 ? ~uint64_t{0} : request->limit();
    const auto sink = [&](const std::vector<FlowReport>& reports) {
      v1::ListConnectionsResponse response;
      for (const FlowReport& report : reports) {
        if (left == 0) break;
        --left;
        *response.add_connections() = to_proto(report);
      }
      return writer->Write(response) && left != 0;
    };
    return to_grpc(host_.list_flows(*query, sink, goes_on(context)));
  }
  grpc::Status CountConnections(ServerContext* context, const v1::CountConnectionsRequest* request,
                                v1::CountConnectionsResponse* response) override {
    const auto query = from_proto(request->filter());
    if (!query.ok()) return to_grpc(query.status());
    const auto counts = host_.count_flows(*query, goes_on(context));
    if (counts.ok()) *response = to_proto(*counts);
    return to_grpc(counts.status());
  }
  grpc::Status FlushConnections(ServerContext* context, const v1::FlushConnectionsRequest* request,
                                v1::FlushConnectionsResponse* response) override {
    if (const Status status = may_write(context, "FlushConnections"); !status.ok())
      return to_grpc(status);
    const auto query = from_proto(*request);
    if (!query.ok()) return to_grpc(query.status());
    const auto flushed = host_.flush_flows(*query, goes_on(context));
    if (flushed.ok()) response->set_flushed(*flushed);
    return to_grpc(flushed.status());
  }
  grpc::Status ExportConnections(ServerContext* context,
                                 const v1::ExportConnectionsRequest* request,
                                 grpc::ServerWriter<v1::ConnectionExport>* writer) override {
    return to_grpc(write_export(
        host_, *request, [&](const v1::ConnectionExport& part) { return writer->Write(part); },
        goes_on(context)));
  }
  grpc::Status ImportConnections(ServerContext* context,
                                 grpc::ServerReader<v1::ImportConnectionsRequest>* requests,
                                 v1::ImportConnectionsResponse* response) override {
    if (const Status status = may_write(context, "ImportConnections"); !status.ok())
      return to_grpc(status);
    v1::ImportConnectionsRequest request;
    ExportReader reader(flow_capacity(host_));
    std::string nic;
    bool is_first = true;
    while (requests->Read(&request)) {
      if (is_first) nic = request.nic();
      is_first = false;
      if (const Status status = reader.add(request.part()); !status.ok()) return to_grpc(status);
    }
    if (const Status status = reader.finish(); !status.ok()) return to_grpc(status);
    const auto report = host_.import_flows(nic, reader.vni(), reader.flows());
    if (report.ok()) *response = to_proto(*report);
    return to_grpc(report.status());
  }

 private:
  Status may_write(ServerContext* context, const std::string& call) const {
    return access_.check_writing(*context->auth_context(), call);
  }
  // What a long call asks now and then: whether its client is there and still somebody.
  std::function<bool()> goes_on(ServerContext* context) const {
    return [this, context] {
      return !context->IsCancelled() && access_.may_go_on(*context->auth_context());
    };
  }
  // Planning is reading.
  template <typename Request>
  Status may_change(ServerContext* context, const Request& request, const std::string& call) const {
    return request.dry_run() ? ok_status() : may_write(context, call);
  }

  Host& host_;
  Settings* settings_;
  std::function<void()> stop_;
  Access access_;
  Answers answers_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_service(const ServiceParts& parts, const Access& access) {
  return std::make_unique<Service>(parts, access);
}

}  // namespace butterfly

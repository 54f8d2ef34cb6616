// SPDX-License-Identifier: Apache-2.0
#include "control/log.h"

namespace butterfly {
namespace {

void describe_frame(const wire::FrameSummary& frame, v1::LogEvent& message) {
  if (frame.source_mac) message.set_source_mac(frame.source_mac->to_string());
  if (frame.destination_mac) message.set_destination_mac(frame.destination_mac->to_string());
  message.set_ethertype(frame.ethertype);
  if (frame.family) {
    message.set_family(*frame.family == wire::Family::v4 ? v1::FAMILY_V4 : v1::FAMILY_V6);
  }
  if (frame.protocol) message.set_protocol(*frame.protocol);
  if (frame.source) message.set_source(frame.source->to_string());
  if (frame.destination) message.set_destination(frame.destination->to_string());
  if (frame.source_port) message.set_source_port(*frame.source_port);
  if (frame.destination_port) message.set_destination_port(*frame.destination_port);
  if (frame.icmp_type) message.set_icmp_type(*frame.icmp_type);
  if (frame.icmp_code) message.set_icmp_code(*frame.icmp_code);
}

Status read_kinds(const v1::WatchLogRequest& request, LogQuery& query) {
  if (request.kinds().empty()) {
    query.starts = request.out().empty();
    return ok_status();
  }
  query.drops = query.starts = false;
  for (const int kind : request.kinds()) {
    switch (kind) {
      case v1::LOG_KIND_DROP:
        query.drops = true;
        break;
      case v1::LOG_KIND_START:
        query.starts = true;
        break;
      default:
        return invalid("log: kind " + std::to_string(kind) +
                       " is unknown (wanted 1 drop or 2 start)");
    }
  }
  return ok_status();
}

}  // namespace

StatusOr<LogQuery> from_proto(const v1::WatchLogRequest& request) {
  LogQuery query;
  query.nic = request.nic();
  query.count = request.count();
  if (request.sample_every() != 0) query.sample_every = request.sample_every();
  if (request.per_second() != 0) query.per_second = request.per_second();
  RETURN_IF_ERROR(read_kinds(request, query));
  if (request.out().empty()) return query;
  const size_t slash = request.out().find('/');
  if (slash == 0 || slash == std::string::npos) {
    return invalid("log: out '" + request.out() +
                   "' is malformed (wanted BRICK/OUT, as counters name them)");
  }
  query.brick = request.out().substr(0, slash);
  query.out = request.out().substr(slash + 1);
  return query;
}

v1::LogEvent to_proto(const LogReport& report) {
  v1::LogEvent message;
  message.set_kind(report.is_drop ? v1::LOG_KIND_DROP : v1::LOG_KIND_START);
  message.set_time_ms(report.time.time_since_epoch().count());
  message.set_lcore(report.lcore);
  message.set_brick(report.brick);
  message.set_out(report.out);
  message.set_sentence(report.sentence);
  message.set_nic_from(report.from);
  message.set_nic_to(report.to);
  message.set_vni(report.vni.value);
  message.set_length_bytes(report.length);
  describe_frame(report.frame, message);
  message.set_rule(report.rule);
  message.set_group(report.group);
  message.set_procedure(report.procedure);
  message.set_suppressed(report.kept_back);
  return message;
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// MACs to be listed and flushed.
#include "control/stations.h"

namespace butterfly {

StatusOr<StationQuery> from_proto(const v1::StationFilter& message) {
  StationQuery query;
  query.nic = message.nic();
  if (message.has_vni()) {
    if (message.vni() > kVniMax) {
      return invalid("fdb: VNI " + std::to_string(message.vni()) + " is too large (wanted 0.." +
                     std::to_string(kVniMax) + ")");
    }
    query.vni = Vni{message.vni()};
  }
  if (!message.mac().empty()) {
    query.mac = Mac::parse(message.mac());
    if (!query.mac) {
      return invalid("fdb: MAC '" + message.mac() + "' is malformed (wanted xx:xx:xx:xx:xx:xx)");
    }
  }
  if (!message.peer().empty()) {
    query.peer = IpAddress::parse(message.peer());
    if (!query.peer) {
      return invalid("fdb: peer '" + message.peer() +
                     "' is malformed (wanted an IPv4 or IPv6 address)");
    }
  }
  return query;
}

StatusOr<StationQuery> from_proto(const v1::FlushFdbRequest& request) {
  const bool is_filtered = request.filter().ByteSizeLong() != 0;
  if (!is_filtered && !request.all()) {
    return invalid("fdb: nothing says which to flush (wanted a filter, or all)");
  }
  if (is_filtered && request.all()) {
    return invalid("fdb: both a filter and all (wanted one of them)");
  }
  return from_proto(request.filter());
}

v1::Station to_proto(const StationReport& report) {
  v1::Station message;
  message.set_vni(report.vni.value);
  message.set_mac(report.mac.to_string());
  message.set_kind(static_cast<v1::StationKind>(static_cast<int>(report.kind) + 1));
  message.set_nic(report.nic);
  if (report.peer) message.set_peer(report.peer->to_string());
  message.set_age_ms(report.age_ms);
  message.set_held(report.is_held);
  return message;
}

}  // namespace butterfly

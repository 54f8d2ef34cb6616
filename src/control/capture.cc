// SPDX-License-Identifier: Apache-2.0
#include "control/capture.h"

#include <algorithm>

namespace butterfly {
namespace {

// With 2 KiB each far below gRPC's limit of 4 MiB a message.
constexpr size_t kPacketsAMessage = 256;
// Of each packet; more, the host does not keep.
constexpr uint32_t kMostBytes = 2048;

v1::CapturePoint to_proto(CapturePoint point) {
  switch (point) {
    case CapturePoint::from_nic:
      return v1::CAPTURE_POINT_FROM_NIC;
    case CapturePoint::to_nic:
      return v1::CAPTURE_POINT_TO_NIC;
    case CapturePoint::dropped:
      return v1::CAPTURE_POINT_DROPPED;
  }
  return v1::CAPTURE_POINT_UNSPECIFIED;
}

void describe(const CaptureReport& report, v1::CapturedPacket& message) {
  message.set_time_ns(report.time_ns);
  message.set_point(to_proto(report.point));
  message.set_length_bytes(report.length);
  message.set_data(report.bytes.data(), report.bytes.size());
  message.set_brick(report.brick);
  message.set_out(report.out);
  message.set_sentence(report.sentence);
}

}  // namespace

StatusOr<CaptureQuery> from_proto(const v1::CaptureRequest& request) {
  if (request.most_bytes() > kMostBytes) {
    return invalid("capture: most_bytes " + std::to_string(request.most_bytes()) +
                   " is too large (wanted 0.." + std::to_string(kMostBytes) + ")");
  }
  CaptureQuery query;
  query.nic = request.nic();
  query.expression = request.expression();
  query.most_bytes = static_cast<uint16_t>(request.most_bytes());
  query.count = request.count();
  return query;
}

bool write_captured(std::span<const CaptureReport> packets, uint64_t lost,
                    const std::function<bool(const v1::CaptureResponse&)>& write) {
  do {
    v1::CaptureResponse response;
    const auto part = packets.first(std::min(packets.size(), kPacketsAMessage));
    for (const CaptureReport& packet : part) describe(packet, *response.add_packets());
    response.set_lost(lost);
    if (!write(response)) return false;
    packets = packets.subspan(part.size());
  } while (!packets.empty());
  return true;
}

}  // namespace butterfly

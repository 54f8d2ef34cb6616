// SPDX-License-Identifier: Apache-2.0
#include "model/packet.h"

namespace butterfly::model {
namespace {

std::string flags_of(const TcpSegment& tcp) {
  constexpr const char* kNames[] = {"FIN", "SYN", "RST", "PSH", "ACK", "URG", "ECE", "CWR"};
  std::string text;
  for (unsigned bit = 0; bit < 8; ++bit) {
    if ((tcp.flags >> bit & 1) == 0) continue;
    text += (text.empty() ? "" : "+") + std::string(kNames[bit]);
  }
  return text.empty() ? "no flags" : text;
}

std::string to_string(const TcpSegment& tcp) {
  std::string text = flags_of(tcp) + " seq " + std::to_string(tcp.sequence) + " ack " +
                     std::to_string(tcp.acknowledgement) + " window " + std::to_string(tcp.window) +
                     " length " + std::to_string(tcp.length);
  if (tcp.scale >= 0) text += " scale " + std::to_string(tcp.scale);
  return text;
}

}  // namespace

std::string to_string(const Datagram& datagram) {
  const std::string from = datagram.source.to_string();
  const std::string to = datagram.destination.to_string();
  if (datagram.is_icmp()) {
    return from + " > " + to + " icmp type " + std::to_string(datagram.icmp_type) + " code " +
           std::to_string(datagram.icmp_code) + " id " + std::to_string(datagram.icmp_id);
  }
  const std::string ends = from + " " + std::to_string(datagram.source_port) + " > " + to + " " +
                           std::to_string(datagram.destination_port);
  switch (datagram.protocol) {
    case kTcp:
      return ends + " tcp " + to_string(datagram.tcp);
    case kUdp:
      return ends + " udp";
    case kSctp:
      return ends + " sctp";
    default:
      return from + " > " + to + " protocol " + std::to_string(datagram.protocol);
  }
}

}  // namespace butterfly::model

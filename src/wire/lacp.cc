// SPDX-License-Identifier: Apache-2.0
#include "wire/lacp.h"

namespace butterfly::wire {
namespace {

constexpr uint8_t kLacp = 1;
constexpr uint8_t kMarker = 2;
// Types of TLVs and their lengths.
constexpr uint8_t kActor = 1, kPartner = 2, kCollector = 3;
constexpr uint8_t kPartyLength = 20, kCollectorLength = 16;
constexpr uint8_t kMarkerQuestion = 1, kMarkerAnswer = 2, kMarkerLength = 16;

struct MarkerHead {
  EthernetHeader ethernet;
  uint8_t subtype;
  uint8_t version;
  uint8_t type;
  uint8_t length;
  std::array<uint8_t, 14> marker;  // whose it is, and which; it comes back as it is
};
static_assert(sizeof(MarkerHead) == 32);

}  // namespace

// Version 2 and later have more behind what version 1 has (§6.4.2.3).
const LacpFrame* read_lacp(std::span<const uint8_t> frame) {
  const auto* lacp = view_at<LacpFrame>(frame, 0);
  if (!lacp || lacp->ethernet.type != kTypeSlowProtocols || lacp->subtype != kLacp) return nullptr;
  const bool is_sound = lacp->version >= 1 && lacp->actor_type == kActor &&
                        lacp->actor_length == kPartyLength && lacp->partner_type == kPartner &&
                        lacp->partner_length == kPartyLength;
  return is_sound ? lacp : nullptr;
}

std::span<const uint8_t> bytes_of(const LacpFrame& frame) {
  return {reinterpret_cast<const uint8_t*>(&frame), sizeof frame};
}

LacpFrame make_lacp(const Mac& source, const LacpParty& actor, const LacpParty& partner) {
  LacpFrame frame{};
  frame.ethernet = {kSlowProtocols, source, kTypeSlowProtocols};
  frame.subtype = kLacp;
  frame.version = 1;
  frame.actor_type = kActor;
  frame.actor_length = kPartyLength;
  frame.actor = actor;
  frame.partner_type = kPartner;
  frame.partner_length = kPartyLength;
  frame.partner = partner;
  frame.collector_type = kCollector;
  frame.collector_length = kCollectorLength;
  return frame;
}

bool answer_marker(std::span<uint8_t> frame, const Mac& source) {
  auto* marker = view_at<MarkerHead>(frame, 0);
  if (!marker || marker->ethernet.type != kTypeSlowProtocols || marker->subtype != kMarker ||
      marker->type != kMarkerQuestion || marker->length != kMarkerLength) {
    return false;
  }
  marker->ethernet.destination = kSlowProtocols;
  marker->ethernet.source = source;
  marker->type = kMarkerAnswer;
  return true;
}

}  // namespace butterfly::wire

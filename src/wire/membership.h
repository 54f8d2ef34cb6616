// SPDX-License-Identifier: Apache-2.0
// Membership of multicast groups, as a host that only joins and leaves speaks of it.
// Sources: RFC 3376 §4 (IGMPv3), 2236 §2 (IGMPv2), 3810 §5 (MLDv2), 2710 §3 (MLDv1), 2113, 2711
// (router alert).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <span>

#include "wire/headers.h"

namespace butterfly::wire {

inline constexpr uint8_t kProtoIgmp = 2;

// What a router wants to know, of either family.
struct MembershipQuery {
  uint8_t version;  // IGMP 1 to 3, MLD 1 or 2: the newest that its sender understands
  uint32_t max_response_ms;
};
// Nothing for what is no query, or too short to be one. Checksums are the caller's.
std::optional<MembershipQuery> read_igmp_query(std::span<const uint8_t> message);
std::optional<MembershipQuery> read_mld_query(std::span<const uint8_t> message);

// What a report says of its groups (RFC 3376 §4.2.12, 3810 §5.2.12): we want all sources, or none.
enum class Membership : uint8_t { member = 2, joins = 4, leaves = 3 };

// The Ethernet group of an IPv4 group (RFC 1112 §6.4) or IPv6 group (RFC 2464 §7).
Mac mac_of_any_group(const IpAddress& group);
// Of the same for whoever sends the reports.
struct Reporter {
  Mac mac;
  IpAddress address;  // IPv6: link-local
  uint8_t version;    // in which they are written; older ones speak of one group a frame
};

// The frames that say so of the groups, one after the other: call until all are told. Each is at
// most kMaxReport bytes.
class MembershipReports {
 public:
  static constexpr size_t kMaxReport = 1200;

  // REQUIRES: groups of the family of the reporter's address; all outlive the object.
  MembershipReports(const Reporter& reporter, Membership what, std::span<const IpAddress> groups)
      : reporter_(reporter), what_(what), left_(groups) {}

  bool is_done() const { return left_.empty(); }
  // Writes the next frame; how long it is. REQUIRES: not done, room for kMaxReport.
  size_t write_next(std::span<uint8_t> out);

 private:
  size_t write_igmp(std::span<uint8_t> out);
  size_t write_mld(std::span<uint8_t> out);

  Reporter reporter_;
  Membership what_;
  std::span<const IpAddress> left_;
};

}  // namespace butterfly::wire

// SPDX-License-Identifier: Apache-2.0
#include "wire/membership.h"

#include <algorithm>
#include <cstring>
#include <type_traits>

#include "wire/checksum.h"
#include "wire/neighbour_frames.h"

namespace butterfly::wire {
namespace {

constexpr uint8_t kIgmpQuery = 0x11;
constexpr uint8_t kIgmpV1Report = 0x12;
constexpr uint8_t kIgmpV2Report = 0x16;
constexpr uint8_t kIgmpV2Leave = 0x17;
constexpr uint8_t kIgmpV3Report = 0x22;
constexpr uint8_t kInternetControl = 0xc0;  // RFC 3376 §4
constexpr Ipv4 kAllRouters{{224, 0, 0, 2}};
constexpr Ipv4 kAllIgmpV3Routers{{224, 0, 0, 22}};
constexpr Ipv6 kAllRoutersV6{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x02}};
constexpr Ipv6 kAllMldV2Routers{{0xff, 0x02, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0x16}};
constexpr size_t kGroupsAFrame = 50;
constexpr uint32_t kTenthMs = 100;

struct AlertedIpv4 {
  EthernetHeader ethernet;
  Ipv4Header ip;
  std::array<uint8_t, 4> alert{0x94, 4, 0, 0};
};
struct AlertedIpv6 {
  EthernetHeader ethernet;
  Ipv6Header ip;
  std::array<uint8_t, 8> alert{kProtoIcmpv6, 0, 5, 2, 0, 0, 1, 0};
};

// Both versions that have records, and both families, begin and count alike.
struct ReportHead {
  uint8_t type;
  uint8_t code = 0;
  be16 checksum{};
  be16 reserved{};
  be16 records;
};
template <typename Ip>
struct Record {
  uint8_t type;
  uint8_t auxiliary = 0;
  be16 sources{};
  Ip group;
};
struct IgmpOne {
  uint8_t type;
  uint8_t code = 0;
  be16 checksum{};
  Ipv4 group;
};
struct MldOne {
  IcmpHeader icmp;
  Ipv6 group;
};
static_assert(sizeof(Record<Ipv4>) == 8 && sizeof(Record<Ipv6>) == 20 && sizeof(IgmpOne) == 8);
static_assert(MembershipReports::kMaxReport >=
              sizeof(AlertedIpv6) + sizeof(ReportHead) + kGroupsAFrame * sizeof(Record<Ipv6>));

// RFC 3376 §4.1.1, of 8 bits, and 3810 §5.1.3, of 16: from half of the range on a small float.
uint32_t code_value(uint32_t code, unsigned bits) {
  if (code < 1U << (bits - 1)) return code;
  const unsigned mantissa_bits = bits - 4;
  const uint32_t mantissa = code & ((1U << mantissa_bits) - 1);
  const uint32_t exponent = code >> mantissa_bits & 7;
  return (mantissa | 1U << mantissa_bits) << (exponent + 3);
}

template <typename T>
size_t append(const T& item, std::span<uint8_t> out, size_t at) {
  std::memcpy(out.data() + at, &item, sizeof item);
  return at + sizeof item;
}

template <typename Ip>
size_t append_records(Membership what, std::span<const IpAddress> groups, std::span<uint8_t> out,
                      size_t at) {
  for (const IpAddress& group : groups) {
    Record<Ip> record{.type = static_cast<uint8_t>(what), .group = {}};
    if constexpr (std::is_same_v<Ip, Ipv4>) {
      record.group = group.v4();
    } else {
      record.group = group.v6();
    }
    at = append(record, out, at);
  }
  return at;
}

void finish_igmp(const Reporter& reporter, const Ipv4& to, std::span<uint8_t> frame) {
  AlertedIpv4 head;
  head.ethernet = {mac_of_any_group(to), reporter.mac, kTypeIpv4};
  head.ip = {0x46,
             kInternetControl,
             static_cast<uint16_t>(frame.size() - kEthernetHeaderLen),
             0,
             0,
             1,
             kProtoIgmp,
             0,
             reporter.address.v4(),
             to};
  std::memcpy(frame.data(), &head, sizeof head);
  constexpr size_t kIp = sizeof(Ipv4Header) + sizeof head.alert;
  view_at<Ipv4Header>(frame, kEthernetHeaderLen)->checksum =
      checksum_finish(checksum_add(frame.subspan(kEthernetHeaderLen, kIp)));
  view_at<IgmpOne>(frame, sizeof head)->checksum =
      checksum_finish(checksum_add(frame.subspan(sizeof head)));
}

void finish_mld(const Reporter& reporter, const Ipv6& to, std::span<uint8_t> frame) {
  AlertedIpv6 head;
  const Ipv6 from = reporter.address.v6();
  const size_t payload = frame.size() - kEthernetHeaderLen - sizeof(Ipv6Header);
  head.ethernet = {mac_of_any_group(to), reporter.mac, kTypeIpv6};
  head.ip = {6U << 28, static_cast<uint16_t>(payload), kProtoHopByHop, 1, from, to};
  std::memcpy(frame.data(), &head, sizeof head);
  const auto message = frame.subspan(sizeof head);
  const uint64_t sum =
      pseudo_header_sum(from, to, kProtoIcmpv6, static_cast<uint32_t>(message.size()));
  view_at<IcmpHeader>(message, 0)->checksum = checksum_finish(checksum_add(message, sum));
}

}  // namespace

std::optional<MembershipQuery> read_igmp_query(std::span<const uint8_t> message) {
  const auto* query = view_at<IgmpOne>(message, 0);
  if (!query || query->type != kIgmpQuery) return std::nullopt;
  const bool is_v3 = message.size() >= 12;
  if (!is_v3 && message.size() != sizeof(IgmpOne)) return std::nullopt;
  if (is_v3) return MembershipQuery{3, code_value(query->code, 8) * kTenthMs};
  if (query->code == 0) return MembershipQuery{1, 10'000};  // RFC 2236 §4
  return MembershipQuery{2, query->code * kTenthMs};
}

std::optional<MembershipQuery> read_mld_query(std::span<const uint8_t> message) {
  const auto* query = view_at<MldOne>(message, 0);
  if (!query || query->icmp.type != kIcmpv6MldQuery || query->icmp.code != 0) return std::nullopt;
  const bool is_v2 = message.size() >= 28;
  if (!is_v2 && message.size() != sizeof(MldOne)) return std::nullopt;
  const uint32_t code = query->icmp.id;
  if (is_v2) return MembershipQuery{2, code_value(code, 16)};
  return MembershipQuery{1, code};
}

Mac mac_of_any_group(const IpAddress& group) {
  if (group.is_v6()) return mac_of_group(group.v6());
  const auto& bytes = group.v4().bytes;
  return {{0x01, 0x00, 0x5e, static_cast<uint8_t>(bytes[1] & 0x7f), bytes[2], bytes[3]}};
}

size_t MembershipReports::write_next(std::span<uint8_t> out) {
  return reporter_.address.is_v4() ? write_igmp(out) : write_mld(out);
}

size_t MembershipReports::write_igmp(std::span<uint8_t> out) {
  if (reporter_.version >= 3) {
    const auto now = left_.first(std::min(left_.size(), kGroupsAFrame));
    left_ = left_.subspan(now.size());
    const ReportHead head{.type = kIgmpV3Report, .records = static_cast<uint16_t>(now.size())};
    size_t length = append(head, out, sizeof(AlertedIpv4));
    length = append_records<Ipv4>(what_, now, out, length);
    finish_igmp(reporter_, kAllIgmpV3Routers, out.first(length));
    return length;
  }
  const Ipv4 group = left_.front().v4();
  left_ = left_.subspan(1);
  const bool leaves = what_ == Membership::leaves;
  // Version 1 has no word for it: whoever leaves falls silent.
  const uint8_t type = leaves                   ? kIgmpV2Leave
                       : reporter_.version == 1 ? kIgmpV1Report
                                                : kIgmpV2Report;
  const size_t length = append(IgmpOne{.type = type, .group = group}, out, sizeof(AlertedIpv4));
  finish_igmp(reporter_, leaves ? kAllRouters : group, out.first(length));
  return length;
}

size_t MembershipReports::write_mld(std::span<uint8_t> out) {
  if (reporter_.version >= 2) {
    const auto now = left_.first(std::min(left_.size(), kGroupsAFrame));
    left_ = left_.subspan(now.size());
    const ReportHead head{.type = kIcmpv6Mldv2Report, .records = static_cast<uint16_t>(now.size())};
    size_t length = append(head, out, sizeof(AlertedIpv6));
    length = append_records<Ipv6>(what_, now, out, length);
    finish_mld(reporter_, kAllMldV2Routers, out.first(length));
    return length;
  }
  const Ipv6 group = left_.front().v6();
  left_ = left_.subspan(1);
  const bool leaves = what_ == Membership::leaves;
  const MldOne one{{leaves ? kIcmpv6MldDone : kIcmpv6MldReport, 0, 0, 0, 0}, group};
  const size_t length = append(one, out, sizeof(AlertedIpv6));
  finish_mld(reporter_, leaves ? kAllRoutersV6 : group, out.first(length));
  return length;
}

}  // namespace butterfly::wire

// SPDX-License-Identifier: Apache-2.0
// API messages to intent. Refuses what is malformed in itself (MAC and address texts, numbers out
// of range, unknown enum values); whether the whole fits together is validate()'s business.
#pragma once

#include <limits>
#include <optional>
#include <string>

#include "butterfly/v1/butterfly.pb.h"
#include "host/intent/intent.h"

namespace butterfly {

// `what` begins the message: "nic 'web-1'".
StatusOr<Mac> parse_mac(const std::string& what, const std::string& text);
StatusOr<IpAddress> parse_address(const std::string& what, const std::string& text);
// An address, or a prefix.
StatusOr<Cidr> parse_member(const std::string& what, const std::string& text);
// An optional number of the API, which has no 8 and 16 bit types.
template <typename T>
StatusOr<std::optional<T>> parse_number(const std::string& what, const char* field, bool is_set,
                                        uint32_t value) {
  if (!is_set) return std::optional<T>();
  constexpr uint32_t kMax = std::numeric_limits<T>::max();
  if (value > kMax) {
    return invalid(what + ": " + field + " " + std::to_string(value) + " is too big (wanted 0.." +
                   std::to_string(kMax) + ")");
  }
  return std::optional<T>(static_cast<T>(value));
}
// Of an enumeration, which may hold any number.
Status unknown_value(const std::string& what, const char* field, int value, const char* wanted);
StatusOr<NicType> parse_nic_type(const std::string& what, v1::NicType type);
// 0: one.
StatusOr<uint16_t> parse_queues(const std::string& what, uint32_t queues);
StatusOr<uint16_t> parse_mtu(const std::string& what, uint32_t mtu);
// Doubles count once.
template <typename Texts>
StatusOr<std::set<IpAddress>> parse_addresses(const std::string& what, const Texts& texts) {
  std::set<IpAddress> addresses;
  for (const std::string& text : texts) {
    auto address = parse_address(what, text);
    if (!address.ok()) return address.status();
    addresses.insert(*address);
  }
  return addresses;
}

// What a nic may use besides its own. Doubles count once.
template <typename Messages>
StatusOr<std::set<AllowedIntent>> parse_allowed(const std::string& what, const Messages& messages) {
  std::set<AllowedIntent> all;
  for (const v1::AllowedAddress& message : messages) {
    const auto prefix = parse_member(what + ": allowed", message.address());
    if (!prefix.ok()) return prefix.status();
    AllowedIntent allowed{*prefix, std::nullopt};
    if (!message.mac().empty()) {
      const auto mac = parse_mac(what + ": allowed", message.mac());
      if (!mac.ok()) return mac.status();
      allowed.mac = *mac;
    }
    all.insert(allowed);
  }
  return all;
}

// Addresses and prefixes. Doubles count once.
template <typename Texts>
StatusOr<SharedSet<Cidr>> parse_members(const std::string& what, const Texts& texts) {
  SharedSet<Cidr> members;
  for (const std::string& text : texts) {
    const auto member = parse_member(what, text);
    if (!member.ok()) return member.status();
    members.insert(*member);
  }
  return members;
}

StatusOr<NicIntent> from_proto(const v1::Nic& nic);
// `what` as above: "group 'web': rule".
StatusOr<RuleIntent> parse_rule(const std::string& what, const v1::Rule& rule);
StatusOr<RuleIntent> from_proto(const std::string& group, const v1::Rule& rule);
StatusOr<GroupIntent> from_proto(const v1::Group& group);
StatusOr<ProcedureIntent> from_proto(const v1::Procedure& procedure);
StatusOr<SubnetIntent> from_proto(const v1::Subnet& subnet);
StatusOr<GuardIntent> from_proto(const v1::GuardRule& rule);
StatusOr<PeerIntent> from_proto(const v1::Peer& peer);
StatusOr<SegmentIntent> from_proto(const v1::Segment& segment);
StatusOr<FdbIntent> from_proto(const v1::FdbEntry& entry);
// An object that is listed twice is refused.
// The settings that are set, in place of those in `settings`.
void merge(const v1::FirewallSettings& message, FirewallSettings& settings);
void merge(const v1::SwitchSettings& message, SwitchSettings& settings);
StatusOr<Intent> from_proto(const v1::Intent& intent);

}  // namespace butterfly

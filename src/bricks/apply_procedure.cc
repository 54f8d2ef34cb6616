// SPDX-License-Identifier: Apache-2.0
#include "bricks/apply_procedure.h"

#include <rte_cycles.h>

#include <algorithm>

#include "base/copy_cut.h"
#include "wire/checksum.h"

namespace butterfly {
namespace {

constexpr uint16_t kDontFragment = 0x4000;
constexpr uint8_t kOptionEnd = 0;
constexpr uint8_t kOptionNone = 1;
constexpr uint8_t kOptionMss = 2;

// Writes a word that an Internet checksum covers and keeps that right.
void change(be16& word, uint16_t value, be16& checksum) {
  checksum = wire::checksum_update(checksum, word, value);
  word = value;
}

// Offset of the MSS in a SYN's options, from the start of its TCP header; 0: it has none.
size_t find_mss(std::span<const uint8_t> header) {
  size_t at = sizeof(wire::TcpHeader);
  while (at < header.size() && header[at] != kOptionEnd) {
    if (header[at] == kOptionNone) {
      ++at;
      continue;
    }
    if (at + 1 >= header.size()) return 0;
    const size_t length = header[at + 1];
    if (length < 2 || at + length > header.size()) return 0;
    if (header[at] == kOptionMss && length == 4) return at + 2;
    at += length;
  }
  return 0;
}

void lower_mss(Packet& packet, uint16_t most) {
  auto* tcp = packet.at<wire::TcpHeader>(packet.parsed.l4);
  if (packet.parsed.kind == wire::FrameKind::later_fragment) return;
  if (packet.parsed.protocol != wire::kProtoTcp || !tcp || (tcp->flags & wire::kTcpSyn) == 0)
    return;
  const auto bytes = packet.bytes();
  if (bytes.size() < packet.parsed.l4 + tcp->header_length()) return;
  const auto header = bytes.subspan(packet.parsed.l4, tcp->header_length());
  const size_t at = find_mss(header);
  auto* mss = at == 0 ? nullptr : wire::view_at<be16>(header, at);
  if (!mss || *mss <= most) return;
  if (!packet.requests_checksum()) {
    // In a sum of words a value at an odd offset counts with its bytes swapped (RFC 1071 §2 B).
    const auto as_summed = [odd = at % 2 != 0](uint16_t value) {
      return odd ? __builtin_bswap16(value) : value;
    };
    tcp->checksum = wire::checksum_update(tcp->checksum, as_summed(*mss), as_summed(most));
  }
  *mss = most;
}

void raise_ttl(wire::Ipv4Header& ip, uint8_t least) {
  if (ip.ttl >= least) return;
  const auto word = [&ip](uint8_t ttl) { return static_cast<uint16_t>(ttl << 8 | ip.protocol); };
  ip.checksum = wire::checksum_update(ip.checksum, word(ip.ttl), word(least));
  ip.ttl = least;
}

std::string_view name_of(const Procedure* procedure) {
  return procedure ? std::string_view(procedure->name) : std::string_view();
}

}  // namespace

// Nobody outside knows the seed, and no two packets of an lcore have the same time.
uint16_t ApplyProcedure::random_id() const noexcept {
  return static_cast<uint16_t>(hasher_.hash_of({{rte_rdtsc(), lcore_.index()}}) >> 16);
}

bool ApplyProcedure::apply(Packet& packet, PortId nic, ProcedureSlot slot) noexcept {
  // The flow may remember a procedure that has gone, or the nic of a guest that has moved away.
  const Procedure* procedure = slot == 0 ? nullptr : procedures_.at(slot);
  if (!procedure || nic == kUplinkPort) return true;
  if (procedure->rate.is_set() &&
      !limits_.take(nic, slot, procedure->rate, packet.length(), lcore_.now())) {
    if (lcore_.logging()) [[unlikely]]
      lcore_.events().set_refusing(&procedure->name);
    return false;
  }
  if (packet.shares_bytes()) return true;
  if (procedure->max_mss != 0) lower_mss(packet, procedure->max_mss);
  if (packet.parsed.family == wire::Family::v6) {
    auto* ip = packet.at<wire::Ipv6Header>(packet.parsed.l3);
    if (ip) ip->hop_limit = std::max(ip->hop_limit, procedure->min_ttl);
    return true;
  }
  auto* ip = packet.at<wire::Ipv4Header>(packet.parsed.l3);
  if (!ip) return true;
  raise_ttl(*ip, procedure->min_ttl);
  if (procedure->no_df && ip->dont_fragment()) {
    change(ip->fragment, static_cast<uint16_t>(ip->fragment & ~kDontFragment), ip->checksum);
  }
  if (procedure->random_id && !ip->is_fragment()) change(ip->id, random_id(), ip->checksum);
  return true;
}

ApplyProcedure::Out ApplyProcedure::operator()(Packet& packet, Trace* trace) noexcept {
  if (trace) {
    copy_cut(trace->from, name_of(procedures_.at(packet.procedure_from)));
    copy_cut(trace->to, name_of(procedures_.at(packet.procedure_to)));
  }
  if (!apply(packet, packet.in_port, packet.procedure_from) ||
      !apply(packet, packet.out_port, packet.procedure_to)) {
    return Out::over_rate;
  }
  return packet.out_port == kUplinkPort ? Out::to_wire : Out::to_guest;
}

std::string ApplyProcedure::format(const Trace& trace) {
  std::string text;
  if (trace.from[0] != '\0') text = "procedure " + std::string(trace.from) + " of the sender";
  if (trace.to[0] == '\0') return text;
  return text + (text.empty() ? "" : ", ") + "procedure " + trace.to + " of the receiver";
}

}  // namespace butterfly

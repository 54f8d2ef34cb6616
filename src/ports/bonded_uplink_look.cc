// SPDX-License-Identifier: Apache-2.0
// The thread's part of a bond: which members carry, and why the others do not.
#include <unistd.h>

#include <algorithm>

#include "ports/bonded_uplink.h"
#include "wire/vlan_tag.h"

namespace butterfly {
namespace {

constexpr size_t kShortestFrame = 60;

// RFC 903: a request that nobody answers; its sender is all that matters.
std::array<uint8_t, kShortestFrame> rarp_of(const Mac& mac) {
  std::array<uint8_t, kShortestFrame> frame{};
  constexpr std::array<uint8_t, 10> kHead{0x80, 0x35, 0, 1, 8, 0, 6, 4, 0, 3};
  std::fill_n(frame.begin(), 6, uint8_t{0xff});
  std::ranges::copy(mac.bytes, frame.begin() + 6);
  std::ranges::copy(kHead, frame.begin() + 12);
  std::ranges::copy(mac.bytes, frame.begin() + 22);
  std::ranges::copy(mac.bytes, frame.begin() + 32);
  return frame;
}

}  // namespace

std::string BondedUplink::active_name() const {
  const std::lock_guard lock(looking_);
  return options_.mode == BondMode::active_backup ? members_[active_].name : "";
}

std::vector<BondedUplink::State> BondedUplink::states() const {
  const std::lock_guard lock(looking_);
  std::vector<State> all;
  for (size_t i = 0; i < members_.size(); ++i) {
    const Link& link = links_[i];
    State state{members_[i].name, link.has_carrier, link.why.empty(), link.why, "", 0, 0};
    if (link.lacp.has_partner()) state.partner = link.lacp.partner().system.to_string();
    for (const PerLcore& lcore : lcores_) {
      state.rx_packets += lcore.rx_packets[i].load(std::memory_order_relaxed);
      state.tx_packets += lcore.tx_packets[i].load(std::memory_order_relaxed);
    }
    all.push_back(std::move(state));
  }
  return all;
}

void BondedUplink::look(TimeMs now) {
  const std::lock_guard lock(looking_);
  const bool speaks = options_.mode == BondMode::lacp;
  std::vector<bool> was_usable;
  for (size_t i = 0; i < links_.size(); ++i) {
    was_usable.push_back(links_[i].why.empty());
    links_[i].has_carrier = members_[i].port->is_connected();
    if (speaks) links_[i].lacp.look(links_[i].has_carrier, now);
  }
  if (speaks) {
    read_frames(now);
    choose_partner();
  }
  for (Link& link : links_) link.why = why_not(link);
  carry(was_usable);
  has_looked_ = true;
  for (size_t i = 0; speaks && i < links_.size(); ++i) {
    const auto frame = links_[i].lacp.next_frame(members_[i].mac, now);
    if (frame) put(i, true, wire::bytes_of(*frame));
  }
}

void BondedUplink::read_frames(TimeMs now) {
  FrameRing::Frame frame;
  for (PerLcore& lcore : lcores_) {
    while (lcore.inbox.take(frame)) answer(frame, now);
  }
}

void BondedUplink::answer(FrameRing::Frame& frame, TimeMs now) {
  std::span<uint8_t> bytes = frame.span();
  if (wire::take_vlan_tag(bytes, 0)) bytes = bytes.subspan(wire::kVlanTagLength);
  if (const auto* lacp = wire::read_lacp(bytes)) {
    links_[frame.member].lacp.take(*lacp, now);
  } else if (wire::answer_marker(bytes, members_[frame.member].mac)) {
    put(frame.member, true, bytes);
  }
}

// The one with most links, of equals the one that has been it.
void BondedUplink::choose_partner() {
  const auto links_to = [this](const wire::LacpParty& party) {
    return std::ranges::count_if(links_, [&](const Link& link) {
      return link.lacp.has_partner() && link.lacp.partner().is_same_group(party);
    });
  };
  std::optional<wire::LacpParty> best;
  if (partner_ && links_to(*partner_) != 0) best = partner_;
  for (const Link& link : links_) {
    if (!link.lacp.has_partner()) continue;
    if (!best || links_to(link.lacp.partner()) > links_to(*best)) best = link.lacp.partner();
  }
  partner_ = best;
  for (Link& link : links_) {
    link.lacp.select(best && link.lacp.has_partner() && link.lacp.partner().is_same_group(*best));
  }
}

std::string BondedUplink::why_not(const Link& link) const {
  if (!link.has_carrier) return "no link";
  if (options_.mode != BondMode::lacp || link.lacp.distributes()) return "";
  if (!link.lacp.has_partner()) return "nobody speaks LACP at its other end";
  if (!link.lacp.partner().is_same_group(*partner_)) return "leads to another partner";
  return "the partner does not agree";
}

BondedUplink::Senders BondedUplink::choose_senders() {
  Senders next;
  if (options_.mode == BondMode::active_backup && !links_[active_].why.empty()) {
    const auto other = std::ranges::find_if(links_, [](const Link& l) { return l.why.empty(); });
    if (other != links_.end()) active_ = static_cast<size_t>(other - links_.begin());
  }
  for (size_t i = 0; i < links_.size(); ++i) {
    const bool is_wanted = options_.mode != BondMode::active_backup || i == active_;
    if (is_wanted && links_[i].why.empty()) next.add(i);
  }
  return next;
}

// Makes what was found count, and tells it.
void BondedUplink::carry(const std::vector<bool>& was_usable) {
  const Senders before = senders();
  const Senders next = choose_senders();
  uint32_t receivers = 0;
  for (uint32_t which = 0; which < next.count; ++which) receivers |= 1U << next.at(which);
  if (options_.mode == BondMode::lacp) {
    for (size_t i = 0; i < links_.size(); ++i) {
      if (links_[i].has_carrier && links_[i].lacp.collects()) receivers |= 1U << i;
    }
  }
  receivers_.store(receivers, std::memory_order_relaxed);
  senders_.store(next, std::memory_order_relaxed);
  for (size_t i = 0; has_looked_ && i < links_.size(); ++i) {
    const std::string& why = links_[i].why;
    if (why.empty() == was_usable[i]) continue;
    options_.say("uplink '" + members_[i].name + "': " + (why.empty() ? "usable" : why) + "; " +
                 carriers(next));
  }
  const bool has_moved = options_.mode == BondMode::active_backup && next != before;
  if (has_moved && next.count != 0 && (has_looked_ || active_ != 0)) {
    put(active_, false, rarp_of(options_.mac));
  }
}

std::string BondedUplink::carriers(Senders senders) const {
  if (senders.count == 0) return "nothing carries";
  std::string names;
  for (uint32_t which = 0; which < senders.count; ++which) {
    names += (names.empty() ? "'" : ", '") + members_[senders.at(which)].name + "'";
  }
  return names + (senders.count == 1 ? " carries" : " carry");
}

void BondedUplink::put(size_t member, bool is_plain, std::span<const uint8_t> frame) {
  outbox_.put(static_cast<uint8_t>(member), is_plain, frame);
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(outbox_wake_.get(), &one, sizeof one);
}

}  // namespace butterfly

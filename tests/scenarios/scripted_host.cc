// SPDX-License-Identifier: Apache-2.0
#include "scenarios/scripted_host.h"

#include <algorithm>

#include "host/expression/compiler.h"
#include "support/eal.h"
#include "support/packet_text.h"
#include "wire/headers.h"

namespace butterfly::scenario {
namespace {

constexpr char kUplink[] = "uplink";
// Rounds after which everything fed has come out: receive, hand over, answer, receive again.
constexpr int kRoundsToSettle = 6;
// The lcore's tick; the clock moves by it, but takes longer strides when days are to pass.
constexpr uint32_t kTickMs = 100;
constexpr uint32_t kMaxStrides = 2000;

// One for all scenarios: the same expression is compiled once.
std::shared_ptr<ExpressionCompiler> expression_compiler() {
  static const auto compiler = std::make_shared<ChildCompiler>(BUTTERFLY_EXPRESSION_COMPILER);
  return compiler;
}

}  // namespace

// The clock starts a minute before it wraps, so that no arithmetic that minds goes unnoticed.
ScriptedHost::ScriptedHost()
    : buffers_before_(test::pool().in_use()), now_(static_cast<TimeMs>(-60'000)) {}

StatusOr<std::unique_ptr<ScriptedHost>> ScriptedHost::create(HostOptions options) {
  std::unique_ptr<ScriptedHost> self(new ScriptedHost);
  options.mode = IdleMode::manual;
  options.expressions = expression_compiler();
  if (options.vtep) {
    self->links_[kUplink] = std::make_shared<ScriptedLink>();
    options.uplink = std::make_unique<ScriptedPort>(self->links_[kUplink], test::pool());
    options.uplink_device = "scripted";
  }
  StatusOr<std::unique_ptr<Host>> host = Host::create(std::move(options), test::pool(), *self);
  if (!host.ok()) return host.status();
  self->host_ = *std::move(host);
  return self;
}

StatusOr<std::unique_ptr<Port>> ScriptedHost::make(const NicIntent& nic, PortId,
                                                   const std::vector<uint16_t>&) {
  links_[nic.id] = std::make_shared<ScriptedLink>();
  return std::make_unique<ScriptedPort>(links_[nic.id], test::pool());
}

ScriptedLink* ScriptedHost::link(const std::string& port) {
  const auto it = links_.find(port);
  return it == links_.end() ? nullptr : it->second.get();
}

Status ScriptedHost::apply(const Intent& intent, const std::map<IpAddress, Mac>& neighbours) {
  neighbours_ = neighbours;
  RETURN_IF_ERROR(host_->apply(intent));
  if (!intent.peers.empty()) advance(2 * kTickMs);  // next hops are asked for on a tick
  return ok_status();
}

void ScriptedHost::round() {
  host_->run_round(now_);
  for (const auto& [name, link] : links_) {
    for (ScriptedLink::Frame& frame : link->take()) {
      if (name == kUplink && answer(frame)) continue;
      sightings_.push_back({name, std::move(frame)});
    }
  }
}

void ScriptedHost::settle() {
  while (has_waiting()) round();
  for (int i = 0; i < kRoundsToSettle; ++i) round();
  ++now_;  // what is counted once a millisecond is counted now
  round();
}

bool ScriptedHost::has_waiting() const {
  const std::shared_ptr<const Intent> intent = host_->intent();
  return std::ranges::any_of(links_, [&intent](const auto& entry) {
    const auto& [name, link] = entry;
    const bool is_polled = name == kUplink || intent->nics.contains(name);
    return is_polled && link->is_connected() && link->waiting() != 0;
  });
}

void ScriptedHost::advance(uint32_t duration_ms) {
  // The last strides are short, so that neighbours asked for on the way have answered by the end.
  const uint32_t tail = std::min(duration_ms, 20 * kTickMs);
  const uint32_t stride = std::max(kTickMs, (duration_ms - tail) / kMaxStrides);
  for (uint32_t left = duration_ms; left > 0;) {
    const uint32_t step = left > tail ? std::min(stride, left - tail) : std::min(kTickMs, left);
    now_ += step;
    left -= step;
    round();
  }
  settle();
}

std::vector<Sighting> ScriptedHost::take_sightings() { return std::exchange(sightings_, {}); }

bool ScriptedHost::answer(const ScriptedLink::Frame& frame) {
  const auto* eth = wire::view_at<wire::EthernetHeader>(std::span(frame), 0);
  if (!eth) return false;
  const std::string to = ", dst=" + eth->source.to_string() + ")";
  const auto* arp = wire::view_at<wire::ArpHeader>(std::span(frame), sizeof *eth);
  if (eth->type == wire::kTypeArp && arp && arp->operation == wire::kArpRequest) {
    const auto it = neighbours_.find(arp->target_ip);
    if (it == neighbours_.end()) return false;
    const std::string mac = it->second.to_string();
    links_[kUplink]->feed(test::bytes_of(
        "eth(src=" + mac + to + "/arp(op=reply, sender_mac=" + mac +
        ", sender_ip=" + it->first.to_string() + ", target_mac=" + arp->sender_mac.to_string() +
        ", target_ip=" + IpAddress(arp->sender_ip).to_string() + ")"));
    return true;
  }
  const auto* ip = wire::view_at<wire::Ipv6Header>(std::span(frame), sizeof *eth);
  const auto* nd = wire::view_at<wire::NdHeader>(std::span(frame), sizeof *eth + sizeof *ip);
  if (eth->type != wire::kTypeIpv6 || !nd || ip->next_header != wire::kProtoIcmpv6 ||
      nd->icmp.type != wire::kIcmpv6NeighbourSolicitation) {
    return false;
  }
  const auto it = neighbours_.find(nd->target);
  if (it == neighbours_.end()) return false;
  const std::string mac = it->second.to_string();
  const std::string target = it->first.to_string();
  links_[kUplink]->feed(test::bytes_of(
      "eth(src=" + mac + to + "/ipv6(src=" + target + ", dst=" + IpAddress(ip->source).to_string() +
      ")/nd_na(target=" + target + ", solicited=1, override=1, lladdr=" + mac + ")"));
  return true;
}

Status ScriptedHost::audit() const {
  const LedgerReport ledger = host_->counters().ledger;
  const uint64_t in = ledger.received + ledger.made + ledger.copied + ledger.taken_over;
  const uint64_t out =
      ledger.sent + ledger.merged + ledger.dropped + ledger.handed_over + ledger.held;
  if (in != out || ledger.handed_over != ledger.taken_over) {
    return invalid("the ledger does not close: received " + std::to_string(ledger.received) +
                   " + made " + std::to_string(ledger.made) + " + copied " +
                   std::to_string(ledger.copied) + " + taken over " +
                   std::to_string(ledger.taken_over) + " != sent " + std::to_string(ledger.sent) +
                   " + merged " + std::to_string(ledger.merged) + " + dropped " +
                   std::to_string(ledger.dropped) + " + handed over " +
                   std::to_string(ledger.handed_over) + " + held " + std::to_string(ledger.held));
  }
  const auto buffers = static_cast<uint32_t>(test::pool().in_use() - ledger.held);
  if (buffers != buffers_before_) {
    return invalid(std::to_string(static_cast<int64_t>(buffers) - buffers_before_) +
                   " buffers are in use by nobody");
  }
  return ok_status();
}

}  // namespace butterfly::scenario

// SPDX-License-Identifier: Apache-2.0
#include "scenarios/twin_hosts.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

#include "support/packet_text.h"
#include "wire/parse.h"

namespace butterfly::scenario {
namespace {

constexpr char kUplink[] = "uplink";
constexpr size_t kHistory = 12;
// How far apart both may have heard of a station: a route is used for two seconds and looked at
// once a second, and a station is written down once a second.
constexpr uint32_t kHeardMs = 4'100;

void append(std::string& bytes, std::span<const uint8_t> more) {
  bytes.append(more.begin(), more.end());
}

// What a packet belongs to, as bytes: the port it came out of, and its connection and direction or,
// if it has none, its Ethernet header.
std::string thread_of(const Sighting& sighting) {
  std::string thread = sighting.port + '\0';
  std::span<const uint8_t> frame = sighting.frame;
  Vni vni;
  if (sighting.port == kUplink && frame.size() > kOuterLength) {
    vni.value =
        wire::view_at<wire::VxlanHeader>(frame, kOuterLength - sizeof(wire::VxlanHeader))->vni();
    frame = frame.subspan(kOuterLength);
  }
  wire::Parsed parsed;
  const auto error = wire::parse_frame(frame, static_cast<uint32_t>(frame.size()), vni, parsed);
  const bool has_key =
      parsed.kind == wire::FrameKind::flow || parsed.kind == wire::FrameKind::icmp_error;
  if (error == wire::ParseError::none && has_key) {
    const size_t words = parsed.family == wire::Family::v4 ? 2 : 5;
    const auto* key = reinterpret_cast<const uint8_t*>(parsed.key.words);
    append(thread, {key, words * sizeof parsed.key.words[0]});
    thread += static_cast<char>(parsed.kind);
    thread += parsed.source_is_high ? '>' : '<';
  } else {
    append(thread, frame.first(std::min(frame.size(), wire::kEthernetHeaderLen)));
  }
  return thread;
}

// By thread; within one in the order of arrival.
std::map<std::string, std::vector<Frame>> by_thread(std::vector<Sighting> sightings) {
  std::map<std::string, std::vector<Frame>> threads;
  for (Sighting& sighting : sightings) {
    threads[thread_of(sighting)].push_back(std::move(sighting.frame));
  }
  return threads;
}

std::string listed(const std::vector<Frame>& frames) {
  std::string text;
  for (const Frame& frame : frames) text += "\n    " + test::describe_packet(frame);
  return text.empty() ? "\n    nothing" : text;
}

// All of a flow that packets and reports can tell.
struct FlowFacts {
  wire::FlowKey key;
  uint32_t lcore;
  uint32_t last_seen;
  tcp::Track track;
  tcp::Progress tcp;
  TimeoutClass timeout;
  bool is_v6;
  bool initiator_is_high;
  NicVerdict verdicts[2];
  Tally tallies[2];
};

FlowFacts facts_of(const FlowTable& flows, const Flow& flow, uint32_t lcore) {
  FlowFacts facts;
  std::memset(static_cast<void*>(&facts), 0, sizeof facts);  // padding too: they are compared whole
  facts.key = flows.key_of(flow);
  facts.lcore = lcore;
  facts.last_seen = flow.last_seen;
  facts.track = flow.tcp_track;
  facts.tcp = flow.tcp;
  facts.timeout = flow.timeout;
  facts.is_v6 = flow.is_v6;
  facts.initiator_is_high = flow.initiator_is_high;
  for (const Role role : {Role::initiator, Role::responder}) {
    facts.verdicts[static_cast<size_t>(role)] = flows.history(flow).verdict(role);
    facts.tallies[static_cast<size_t>(role)] = flows.tally(flow, role);
  }
  return facts;
}

bool is_before(const FlowFacts& a, const FlowFacts& b) {
  return std::memcmp(&a, &b, sizeof a) < 0;  // the key comes first
}

std::vector<FlowFacts> flows_of(const HostImpl& host, uint16_t lcores) {
  std::vector<FlowFacts> all;
  for (uint16_t lcore = 0; lcore < lcores; ++lcore) {
    const FlowTable& flows = host.flows(lcore);
    flows.for_each([&](const Flow& flow) { all.push_back(facts_of(flows, flow, lcore)); });
  }
  std::ranges::sort(all, is_before);
  return all;
}

std::string to_string(const FlowFacts& facts) {
  const wire::Family family = facts.is_v6 ? wire::Family::v6 : wire::Family::v4;
  std::string text =
      wire::to_string(wire::five_tuple_of(facts.key, family, facts.initiator_is_high)) +
      " of VNI " + std::to_string(wire::vni_of(facts.key, family).value) + ": lcore " +
      std::to_string(facts.lcore) + ", seen " + std::to_string(facts.last_seen) + ", state " +
      std::to_string(static_cast<int>(facts.tcp.state)) + "/" + std::to_string(facts.tcp.seen) +
      ", timeout " + std::to_string(static_cast<int>(facts.timeout));
  for (const size_t role : {0, 1}) {
    text += ", end " + std::to_string(facts.track.end[role]) + " up to " +
            std::to_string(facts.track.max_end[role]) + " acked " +
            std::to_string(facts.track.last_ack[role]) + ", nic " +
            std::to_string(facts.verdicts[role].serial) + "@" +
            std::to_string(facts.verdicts[role].generation) + ", " +
            std::to_string(facts.tallies[role].packets) + " packets " +
            std::to_string(facts.tallies[role].bytes) + " bytes";
  }
  return text;
}

std::string to_string(const std::optional<Fdb::Place>& place) {
  if (!place) return "no known place";
  return place->port == kUplinkPort ? "peer " + std::to_string(place->peer.value)
                                    : "port " + std::to_string(place->port.value);
}

}  // namespace

TwinHosts::Hosts TwinHosts::make(const Setting& setting, bool shortcut) {
  HostOptions options;
  options.cpus.assign(setting.lcores, 0);
  options.shortcut = shortcut;
  options.flow_capacity = setting.flow_capacity;
  options.fdb_capacity = 1024;
  options.hash_seed = wire::HashSeed{{0x0123456789abcdef, 0xfedcba9876543210}};
  options.vtep = Vtep{};
  options.vtep->address = vtep_address();
  options.vtep->on_link = *Cidr::parse("192.0.2.0/24");
  options.vtep->mac = vtep_mac();
  options.vtep->mtu = setting.mtu;
  auto host = ScriptedHost::create(std::move(options));
  if (!host.ok()) std::abort();
  return *std::move(host);
}

TwinHosts::TwinHosts(const Setting& setting)
    : setting_(setting), with_(make(setting, true)), without_(make(setting, false)) {}

Status TwinHosts::apply(Intent intent, const std::map<IpAddress, Mac>& neighbours) {
  intent.switching.set(SwitchKnob::ageing, setting_.ageing_ms / 1000);
  const Status status = with_->apply(intent, neighbours);
  if (without_->apply(intent, neighbours) != status) differ("one refuses the intent");
  compare_frames();
  return status;
}

void TwinHosts::feed(const std::string& port, const Frame& frame,
                     const ScriptedLink::Requests& requests) {
  ScriptedLink* const link = with_->link(port);
  if (!link || !link->is_connected()) return;
  link->feed(frame, requests);
  without_->link(port)->feed(frame, requests);
  if (fed_.size() == 4 * kHistory) fed_.erase(fed_.begin(), fed_.end() - kHistory);
  fed_.emplace_back(port, frame);
}

void TwinHosts::set_connected(const std::string& port, bool connected) {
  if (!with_->link(port)) return;
  with_->link(port)->set_connected(connected);
  without_->link(port)->set_connected(connected);
}

void TwinHosts::set_longest(const std::string& port, uint32_t bytes) {
  if (!with_->link(port)) return;
  with_->link(port)->set_longest(bytes);
  without_->link(port)->set_longest(bytes);
}

void TwinHosts::set_offloads(const std::string& port, const Port::Offloads& offloads) {
  if (!with_->link(port)) return;
  with_->link(port)->set_offloads(offloads);
  without_->link(port)->set_offloads(offloads);
}

void TwinHosts::round() {
  with_->round();
  without_->round();
}

void TwinHosts::settle() {
  with_->settle();
  without_->settle();
  compare_frames();
}

void TwinHosts::advance(uint32_t duration_ms) {
  with_->advance(duration_ms);
  without_->advance(duration_ms);
  compare_frames();
}

std::string TwinHosts::history() const {
  std::string text;
  const size_t first = fed_.size() > kHistory ? fed_.size() - kHistory : 0;
  for (size_t i = first; i < fed_.size(); ++i) {
    text += "\n    " + fed_[i].first + " < " + test::describe_packet(fed_[i].second);
  }
  return text;
}

TwinHosts::Share TwinHosts::share() const {
  Share share;
  for (const OutReport& out : with_->host().counters().outs) {
    if (out.node != "flow" || out.out == "elsewhere") continue;
    const bool walked = out.out == "from-guest" || out.out == "from-wire";
    (walked ? share.walked : share.taken) += out.packets;
  }
  return share;
}

Status TwinHosts::audit() const {
  RETURN_IF_ERROR(with_->audit());
  return without_->audit();
}

// What comes later is the consequence of the first, but tells more about it.
void TwinHosts::differ(const std::string& what) {
  difference_ += (difference_.empty() ? "" : "\n  and ") + what;
}

const std::string& TwinHosts::difference() {
  if (is_over_) return difference_;
  compare_drops();
  compare_flows();
  compare_stations();
  is_over_ = !difference_.empty();
  return difference_;
}

void TwinHosts::compare_frames() {
  if (!difference_.empty()) return;
  const auto with = by_thread(with_->take_sightings());
  const auto without = by_thread(without_->take_sightings());
  for (const auto* threads : {&with, &without}) {
    for (const auto& [thread, frames] : *threads) {
      const auto a = with.find(thread);
      const auto b = without.find(thread);
      if (a != with.end() && b != without.end() && a->second == b->second) continue;
      const std::string port = thread.substr(0, thread.find('\0'));
      return differ("out of " + port + " came, with the shortcut:" +
                    listed(a == with.end() ? std::vector<Frame>{} : a->second) +
                    "\n  without:" + listed(b == without.end() ? std::vector<Frame>{} : b->second));
    }
  }
}

void TwinHosts::compare_drops() {
  const std::vector<OutReport> with = with_->host().counters().outs;
  const std::vector<OutReport> without = without_->host().counters().outs;
  for (size_t i = 0; i < with.size(); ++i) {
    const OutReport& a = with[i];
    const OutReport& b = without[i];
    if (!a.drop || (a.packets == b.packets && a.bytes == b.bytes)) continue;
    differ("dropped as " + a.node + "/" + a.out + ": " + std::to_string(a.packets) + " packets, " +
           std::to_string(a.bytes) + " bytes with the shortcut, " + std::to_string(b.packets) +
           " and " + std::to_string(b.bytes) + " without");
  }
}

void TwinHosts::compare_flows() {
  const std::vector<FlowFacts> with = flows_of(inside(with_), setting_.lcores);
  const std::vector<FlowFacts> without = flows_of(inside(without_), setting_.lcores);
  for (size_t i = 0; i < std::max(with.size(), without.size()); ++i) {
    const bool both = i < with.size() && i < without.size();
    if (both && std::memcmp(&with[i], &without[i], sizeof with[i]) == 0) continue;
    const auto text = [i](const auto& flows) {
      return i < flows.size() ? to_string(flows[i]) : std::string("none");
    };
    return differ("flow with the shortcut:\n    " + text(with) + "\n  without:\n    " +
                  text(without));
  }
}

// Either may have heard of a station for the last time, or forgotten it, a little before the other.
void TwinHosts::compare_stations() {
  const Fdb& with = inside(with_).fdb();
  const Fdb& without = inside(without_).fdb();
  for (const auto& [vni, mac] : stations_) {
    const auto a = with.find(vni, mac, now());
    const auto b = without.find(vni, mac, now());
    if (a && b
            ? a->port == b->port && a->peer == b->peer
            : !with.find(vni, mac, now() + kHeardMs) && !without.find(vni, mac, now() + kHeardMs)) {
      continue;
    }
    return differ("station " + mac.to_string() + " of VNI " + std::to_string(vni.value) +
                  " is at " + to_string(a) + " with the shortcut, " + to_string(b) + " without");
  }
}

}  // namespace butterfly::scenario

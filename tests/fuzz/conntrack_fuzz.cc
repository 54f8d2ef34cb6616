// SPDX-License-Identifier: Apache-2.0
// Feeds hostile segments to connections in a small flow table, as `record` does, and holds both to
// what must be true whatever comes.
#include <bit>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <map>

#include "tables/flow_record.h"
#include "tables/flow_table.h"

namespace {

using namespace butterfly;  // NOLINT: a program of one page
using tcp::State;

constexpr uint32_t kCapacity = 8;
constexpr unsigned kKeys = 12;  // more than there is room for
constexpr size_t kBytes = 10;   // of an event

void require(bool fact, const char* sentence) {
  if (fact) return;
  std::fprintf(stderr, "broken: %s\n", sentence);
  std::abort();
}

template <typename Value>
bool same(const Value& a, const Value& b) {
  return std::memcmp(&a, &b, sizeof a) == 0;
}
bool is_before(uint32_t a, uint32_t b) { return static_cast<int32_t>(a - b) < 0; }

struct Event {
  const uint8_t* bytes;

  unsigned key() const { return (bytes[0] & 0x0f) % kKeys; }
  bool from_high() const { return (bytes[0] & 0x10) != 0; }
  unsigned what() const { return bytes[9]; }
  uint8_t flags() const { return bytes[1]; }
  int16_t word(size_t at) const { return static_cast<int16_t>(bytes[at] << 8 | bytes[at + 1]); }
  // Short waits are as likely as long ones.
  TimeMs wait() const {
    return (bytes[8] & 0x0fU) << (bytes[8] >> 4) << (bytes[8] >> 7 != 0 ? 8 : 0);
  }
};

// Numbers near those of the flow, or anywhere.
tcp::Segment segment_of(const Event& event, const Flow* flow, Role from) {
  const auto self = static_cast<size_t>(from);
  const size_t peer = self ^ 1;
  const tcp::Track track = flow ? flow->tcp_track : tcp::Track{};
  const uint32_t sequences[] = {track.end[self], track.max_end[self],
                                track.end[self] - 0x10000 + track.last_ack[peer], 0xfffff000};
  const uint32_t acknowledgements[] = {track.end[peer], track.max_end[peer], track.end[self], 0};
  tcp::Segment segment;
  segment.flags = event.flags();
  const uint32_t far = (event.flags() & wire::kTcpCwr) != 0 ? 0x10001 : 1;
  segment.sequence =
      sequences[event.bytes[0] >> 5 & 3] + static_cast<uint32_t>(event.word(2)) * far;
  segment.acknowledgement =
      acknowledgements[event.bytes[7] >> 6] + static_cast<uint32_t>(event.word(4));
  segment.window = static_cast<uint16_t>(event.bytes[6] << (event.bytes[7] & 0x08));
  segment.scale = (event.bytes[7] & 0x10) != 0 ? tcp::kNoScale : event.bytes[7] % 15;
  const bool syn = (segment.flags & wire::kTcpSyn) != 0;
  const bool fin = (segment.flags & wire::kTcpFin) != 0;
  const uint32_t length = (event.bytes[7] & 0x20) != 0 ? event.bytes[6] * 5U : 0;
  segment.end = segment.sequence + length + (syn ? 1 : 0) + (fin ? 1 : 0);
  if (!syn) segment.scale = tcp::kNoScale;
  return segment;
}

// take_usual() may only take what check() lets pass, and then does what advance() does.
void compare_usual(const Flow& flow, Role from, const tcp::Segment& segment) {
  const bool has_fin = (segment.flags & wire::kTcpFin) != 0;
  const bool has_syn = (segment.flags & wire::kTcpSyn) != 0;
  const auto length =
      static_cast<uint16_t>(segment.end - segment.sequence - (has_fin ? 1 : 0) - (has_syn ? 1 : 0));
  const wire::TcpHeader header{
      1, 2, segment.sequence, segment.acknowledgement, 5 << 4, segment.flags, segment.window, 0, 0};
  tcp::Track usual = flow.tcp_track;
  if (!tcp::take_usual(flow.tcp, usual, from, header,
                       static_cast<uint16_t>(length + sizeof header))) {
    require(same(usual, flow.tcp_track), "what is not usual changes nothing");
    return;
  }
  require(tcp::check(flow.tcp, flow.tcp_track, from, segment) == tcp::Verdict::ok,
          "what is usual is sound");
  tcp::Progress progress = flow.tcp;
  tcp::Track track = flow.tcp_track;
  tcp::advance(progress, track, from, segment);
  require(same(progress, flow.tcp), "what is usual does not move the state");
  require(same(track, usual), "the usual way and the other end alike");
}

// States go forward only: a SYN sent again is all that may come once more.
void compare_states(const tcp::Progress& before, const tcp::Progress& after, bool reset) {
  if (reset) {
    require(after.state == State::closed, "a reset ends the connection");
    return;
  }
  require(after.state >= before.state, "no segment takes a connection back");
  require(after.state != State::closed || before.state == State::closed, "only a reset closes");
  if (before.state >= State::syn_received) {
    require((before.seen & ~after.seen) == 0, "what was seen stays seen");
  }
}

class Host {
 public:
  void act(const Event& event) {
    now_ += event.wait();
    switch (event.what()) {
      case 0:
        return erase(event.key());
      case 1:
        return sweep();
      case 2: {
        FirewallSettings settings;
        settings.set(Knob::tcp_new, 1 + event.bytes[6]);
        settings.set(Knob::tcp_established, 1 + event.bytes[7]);
        return flows_.set_timeouts(settings);
      }
      default:
        return receive(event);
    }
  }
  void finish() {
    for (unsigned key = 0; key < kKeys; ++key) erase(key);
    require(flows_.size() == 0, "nothing is left");
  }

 private:
  struct Known {
    Flow* flow;
    Tally tallies[2];  // by Role
  };

  // Some of IPv6.
  static wire::Family family_of(unsigned key) {
    return key % 3 == 0 ? wire::Family::v6 : wire::Family::v4;
  }
  static wire::FlowKey key_of(unsigned key) {
    wire::FiveTuple tuple;
    tuple.protocol = wire::kProtoTcp;
    if (family_of(key) == wire::Family::v4) {
      tuple.source.address = Ipv4{{10, 0, 0, static_cast<uint8_t>(key)}};
      tuple.destination.address = Ipv4{{10, 0, 1, 1}};
    } else {
      tuple.source.address = Ipv6{{0xfd, static_cast<uint8_t>(key)}};
      tuple.destination.address = Ipv6{{0xfe}};
    }
    bool source_is_high = false;
    return wire::make_flow_key(tuple, Vni{7}, source_is_high);
  }

  Flow* find(unsigned key) {
    const wire::FlowId id = flows_.hasher().id_of(key_of(key), family_of(key));
    const auto known = known_.find(key);
    const bool should = known != known_.end() && !flows_.is_expired(*known->second.flow, now_);
    Flow* const flow = flows_.find(id, flows_.hasher().hash_of(id), now_);
    require((flow != nullptr) == should, "what lives is found, nothing else is");
    require(!flow || flow == known->second.flow, "a flow stays where it is");
    require(!flow || flows_.key_of(*flow).equals(key_of(key), family_of(key)),
            "a flow has its key");
    if (!flow) known_.erase(key);
    count();
    return flow;
  }
  void count() {
    require(flows_.size() == known_.size(), "live are those put in and not taken out");
  }

  void erase(unsigned key) {
    Flow* const flow = find(key);
    if (!flow) return;
    flows_.erase(*flow);
    known_.erase(key);
    count();
  }
  void sweep() {
    std::map<unsigned, bool> expired;
    for (const auto& [key, known] : known_) expired[key] = flows_.is_expired(*known.flow, now_);
    const uint32_t freed = flows_.sweep(now_, 2);
    uint32_t gone = 0;
    for (const auto& [key, is_expired] : expired) {
      if (known_.at(key).flow->is_live) continue;
      require(is_expired, "only what has expired is swept");
      known_.erase(key);
      ++gone;
    }
    require(freed == gone, "what is swept is counted");
    count();
  }

  void receive(const Event& event) {
    Flow* flow = find(event.key());
    const Role from = flow ? flow->role_of(event.from_high()) : Role::initiator;
    const tcp::Segment segment = segment_of(event, flow, from);
    if (!flow || tcp::would_reopen(flow->tcp, segment)) return begin(event, flow, segment);
    compare_usual(*flow, from, segment);
    const Flow before = *flow;
    const tcp::Verdict verdict = tcp::check(flow->tcp, flow->tcp_track, from, segment);
    require(same(before, *flow), "a question changes nothing");
    const bool had_answer = flow->tcp.state != State::syn_sent;
    if (verdict == tcp::Verdict::ok) {
      tcp::advance(flow->tcp, flow->tcp_track, from, segment);
      const bool reset = (segment.flags & wire::kTcpRst) != 0;
      compare_states(before.tcp, flow->tcp, reset);
      flow->timeout = timeout_class_of(flow->tcp.state);
      flow->see(now_);
      for (const size_t role : {0, 1}) {
        require(!had_answer || !is_before(flow->tcp_track.end[role], before.tcp_track.end[role]),
                "the highest number does not sink");
        require(!had_answer ||
                    !is_before(flow->tcp_track.max_end[role], before.tcp_track.max_end[role]),
                "an offer is not taken back");
      }
    } else if (verdict != tcp::Verdict::ignored) {
      return;
    }
    flows_.count(*flow, from, segment.window * 30'000U);
    compare_tallies(known_.at(event.key()));
  }
  void begin(const Event& event, Flow* flow, const tcp::Segment& segment) {
    const bool picks_up = event.what() > 200 && tcp::may_pick_up(segment);
    if (tcp::check_first(segment) != tcp::Verdict::ok && !picks_up) return;
    if (!flow) {
      const wire::FlowId id = flows_.hasher().id_of(key_of(event.key()), family_of(event.key()));
      flow = flows_.insert(key_of(event.key()), family_of(event.key()), id,
                           flows_.hasher().hash_of(id), now_);
      require(flow != nullptr || flows_.size() == kCapacity, "there is room until it is full");
      if (!flow) return;
    }
    known_[event.key()] = {flow, {}};
    count();
    flows_.reset_tallies(*flow);
    flow->initiator_is_high = event.from_high();
    flow->timeout = TimeoutClass::tcp_new;
    flow->see(now_);
    (segment.is_plain_syn() ? tcp::start : tcp::pick_up)(flow->tcp, flow->tcp_track, segment);
  }
  void compare_tallies(Known& known) {
    for (const Role role : {Role::initiator, Role::responder}) {
      Tally& before = known.tallies[static_cast<size_t>(role)];
      const Tally now = flows_.tally(*known.flow, role);
      require(now.packets >= before.packets && now.bytes >= before.bytes, "tallies never sink");
      before = now;
    }
  }

  FlowTable flows_{kCapacity, wire::HashSeed{{1, 2}}};
  std::map<unsigned, Known> known_;
  TimeMs now_ = static_cast<TimeMs>(-100'000);
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  Host host;
  for (; size >= kBytes; data += kBytes, size -= kBytes) host.act({data});
  host.finish();
  return 0;
}

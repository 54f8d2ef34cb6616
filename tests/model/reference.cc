// SPDX-License-Identifier: Apache-2.0
#include "model/reference.h"

#include <algorithm>
#include <utility>

namespace butterfly::model {
namespace {

constexpr int64_t kIdleGrainMs = 33;
// The sweep has freed what has expired for so long.
constexpr int64_t kSweptMs = 2000;

// RFC 792, 950, 4443.
bool is_query(bool is_v4, uint8_t type) {
  return is_v4 ? type == 8 || type == 13 || type == 15 || type == 17 : type == 128;
}
bool is_answer(bool is_v4, uint8_t type) {
  return is_v4 ? type == 0 || type == 14 || type == 16 || type == 18 : type == 129;
}
uint8_t query_answered_by(uint8_t type) {
  return type == 0 ? uint8_t{8} : static_cast<uint8_t>(type - 1);
}

}  // namespace

const char* name_of(Fate fate) {
  constexpr const char* kNames[] = {
      "delivered", "spoofed", "denied",        "no connection", "other nic",      "error unrelated",
      "redirect",  "quench",  "illegal flags", "mid-stream",    "outside window", "bad reset"};
  return kNames[static_cast<size_t>(fate)];
}

void Reference::apply(const Intent& intent, int64_t now) {
  if (intent.firewall != intent_.firewall) forget_expired(now);
  std::map<std::string, uint64_t> lives;
  for (const auto& [id, nic] : intent.nics) {
    const auto before = lives_.find(id);
    lives[id] = before != lives_.end() ? before->second : ++last_life_;
  }
  lives_ = std::move(lives);
  intent_ = intent;
}

void Reference::flush(Vni vni) {
  std::erase_if(connections_, [vni](const auto& entry) { return entry.first.vni == vni; });
}

// Before timeouts change: what has expired stays so.
void Reference::forget_expired(int64_t now) {
  for (auto it = connections_.begin(); it != connections_.end();) {
    Connection& connection = it->second;
    const int64_t late = now - connection.last_seen - timeout_of(connection);
    connection.may_be_forgotten = connection.may_be_forgotten || late >= -1;
    it = late > kSweptMs ? connections_.erase(it) : std::next(it);
  }
}

Reference::IcmpPart Reference::icmp_part_of(const Datagram& datagram) {
  if (!datagram.is_icmp()) return IcmpPart::none;
  if (is_query(datagram.is_v4(), datagram.icmp_type)) return IcmpPart::query;
  return is_answer(datagram.is_v4(), datagram.icmp_type) ? IcmpPart::answer : IcmpPart::none;
}

Reference::Key Reference::key_of(Vni vni, const Datagram& datagram) {
  End source{datagram.source, datagram.source_port};
  End destination{datagram.destination, datagram.destination_port};
  const IcmpPart part = icmp_part_of(datagram);
  if (part != IcmpPart::none) {
    if (part == IcmpPart::answer) std::swap(source, destination);
    source.port = datagram.icmp_id;
    destination.port =
        part == IcmpPart::query ? datagram.icmp_type : query_answered_by(datagram.icmp_type);
  } else if (destination < source) {
    std::swap(source, destination);
  }
  return {vni, datagram.protocol, source, destination};
}

bool Reference::is_from_initiator(const Connection& connection, const Datagram& datagram) {
  return connection.start.source == datagram.source &&
         connection.start.source_port == datagram.source_port;
}

int64_t Reference::timeout_of(const Connection& connection) const {
  using Phase = TcpReference::Phase;
  const auto seconds = [&](Knob knob) { return int64_t{intent_.firewall[knob]} * 1000; };
  if (connection.start.is_icmp()) return seconds(Knob::icmp);
  if (connection.start.protocol == kUdp) {
    return seconds(connection.is_answered ? Knob::udp_replied : Knob::udp_new);
  }
  if (connection.start.protocol != kTcp) return seconds(Knob::other);
  switch (connection.tcp.phase()) {
    case Phase::established:
      return seconds(Knob::tcp_established);
    case Phase::half_closed:
      return seconds(Knob::tcp_half_closed);
    case Phase::closing:
    case Phase::reset:
      return seconds(Knob::tcp_closing);
    case Phase::time_wait:
      return seconds(Knob::tcp_time_wait);
    default:
      return seconds(Knob::tcp_new);
  }
}

const Reference::Connection* Reference::find(const Key& key, int64_t now) const {
  const auto it = connections_.find(key);
  if (it == connections_.end()) return nullptr;
  return now - it->second.last_seen > timeout_of(it->second) ? nullptr : &it->second;
}

Reference::Connection* Reference::find(const Key& key, int64_t now) {
  return const_cast<Connection*>(std::as_const(*this).find(key, now));
}

const TcpReference* Reference::tcp_of(Vni vni, const Datagram& datagram, int64_t now) const {
  const Connection* connection = find(key_of(vni, datagram), now);
  return connection && connection->start.protocol == kTcp ? &connection->tcp : nullptr;
}

bool Reference::is_by_initiator(Vni vni, const Datagram& datagram) const {
  return is_from_initiator(connections_.at(key_of(vni, datagram)), datagram);
}

bool Reference::is_of_these_lives(const Connection& connection, const Arrival& arrival,
                                  bool by_initiator) const {
  const uint64_t initiator = life_of(by_initiator ? arrival.from : arrival.to);
  const uint64_t responder = life_of(by_initiator ? arrival.to : arrival.from);
  return connection.initiator_life == initiator && connection.responder_life == responder;
}

bool Reference::answers_another(const Connection& connection, const Arrival& arrival) const {
  const uint64_t asker = connection.initiator_life;
  if (arrival.to.empty() || asker == 0 || asker == life_of(arrival.to)) return false;
  const bool is_there =
      std::ranges::any_of(lives_, [&](const auto& it) { return it.second == asker; });
  return is_there && connection.responder_life == life_of(arrival.from);
}

Fate Reference::judge(const Arrival& arrival, int64_t now) {
  if (!is_genuine(arrival)) return Fate::spoofed;
  if (arrival.quoted) return judge_error(arrival, now);
  const Datagram& datagram = arrival.datagram;
  const IcmpPart part = icmp_part_of(datagram);
  // Neither query nor answer nor error: each packet by itself.
  if (datagram.is_icmp() && part == IcmpPart::none) {
    return may_start(arrival) ? Fate::delivered : Fate::denied;
  }
  Connection* const connection = find(key_of(arrival.vni, datagram), now);
  if (!connection) return begin(arrival, now);
  const bool by_initiator = is_from_initiator(*connection, datagram);
  const bool is_tcp = datagram.protocol == kTcp;
  if (is_tcp && connection->tcp.is_over() && datagram.tcp.is_plain_syn()) {
    return begin(arrival, now);
  }
  if (!is_of_these_lives(*connection, arrival, by_initiator)) {
    if (!by_initiator && answers_another(*connection, arrival)) return Fate::other_nic;
    return begin(arrival, now);
  }
  return go_on(*connection, arrival, now);
}

Fate Reference::begin(const Arrival& arrival, int64_t now) {
  const Datagram& datagram = arrival.datagram;
  if (icmp_part_of(datagram) == IcmpPart::answer) return Fate::no_connection;
  if (!may_start(arrival)) return Fate::denied;
  Connection connection;
  if (datagram.protocol == kTcp) {
    const TcpSegment& segment = datagram.tcp;
    const bool picks_up =
        intent_.firewall.is_on(Knob::tcp_loose) && TcpReference::may_pick_up(segment);
    if (!TcpReference::has_legal_flags(segment)) return Fate::illegal_flags;
    if (!segment.is_plain_syn() && !picks_up) return Fate::mid_stream;
    connection.tcp =
        segment.is_plain_syn() ? TcpReference::started(segment) : TcpReference::picked_up(segment);
  }
  connection.start = datagram;
  connection.initiator_life = life_of(arrival.from);
  connection.responder_life = life_of(arrival.to);
  connection.last_seen = now;
  connections_[key_of(arrival.vni, datagram)] = connection;
  return Fate::delivered;
}

Fate Reference::go_on(Connection& connection, const Arrival& arrival, int64_t now) {
  const Datagram& datagram = arrival.datagram;
  const bool by_initiator = is_from_initiator(connection, datagram);
  if (!may_go_on(connection, arrival, by_initiator)) return Fate::denied;
  if (datagram.protocol == kTcp) {
    const TcpFate fate = connection.tcp.check(by_initiator, datagram.tcp, mistakes_);
    switch (fate) {
      case TcpFate::pass:
        connection.tcp.advance(by_initiator, datagram.tcp);
        break;
      case TcpFate::ignored:
        return Fate::delivered;
      case TcpFate::illegal_flags:
        return Fate::illegal_flags;
      case TcpFate::outside_window:
        return Fate::outside_window;
      case TcpFate::bad_reset:
        return Fate::bad_reset;
    }
  }
  if (!by_initiator) connection.is_answered = true;
  connection.last_seen = now;
  return Fate::delivered;
}

// The quoted packet must be one that the receiver of the error has sent on a connection of its own.
Fate Reference::judge_error(const Arrival& arrival, int64_t now) const {
  const Datagram& error = arrival.datagram;
  const Datagram& quoted = *arrival.quoted;
  if (error.is_v4() && error.icmp_type == 4) return Fate::source_quench;
  if (error.is_v4() && error.icmp_type == 5 && !intent_.firewall.is_on(Knob::allow_redirects)) {
    return Fate::redirect;
  }
  const Connection* const connection = find(key_of(arrival.vni, quoted), now);
  if (!connection) return Fate::error_unrelated;
  const bool by_initiator = is_from_initiator(*connection, quoted);
  const uint64_t sender = by_initiator ? connection->initiator_life : connection->responder_life;
  const uint64_t receiver = by_initiator ? connection->responder_life : connection->initiator_life;
  const bool fits =
      error.destination == quoted.source &&
      (quoted.protocol != kTcp || connection->tcp.may_have_sent(by_initiator, quoted.tcp.sequence));
  // First the nic that it comes from, as everywhere, then the one that it goes to.
  for (const std::string* nic : {&arrival.from, &arrival.to}) {
    if (nic->empty()) continue;
    const bool is_sender = nic == &arrival.to;
    if (life_of(*nic) != (is_sender ? sender : receiver) || !fits) return Fate::error_unrelated;
    const bool began = is_sender == by_initiator;
    const auto direction = began ? RuleDirection::egress : RuleDirection::ingress;
    if (intent_.firewall.is_on(Knob::revalidate) && !allows(*nic, direction, connection->start)) {
      return Fate::denied;
    }
  }
  return Fate::delivered;
}

const char* Reference::doubt(const Arrival& arrival, int64_t now) const {
  if (!is_genuine(arrival)) return nullptr;
  const Datagram& datagram = arrival.quoted ? *arrival.quoted : arrival.datagram;
  if (datagram.is_icmp() && icmp_part_of(datagram) == IcmpPart::none) return nullptr;
  const Key key = key_of(arrival.vni, datagram);
  const auto it = connections_.find(key);
  if (it == connections_.end()) return nullptr;
  const Connection& connection = it->second;
  if (connection.may_be_forgotten) return "expired as timeouts changed";
  const int64_t late = now - connection.last_seen - timeout_of(connection);
  if (late >= -1 && late <= kIdleGrainMs) return "about to expire";
  if (late > 0) return nullptr;
  const bool by_initiator = is_from_initiator(connection, datagram);
  if (arrival.quoted) {
    return datagram.protocol == kTcp
               ? connection.tcp.doubt_quote(by_initiator, datagram.tcp.sequence)
               : nullptr;
  }
  if (!is_of_these_lives(connection, arrival, by_initiator)) {
    const uint64_t sender = by_initiator ? connection.initiator_life : connection.responder_life;
    const bool knows_sender = sender == life_of(arrival.from);
    // The nic that it comes from does not know that the other one was made again: if its own rules
    // have changed it says so first.
    const bool may_be_revoked =
        knows_sender && !arrival.from.empty() && intent_.firewall.is_on(Knob::revalidate) &&
        !allows(arrival.from, by_initiator ? RuleDirection::egress : RuleDirection::ingress,
                connection.start);
    return may_be_revoked ? "goes to an earlier life, under other rules" : nullptr;
  }
  return datagram.protocol == kTcp ? connection.tcp.doubt(by_initiator, datagram.tcp) : nullptr;
}

}  // namespace butterfly::model

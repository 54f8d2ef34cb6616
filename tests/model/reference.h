// SPDX-License-Identifier: Apache-2.0
// The firewall as docs/firewall.md has it, slow and obvious: a map of connections and a list of
// rules that is read for every packet. Shares nothing with the datapath but plain values, and knows
// neither generations nor caches nor routes: with `revalidate` on, the rules are asked again at
// each packet.
//
// Not covered, for packet text says it better: malformed packets, fragments, DHCP, neighbour
// discovery, floods, expressions, procedures, reject, bypass, a table that is full.
// No opinion (doubt()): idle times within 33 ms of the timeout, for idle time is kept in steps of
// 16 ms, never early and up to 32 ms late; what TcpReference has none about.
#pragma once

#include <compare>
#include <map>
#include <string>

#include "host/intent/intent.h"
#include "model/packet.h"
#include "model/tcp_reference.h"

namespace butterfly::model {

enum class Fate : uint8_t {
  delivered,
  spoofed,
  denied,  // by the rules of now, also when those of earlier allowed it
  no_connection,
  other_nic,  // an answer, but not to the nic that asked, which is still there
  error_unrelated,
  redirect,
  source_quench,
  illegal_flags,
  mid_stream,
  outside_window,
  bad_reset,
};
const char* name_of(Fate fate);

// A packet on its way: ids of nics, or empty where it comes from, or goes to, the wire.
struct Arrival {
  Vni vni;
  std::string from;
  std::string to;
  Datagram datagram;
  std::optional<Datagram> quoted;  // of an ICMP error
};

class Reference {
 public:
  using Mistakes = TcpMistakes;
  explicit Reference(const Mistakes& mistakes = {}) : mistakes_(mistakes) {}

  // Intent is this from now on. A nic that was not there before begins a life.
  void apply(const Intent& intent, int64_t now);
  // Forgets the segment's connections.
  void flush(Vni vni);
  // What becomes of the packet; its connection is as it is afterwards. Times in ms, never going
  // back. REQUIRES: the nics that it names exist and are not the same.
  Fate judge(const Arrival& arrival, int64_t now);
  // Why the reference has no opinion about the packet; null: it has.
  const char* doubt(const Arrival& arrival, int64_t now) const;
  // The TCP connection that a packet of these ends and this segment would belong to, or null.
  const TcpReference* tcp_of(Vni vni, const Datagram& datagram, int64_t now) const;
  // Whether the datagram's sender began it. REQUIRES: there is one.
  bool is_by_initiator(Vni vni, const Datagram& datagram) const;

 private:
  struct End {
    IpAddress address;
    uint16_t port = 0;
    auto operator<=>(const End&) const = default;
  };
  // Both directions have one key. Of ICMP queries the asking end comes first, so that one host's
  // question is not the other's; else the lower one.
  struct Key {
    Vni vni;
    uint8_t protocol = 0;
    End first;
    End second;
    auto operator<=>(const Key&) const = default;
  };
  struct Connection {
    Datagram start;               // as its initiator sent it
    uint64_t initiator_life = 0;  // of the nic; 0: the wire
    uint64_t responder_life = 0;
    TcpReference tcp;
    bool is_answered = false;
    int64_t last_seen = 0;
    bool may_be_forgotten = false;  // it expired, and then timeouts changed
  };
  enum class IcmpPart : uint8_t { none, query, answer };

  static IcmpPart icmp_part_of(const Datagram& datagram);
  static Key key_of(Vni vni, const Datagram& datagram);
  static bool is_from_initiator(const Connection& connection, const Datagram& datagram);
  uint64_t life_of(const std::string& nic) const { return nic.empty() ? 0 : lives_.at(nic); }
  int64_t timeout_of(const Connection& connection) const;
  Connection* find(const Key& key, int64_t now);
  const Connection* find(const Key& key, int64_t now) const;

  bool is_genuine(const Arrival& arrival) const;
  bool is_member(const std::string& group, Vni vni, const IpAddress& address) const;
  bool fits(const RuleIntent& rule, RuleDirection direction, Vni vni, const Datagram& start) const;
  bool allows(const std::string& nic, RuleDirection direction, const Datagram& start) const;
  // Whether it answers what another nic has asked, or had asked of it, that is still there.
  bool answers_another(const Connection& connection, const Arrival& arrival) const;
  // Whether a packet that would start something may leave the one and reach the other.
  bool may_start(const Arrival& arrival) const;
  // Whether the rules of now allow what exists, at both ends that are nics.
  bool may_go_on(const Connection& connection, const Arrival& arrival, bool by_initiator) const;
  bool is_of_these_lives(const Connection& connection, const Arrival& arrival,
                         bool by_initiator) const;
  void forget_expired(int64_t now);
  Fate judge_error(const Arrival& arrival, int64_t now) const;
  Fate begin(const Arrival& arrival, int64_t now);
  Fate go_on(Connection& connection, const Arrival& arrival, int64_t now);

  Mistakes mistakes_;
  Intent intent_;
  std::map<std::string, uint64_t> lives_;  // of nics, by id
  uint64_t last_life_ = 0;
  std::map<Key, Connection> connections_;
};

}  // namespace butterfly::model

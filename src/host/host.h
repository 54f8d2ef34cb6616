// SPDX-License-Identifier: Apache-2.0
// The host: owns intent, snapshots, ports, learned state and lcores.
//
// Control-side API. Every method may be called from any thread; apply() calls are serialised. No
// method blocks an lcore. Knows DPDK, but neither protobuf nor files.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "host/flow_reports.h"
#include "host/intent/intent.h"
#include "host/reports.h"
#include "tables/peer_table.h"
#include "wire/flow_key.h"

namespace butterfly {

class ExpressionCompiler;
class Port;
class PacketPool;
class Quiescence;

enum class IdleMode : uint8_t {
  adaptive,  // sleep when nothing has come for a while
  poll,      // never sleep: lowest latency, a whole CPU
  manual,    // no threads: the caller runs rounds itself (tests, benches)
};

// Makes the ports that nics need; production uses ports/, tests bring scripted ones.
class PortFactory {
 public:
  virtual ~PortFactory() = default;
  // Called once, before make(): how a port waits until no lcore uses what it takes away.
  virtual void attach(Quiescence&) {}
  // `lcores` will poll it. Everything acquired by a failed call is given back before it returns.
  virtual StatusOr<std::unique_ptr<Port>> make(const NicIntent& nic, PortId id,
                                               const std::vector<uint16_t>& lcores) = 0;
  // Destroys ports that no lcore can reach any more.
  virtual void remove(std::vector<std::unique_ptr<Port>> ports);
  // The path of this nic's vhost-user socket; empty for other types.
  virtual std::string socket_path(const NicIntent& nic) const = 0;
};

struct HostOptions {
  std::vector<unsigned> cpus{0};  // one lcore each
  IdleMode mode = IdleMode::adaptive;
  std::unique_ptr<Port> uplink;                 // null: no underlay, local switching only
  std::string uplink_device;                    // as configured, for reports
  std::function<UplinkFacts()> uplink_facts{};  // the same; may be empty
  std::optional<Vtep> vtep;                     // present with an uplink
  uint32_t flow_capacity = 65536;               // per lcore
  uint32_t fdb_capacity = 131072;               // per host
  bool shortcut = true;                         // false: every packet walks every brick
  bool balance = false;                         // move nics from full lcores to others
  uint32_t look_ms = 1000;                      // at their load, from one time to the next
  bool hugepages = false;                       // what EAL got, for reports
  uint32_t pool_cache = 0;            // of the pool, for each lcore; as the next three for reports
  uint32_t uplink_receive_slots = 0;  // of rings that may hold our buffers
  uint32_t uplink_transmit_slots = 0;
  std::function<MemoryReport()> memory{};
  std::vector<std::string> warnings;  // found at start, for reports
  // Gets a line, without a newline, about what the host does by itself. Any control thread.
  std::function<void(const std::string&)> say{};
  // Of rules' expressions; null: rules with expressions are refused.
  std::shared_ptr<ExpressionCompiler> expressions;
  // Of all hashes, so that a test runs the same way each time. Else one that nobody can know.
  std::optional<wire::HashSeed> hash_seed;
};

class Host {
 public:
  // REQUIRES: EAL is initialised; `pool` and `ports` outlive the host. Starts the lcores with an
  // empty intent.
  static StatusOr<std::unique_ptr<Host>> create(HostOptions options, PacketPool& pool,
                                                PortFactory& ports);
  virtual ~Host() = default;

  // Makes `next` the intent: validates and plans it whole, makes the new ports, publishes the new
  // snapshot, and returns when every lcore runs on it and removed ports are gone. On an error
  // nothing has changed.
  virtual Status apply(const Intent& next) = 0;
  // As apply(), of an intent that was applied once before: an expression that does not compile any
  // more matches nothing, and reports warn of it.
  virtual Status restore(const Intent& next) { return apply(next); }
  // Whether the expressions of the rules that `next` has and `before` has not compile: an error as
  // apply(next) would return. May take as long as a compiler may (host/expression/child.h).
  virtual Status check_expressions(const Intent& /*before*/, const Intent& /*next*/) {
    return ok_status();
  }
  virtual std::shared_ptr<const Intent> intent() const = 0;

  virtual HostReport report() const = 0;
  virtual std::vector<NicReport> nic_reports() const = 0;
  virtual CounterReport counters() const = 0;
  virtual std::string graph_dot() const = 0;

  // Follows packets that enter or leave by `nic`: calls `sink` for each until `count` were
  // delivered, `sink` returns false or `keep_going` does (asked every 50 ms). One trace at a time:
  // failed_precondition when another is running; not_found when there is no such nic.
  virtual Status trace(const std::string& nic, uint32_t count,
                       const std::function<bool(const TraceReport&)>& sink,
                       const std::function<bool()>& keep_going) = 0;

  // Of the rules of a group, by id: all lcores and all nics together. not_found: no such group.
  virtual StatusOr<std::vector<RuleHits>> rule_hits(const std::string& group) const = 0;

  // Tells of drops and starts as they happen: calls `sink` for each until `query.count` were
  // delivered, `sink` returns false or `keep_going` does (asked at least every 50 ms). Several may
  // watch at once; lcores sample as the most curious of them wants. A nic that is made again is
  // followed. invalid_argument: not a query, not such an out; not_found: no such nic;
  // resource_exhausted: LogQuery::kMaxWatchers watch already.
  virtual Status watch_log(const LogQuery& query, const std::function<bool(const LogReport&)>& sink,
                           const std::function<bool()>& keep_going) = 0;

  // Tells of what comes to pass: what the journal holds, then, when the query follows, the rest as
  // it happens, until `query.count` were delivered, `sink` returns false or `keep_going` does
  // (asked at least every 50 ms). Guests and peers are looked at, and lcores tell of addresses and
  // limits, only while somebody follows. invalid_argument: a query for nothing; resource_exhausted:
  // NewsQuery::kMaxWatchers watch already.
  virtual Status watch_news(const NewsQuery& query, const std::function<bool(const News&)>& sink,
                            const std::function<bool()>& keep_going) = 0;
  // The intent that is applied has this revision; it is the keeper's, not the host's.
  virtual void note_revision(uint64_t revision) = 0;

  // What would become of a packet that began a connection, by the addresses, the guard list and the
  // groups of now; a local nic that has the peer's address is asked as well. Existing connections,
  // limits and the switch are not looked at, and nothing is counted. invalid_argument: no such
  // packet begins one, or the nic has no such address; not_found: no such nic.
  virtual StatusOr<CheckReport> check(const CheckQuery& query) const = 0;
  // Hits of the guard list's rules, by key.
  virtual std::vector<RuleHits> guard_hits() const = 0;

  // Connections. Each call works in steps between which traffic goes on, and asks `keep_going` at
  // least every 65,536 connections: cancelled when that says no. In IdleMode::manual the caller's
  // thread does what lcores do else. What begins or ends meanwhile may be seen or not.
  // invalid_argument: a role without nic and address; not_found: no such nic.

  // Gets connections by and by, some hundred at a time; ends when it returns false.
  using FlowSink = std::function<bool(const std::vector<FlowReport>&)>;
  virtual Status list_flows(const FlowQuery& query, const FlowSink& sink,
                            const std::function<bool()>& keep_going) = 0;
  virtual StatusOr<FlowCounts> count_flows(const FlowQuery& query,
                                           const std::function<bool()>& keep_going) = 0;
  // Forgets them: their next packets are judged as first ones. Returns how many went.
  virtual StatusOr<uint64_t> flush_flows(const FlowQuery& query,
                                         const std::function<bool()>& keep_going) = 0;
  // What another host needs to go on with a nic's connections; not those that a reset has ended.
  // The sink gets the nic's segment with them.
  using NicFlowSink = std::function<bool(Vni, const std::vector<NicFlow>&)>;
  virtual Status export_flows(const std::string& nic, const NicFlowSink& sink,
                              const std::function<bool()>& keep_going) = 0;
  // Returns as soon as the nic's guest is not connected: from then on its connections stay as they
  // are, but for what others still send it. It is looked for every millisecond; cancelled when
  // `keep_going`, asked now and then, says no. not_found: no such nic, or no longer;
  // failed_precondition: a tap's guest never goes; resource_exhausted: kMaxAwaited are waited for
  // already.
  static constexpr size_t kMaxAwaited = 4;
  virtual Status wait_until_gone(const std::string& nic,
                                 const std::function<bool()>& keep_going) = 0;
  // Takes them over for a nic of this host, whose rules are asked at their next packets: all or, on
  // an error, none. One that is here already is replaced only if it was seen longer ago.
  // invalid_argument: not of the nic's segment and addresses; resource_exhausted: no room.
  // REQUIRES: no two have one key; records are as read_exported() yields them.
  virtual StatusOr<FlowImportReport> import_flows(const std::string& nic, Vni vni,
                                                  const std::vector<NicFlow>& flows) = 0;

  // MACs: nics' own, then those of static entries, by VNI and MAC; then those that were learnt, in
  // no order. Gets some hundred at a time; ends when it returns false. What moves meanwhile may be
  // seen or not. invalid_argument: a nic and a peer; not_found: no such nic or peer.
  using StationSink = std::function<bool(const std::vector<StationReport>&)>;
  virtual Status list_stations(const StationQuery& query, const StationSink& sink) const = 0;
  // Forgets learnt MACs, and what connections know of where they are; returns how many. Whoever
  // still sends is learnt again.
  virtual StatusOr<uint64_t> flush_fdb(const StationQuery& query) = 0;

  // Captures what the nic's guest sends, what it is sent, and what of both is dropped, for which a
  // packet may be seen twice: when it came, and where it ended. Calls `sink` with what has come, in
  // the order of time but for a few milliseconds between lcores, and how many there was no room for
  // so far; with nothing at least five times a second. Ends after `query.count`, when it returns
  // false, or when `keep_going` does. One capture at a time: failed_precondition when another is
  // running. not_found: no such nic, or it has gone; invalid_argument: not an expression.
  using CaptureSink = std::function<bool(std::span<const CaptureReport>, uint64_t lost)>;
  virtual Status capture(const CaptureQuery& query, const CaptureSink& sink,
                         const std::function<bool()>& keep_going) = 0;

  // Has another lcore poll a nic. No packet is lost, and none overtakes another of its flow; until
  // all that came before is sent, a fraction of a millisecond as a rule, what the guest sends waits
  // in its ring. not_found: no such nic; invalid_argument: no such lcore; failed_precondition:
  // several queue pairs. REQUIRES: not IdleMode::manual.
  virtual Status move_nic(const std::string& nic, uint16_t lcore) = 0;
  // Whether the host does that by itself, when lcores have uneven loads (host/balance.h).
  virtual void set_balancing(bool is_on) = 0;

  // IdleMode::manual only: one round of every lcore at the given time, on the caller's thread.
  virtual void run_round(TimeMs now) = 0;
};

}  // namespace butterfly

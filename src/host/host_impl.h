// SPDX-License-Identifier: Apache-2.0
// The host behind the interface of host.h.
#pragma once

#include <array>
#include <atomic>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "host/balance.h"
#include "host/host.h"
#include "host/intent/plan.h"
#include "host/lcore_runner.h"
#include "host/learnt_peers.h"
#include "host/log_watchers.h"
#include "host/news_journal.h"
#include "host/snapshot_builder.h"

namespace butterfly {

class HostImpl : public Host {
 public:
  HostImpl(HostOptions options, PacketPool& pool, PortFactory& ports,
           std::unique_ptr<Quiescence> quiescence);
  ~HostImpl() override;
  // Builds and publishes the empty snapshot, starts the lcores.
  Status start();

  Status apply(const Intent& next) override { return apply(next, /*is_restored=*/false); }
  Status restore(const Intent& next) override { return apply(next, /*is_restored=*/true); }
  Status check_expressions(const Intent& before, const Intent& next) override;
  std::shared_ptr<const Intent> intent() const override;
  HostReport report() const override;
  std::vector<NicReport> nic_reports() const override;
  CounterReport counters() const override;
  std::string graph_dot() const override;
  Status trace(const std::string& nic, uint32_t count,
               const std::function<bool(const TraceReport&)>& sink,
               const std::function<bool()>& keep_going) override;
  StatusOr<std::vector<RuleHits>> rule_hits(const std::string& group) const override;
  std::vector<RuleHits> guard_hits() const override;
  StatusOr<CheckReport> check(const CheckQuery& query) const override;
  Status watch_log(const LogQuery& query, const std::function<bool(const LogReport&)>& sink,
                   const std::function<bool()>& keep_going) override;
  Status watch_news(const NewsQuery& query, const std::function<bool(const News&)>& sink,
                    const std::function<bool()>& keep_going) override;
  void note_revision(uint64_t revision) override;
  Status list_flows(const FlowQuery& query, const FlowSink& sink,
                    const std::function<bool()>& keep_going) override;
  StatusOr<FlowCounts> count_flows(const FlowQuery& query,
                                   const std::function<bool()>& keep_going) override;
  StatusOr<uint64_t> flush_flows(const FlowQuery& query,
                                 const std::function<bool()>& keep_going) override;
  Status export_flows(const std::string& nic, const NicFlowSink& sink,
                      const std::function<bool()>& keep_going) override;
  Status wait_until_gone(const std::string& nic, const std::function<bool()>& keep_going) override;
  StatusOr<FlowImportReport> import_flows(const std::string& nic, Vni vni,
                                          const std::vector<NicFlow>& flows) override;
  Status list_stations(const StationQuery& query, const StationSink& sink) const override;
  StatusOr<uint64_t> flush_fdb(const StationQuery& query) override;
  Status capture(const CaptureQuery& query, const CaptureSink& sink,
                 const std::function<bool()>& keep_going) override;
  Status move_nic(const std::string& nic, uint16_t lcore) override;
  void set_balancing(bool is_on) override { is_balancing_.store(is_on); }
  void run_round(TimeMs now) override;

  // IdleMode::manual only: what was learnt, between rounds.
  const Fdb& fdb() const { return fdb_; }
  const FlowTable& flows(size_t lcore) const { return lcores_[lcore]->flows(); }

 private:
  using Views = std::vector<std::unique_ptr<LcoreView>>;
  // Of each lcore the ports to poll, when they are not those of before.
  using PolledPorts = std::vector<std::optional<std::vector<PortId>>>;
  // By nic id. Those that an attempt has made vanish with it unless it succeeds.
  using NicPorts = std::map<std::string, std::unique_ptr<Port>>;
  struct Totals {
    uint64_t rx_packets = 0, rx_bytes = 0, tx_packets = 0, tx_bytes = 0, tx_refused = 0;
  };

  // Whether the change makes its port.
  static bool is_made_anew(const Changed<decltype(Intent::nics)>& nic);
  Status apply(const Intent& next, bool is_restored);
  // With the lock held: makes `next`, learnt peers among its own, what the host works by.
  Status put_in_force(const Intent& next, bool is_restored);
  // Strangers become peers, and peers that have fallen silent strangers.
  void learn_peers();
  bool is_peer_in_use(const IpAddress& address) const;
  void follow_learning();
  void learn_until_stopped();
  void stop_learning();
  std::vector<uint16_t> polling_lcores(const NicIntent& nic, uint16_t first) const;
  StatusOr<NicPorts> make_ports(const Difference& change, const CompiledState& attempt);
  PolledPorts polled_ports(const Difference& change, const CompiledState& next) const;
  StatusOr<Views> build_views(const CompiledState& state, const PolledPorts& polled);
  void publish(Views views);
  // Makes the attempt the state; returns the ports that left.
  std::vector<std::unique_ptr<Port>> adopt(const Difference& change, CompiledState attempt,
                                           NicPorts fresh);
  void forget_learned(Slots& slots, const std::vector<Vni>& gone_segments,
                      const std::vector<PeerId>& narrowed);
  // What was seen of an lcore at the last look; all counts.
  struct Seen {
    uint64_t busy_cycles = 0;
    uint64_t taken_over = 0;
    std::array<uint64_t, kMaxPorts> costs{};  // by PortId
  };
  // With the apply lock held. The ports that an lcore polls with that placement.
  std::vector<PortId> ports_of(uint16_t lcore,
                               const SharedMap<std::string, uint16_t>& placement) const;
  // Has the lcore poll these from now on.
  Status publish_polled(uint16_t lcore, std::vector<PortId> ports);
  // Returns when all that was handed over before the call has been sent.
  void settle_handovers();
  void start_balance();
  void stop_balance();
  // The load watcher's: measures, and decides.
  std::optional<NicMove> look_at_load();
  LcoreLoad load_of(uint16_t lcore, double cycles_passed);
  void carry_out(const NicMove& move);
  Totals port_totals(PortId id) const;
  uint64_t hits_at(uint32_t slot) const;
  class Watching;
  class NewsWatching;
  using PortNames = std::vector<std::string>;  // by PortId
  void note_nics(const Difference& change);
  // Who has come or gone since the last call.
  void look_for_news();
  void look_at_uplink();
  void want_news(std::optional<EventWants>& wants) const;
  void tell_news_of(const Event& event, const PortNames& names);
  void arm_logs();
  // Nics have come or gone.
  void follow_nics_watched();
  // Gives what the lcores have noted to those who watch.
  void drain_logs();
  PortNames port_names() const;
  LogReport describe(const Event& event, uint16_t lcore, const PortNames& names) const;
  TraceReport describe(const PacketTrace& trace) const;
  class Capturing;
  // Whether the captured nic is gone.
  bool end_capture_of_gone();
  // With the state lock held.
  CaptureReport describe(const CapturedFrame& frame) const;
  std::string name_of(PortId port) const;
  // With the lock held, as the next two. The local nic that has the address, or null.
  const Nic* nic_with(Vni vni, const IpAddress& address) const;
  StatusOr<CheckReport> check(const CheckQuery& query, const wire::FiveTuple& tuple,
                              const Nic* from, const Nic* to) const;
  CheckReport walk(Packet& packet, const Nic* from, const Nic* to) const;
  StatusOr<std::shared_ptr<const Nic>> nic_of(const std::string& id) const;
  // Of a vhost-user nic; see wait_until_gone() for the errors.
  StatusOr<bool> is_guest_there(const std::string& nic) const;
  // Has the lcore do the job; returns when it is done.
  void do_on(LcoreRunner& lcore, LcoreJob& job);
  StatusOr<FlowFilter> filter_of(const FlowQuery& query) const;
  StatusOr<Fdb::Filter> filter_of(const StationQuery& query) const;
  // A learnt one's; nothing when its place has gone, or intent names the MAC.
  std::optional<StationReport> describe(const Fdb::Station& station) const;
  TimeMs now() const;
  std::vector<FlowReport> describe(std::span<const FlowRecord> records) const;

  HostOptions options_;
  PacketPool& pool_;
  PortFactory& factory_;
  std::unique_ptr<Quiescence> quiescence_;
  HandoffMesh mesh_;
  HandoffMesh fragment_mesh_;
  wire::HashSeed seed_;
  Fdb fdb_;
  NeighbourTable neighbours_;
  ClaimTable claims_;
  StrangerTable strangers_;
  MembershipQueries queries_;
  RateLimits rate_limits_{kProcedureSlots};
  FlowShares flow_shares_;

  std::mutex apply_mutex_;                // one change at a time
  mutable std::mutex state_mutex_;        // what reports read; held briefly
  CompiledState state_;                   // GUARDED_BY(state_mutex_) for reading outside apply()
  std::shared_ptr<const Intent> intent_;  // the operator's; the state's has learnt peers too
  LearntPeers learnt_peers_;              // GUARDED_BY(apply_mutex_)
  TimeMs forgot_at_ = 0;                  // of the learner alone
  NicPorts nic_ports_;
  std::map<uint16_t, Totals> baselines_;  // counts of a slot when its present nic took it
  std::mutex trace_mutex_;
  std::mutex capture_mutex_;
  // By id, in that life; GUARDED_BY(state_mutex_).
  std::optional<std::pair<std::string, NicSerial>> captured_;
  std::mutex log_mutex_;                       // before state_mutex_, where both are held
  std::list<LogWatcher*> watchers_;            // GUARDED_BY(log_mutex_), as what they hold
  std::list<const NewsQuery*> news_watchers_;  // GUARDED_BY(log_mutex_)
  NewsJournal journal_;
  // GUARDED_BY(state_mutex_), as the next four: what the journal has said last.
  std::map<std::string, bool> guests_seen_;
  std::map<IpAddress, bool> peers_seen_;
  bool uplink_seen_ = false;
  bool has_seen_uplink_ = false;
  std::map<std::string, bool> members_seen_;
  std::mutex jobs_mutex_;           // one job of an lcore at a time
  std::atomic<size_t> awaited_{0};  // guests, by wait_until_gone()

  // The load watcher's.
  Balance balance_;
  std::vector<Seen> seen_;  // by lcore
  uint64_t seen_cycles_ = 0;
  // Beyond this line others look, too.
  std::atomic<bool> is_balancing_{false};
  std::vector<uint32_t> busy_percent_;  // by lcore, GUARDED_BY(state_mutex_), as the next two
  uint64_t moves_ = 0;
  std::optional<MoveReport> last_move_;
  std::mutex load_mutex_;
  std::condition_variable load_news_;
  bool is_ending_ = false;  // GUARDED_BY(load_mutex_)
  std::thread load_watcher_;

  std::vector<std::unique_ptr<LcoreRunner>> lcores_;
  Views views_;  // the published ones

  std::mutex learner_mutex_;
  std::condition_variable learner_wake_;
  bool is_learning_ = false;  // GUARDED_BY(learner_mutex_), as the next
  bool is_stopping_ = false;
  std::thread learner_;
};

}  // namespace butterfly

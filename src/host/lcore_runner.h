// SPDX-License-Identifier: Apache-2.0
// One lcore: polls its ports, runs its graph, ticks, reports quiescence, sleeps when idle.
#pragma once

#include <array>
#include <atomic>
#include <memory>
#include <optional>
#include <thread>
#include <vector>

#include "base/cache_line.h"
#include "base/fd.h"
#include "graph/quiescence.h"
#include "host/group_membership.h"
#include "host/host.h"
#include "host/host_graph.h"
#include "host/idle_window.h"
#include "host/lcore_mailbox.h"
#include "host/nic_announcer.h"
#include "host/poll_plan.h"

namespace butterfly {

// What one lcore works on while one snapshot is in force. Built and destroyed by the control side.
struct alignas(kLinePair) LcoreView {
  std::shared_ptr<const Snapshot> snapshot;
  std::unique_ptr<HostGraph> graph;
  // The lcore's alone from the first view that has it to the last: successive views with the same
  // ports share it, and with it what it knows of who is busy.
  std::shared_ptr<PollPlan> plan;
};

// What the lcores of a host must know of one another to hold the limits of its flows.
struct FlowShares {
  std::vector<const FlowAccounts*> accounts;  // by index of the lcore; complete before one starts
  FlowRates rates;
};

class alignas(kLinePair) LcoreRunner : public Waker {
 public:
  // What is received in a round, in packets (and bytes), before it is worked off and sent: with
  // hundreds of ports or frames of 64 KiB the first ports would else take all buffers, and the
  // cache hold none of it. So many packets with their headers are a tenth of a second-level cache,
  // and still bursts for those who get from many.
  static constexpr uint32_t kMaxGathered = 256;

  // `index` counts from 0, `cpu` is where the thread is pinned.
  LcoreRunner(uint16_t index, unsigned cpu, const HostOptions& options, PacketPool& pool,
              Quiescence& quiescence, HandoffMesh& mesh, HandoffMesh& fragment_mesh, Fdb& fdb,
              NeighbourTable& neighbours, ClaimTable& claims, StrangerTable& strangers,
              MembershipQueries& queries, RateLimits& rate_limits, FlowShares& shares,
              const wire::HashSeed& seed);
  ~LcoreRunner() override;

  // Control side. Makes the view for a snapshot; nothing is published yet. `ports` are those to
  // poll; none: those of the view that is published, of which nothing changed.
  StatusOr<std::unique_ptr<LcoreView>> build_view(std::shared_ptr<const Snapshot> snapshot,
                                                  const std::optional<std::vector<PortId>>& ports);
  // Publishes; the view before may be destroyed when Quiescence::wait() has returned.
  void publish(LcoreView* view);
  // Control side: the lcore is not woken by the port any more. After quiescence that followed the
  // last view with it.
  void unwatch(PortId port, int wake_fd);
  void start();  // the thread; not in IdleMode::manual
  void stop();

  // Which ports a round looks at: all; the busy and, in turn, some of the others; those that were
  // just armed.
  enum class Poll : uint8_t { all, busy, armed };

  // One round, on this lcore's thread (or the only one, in IdleMode::manual).
  // Returns whether a packet moved or a job was worked on.
  bool round(TimeMs now, Poll ports = Poll::all);

  // Control side, one thread at a time: has the lcore do a job between rounds. The job and what it
  // refers to must live until has_done().
  void post(LcoreJob& job);
  bool has_done() const { return mailbox_.is_done(); }
  // A slice of the posted job, if there is one; part of every round. In IdleMode::manual whoever
  // posts may call it, too.
  bool serve() noexcept { return mailbox_.work(flows_, lcore_.now()); }

  void wake_if_sleeping() noexcept override;
  void wake() noexcept;

  Lcore& lcore() { return lcore_; }
  const Lcore& lcore() const { return lcore_; }
  FlowTable& flows() { return flows_; }
  const FlowAdmission& admission() const { return admission_; }
  // Cycles of rounds that moved packets, or did a job, about: one round in kRoundsAClock is
  // measured.
  uint64_t busy_cycles() const { return busy_cycles_.read(); }
  LcoreReport report() const;

 private:
  static constexpr uint32_t kTickMs = 100;
  // Each port has its turn to be told something every ten minutes or so.
  static constexpr uint32_t kTicksAPort = 4;
  // Reading the clock costs as much as a packet; so many rounds are less than a tenth of a
  // millisecond.
  static constexpr uint32_t kRoundsAClock = 8;

  // On the first round with a new snapshot: what the learnt state takes from it.
  void adopt(const Snapshot& snapshot);
  void run();
  void pin() const;
  std::shared_ptr<PollPlan> make_plan(const Snapshot& snapshot, const std::vector<PortId>& ports);
  void watch(int fd, PortId port, NicSerial life);
  bool poll_ports(LcoreView& view, Poll ports);
  struct Received {
    uint32_t packets = 0;
    uint64_t bytes = 0;
  };
  uint32_t receive(LcoreView& view, const PolledPort& port);
  Received receive_burst(LcoreView& view, const PolledPort& port);
  void work_off(LcoreView& view);
  void tick(LcoreView& view);
  // After a round in which nothing moved: looks on, naps or sleeps. Whether time has passed.
  bool rest();
  void nap(LcoreView& view);
  void sleep(LcoreView& view);
  bool nothing_came(const LcoreView& view) const;
  void wait_for_wake(uint64_t nanoseconds);

  const uint16_t index_;
  const unsigned cpu_;
  const IdleMode mode_;
  Quiescence& quiescence_;
  HandoffMesh& mesh_;
  HandoffMesh& fragment_mesh_;
  Fdb& fdb_;
  NeighbourTable& neighbours_;
  ClaimTable& claims_;
  StrangerTable& strangers_;
  MembershipQueries& queries_;
  RateLimits& rate_limits_;
  Lcore lcore_;
  FlowTable flows_;
  FlowAdmission admission_;
  RouteTable routes_;
  StormLimits storms_;
  FragmentTable fragments_;
  const bool shortcut_;
  TokenBucket mtu_answers_{PathMtu::kAnswersPerSecond, PathMtu::kAnswersAtOnce};
  TokenBucket rejects_{Reject::kAnswersPerSecond, Reject::kAnswersAtOnce};
  SendStages stages_;
  Fd wake_;      // eventfd
  Fd wake_set_;  // epoll over wake_ and the ports' descriptors, which leave it when they close
  // Whose descriptor is in it, by PortId: lives of nics, so that none is added again with each
  // plan.
  std::array<NicSerial, kMaxPorts> watched_{};
  std::atomic<LcoreView*> view_{nullptr};
  std::atomic<bool> stopping_{false};
  LcoreMailbox mailbox_;
  // 1 while it sleeps or is about to. Others look at it for every hand-over.
  alignas(kLinePair) std::atomic<uint32_t> sleeping_{0};
  // Received in this round, and not worked off yet.
  alignas(kLinePair) uint32_t gathered_ = 0;
  Generation adopted_ = 0;
  uint64_t gathered_bytes_ = 0;
  IdleWindow window_;
  uint64_t idle_since_ = 0;  // monotonic nanoseconds; 0: the last round was busy
  TimeMs last_tick_ = 0;
  uint32_t ticks_ = 0;
  NicAnnouncer announcer_;
  GroupMembership membership_;
  TimeMs last_sweep_ = 0;
  Count rounds_;
  Count busy_rounds_;
  Count busy_cycles_;
  Count flow_count_;
  std::thread thread_;
};

}  // namespace butterfly

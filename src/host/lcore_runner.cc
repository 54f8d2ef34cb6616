// SPDX-License-Identifier: Apache-2.0
#include "host/lcore_runner.h"

#include <pthread.h>
#include <rte_cycles.h>
#include <rte_lcore.h>
#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <sys/prctl.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>

namespace butterfly {
namespace {

// Looked for again this often when asleep, for ticks; ports without wake-ups every millisecond.
constexpr uint64_t kSleepNs = 100'000'000;
constexpr uint64_t kUnwakeableNs = 1'000'000;
// Slots of the FDB and buckets of the flow table looked at in one slice of sweeping, so that no
// burst waits for it.
constexpr uint32_t kSweepSlots = 256;
constexpr uint32_t kSweepBuckets = 32;
constexpr uint64_t kMaxGatheredBytes = 1 << 20;
// What comes from the wire in trains of long packets is received so many bursts at a time, for
// guests that get trains whole (graph/merge_tcp.h). Short packets, of which a wire brings most a
// second, have one burst a round like any guest's.
constexpr uint32_t kTrainBursts = kMergeMost / kBurst;
constexpr uint32_t kTrainBytes = 1024;  // a packet, on average

}  // namespace

LcoreRunner::LcoreRunner(uint16_t index, unsigned cpu, const HostOptions& options, PacketPool& pool,
                         Quiescence& quiescence, HandoffMesh& mesh, HandoffMesh& fragment_mesh,
                         Fdb& fdb, NeighbourTable& neighbours, ClaimTable& claims,
                         StrangerTable& strangers, MembershipQueries& queries,
                         RateLimits& rate_limits, FlowShares& shares, const wire::HashSeed& seed)
    : index_(index),
      cpu_(cpu),
      mode_(options.mode),
      quiescence_(quiescence),
      mesh_(mesh),
      fragment_mesh_(fragment_mesh),
      fdb_(fdb),
      neighbours_(neighbours),
      claims_(claims),
      strangers_(strangers),
      queries_(queries),
      rate_limits_(rate_limits),
      lcore_(index, pool),
      flows_(options.flow_capacity, seed),
      admission_(flows_, shares.accounts, shares.rates),
      routes_(seed),
      fragments_(FragmentLimits{}, seed),
      shortcut_(options.shortcut),
      wake_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)),
      wake_set_(epoll_create1(EPOLL_CLOEXEC)) {
  watch(wake_.get(), kNoPort, NicSerial{});
  shares.accounts.push_back(&flows_.accounts());
  mesh_.set_waker(index, this);
  fragment_mesh_.set_waker(index, this);
}

LcoreRunner::~LcoreRunner() {
  stop();
  mesh_.set_waker(index_, nullptr);
  fragment_mesh_.set_waker(index_, nullptr);
  while (auto* datagram = fragments_.oldest()) {
    fragments_.release(*datagram,
                       [this](void* handle) { lcore_.drop(*static_cast<Packet*>(handle)); });
    fragments_.erase(*datagram);
  }
}

StatusOr<std::unique_ptr<LcoreView>> LcoreRunner::build_view(
    std::shared_ptr<const Snapshot> snapshot, const std::optional<std::vector<PortId>>& ports) {
  auto view = std::make_unique<LcoreView>();
  if (!wake_set_ || !wake_) return exhausted("lcore: no file descriptor left");
  view->plan = ports ? make_plan(*snapshot, *ports) : view_.load(std::memory_order_relaxed)->plan;
  stages_.make_room_for(snapshot->ports);
  view->graph = std::make_unique<HostGraph>(
      GraphInputs{*snapshot, lcore_, flows_, admission_, routes_, fdb_, storms_, neighbours_,
                  claims_, strangers_, queries_, fragments_, mesh_, fragment_mesh_, rate_limits_,
                  mtu_answers_, rejects_, stages_, shortcut_});
  view->snapshot = std::move(snapshot);
  return view;
}

std::shared_ptr<PollPlan> LcoreRunner::make_plan(const Snapshot& snapshot,
                                                 const std::vector<PortId>& ports) {
  auto plan = std::make_shared<PollPlan>();
  plan->reserve(ports.size());
  for (const PortId id : ports) {
    Port* port = snapshot.ports[id.value];
    const Nic* nic = snapshot.nics->find(id);
    const int wake_fd = port->wake_fd_for(index_);
    plan->add(
        {port, id, nic ? nic->vni : Vni{0}, nic ? nic->segment : uint16_t{0}, id == kUplinkPort},
        wake_fd >= 0);
    if (wake_fd >= 0) watch(wake_fd, id, nic ? nic->serial : NicSerial{});
  }
  return plan;
}

void LcoreRunner::watch(int fd, PortId port, NicSerial life) {
  if (port != kNoPort && watched_[port.value] == life && life != NicSerial{}) return;
  if (port != kNoPort) watched_[port.value] = life;
  epoll_event event{};
  event.events = EPOLLIN;
  event.data.u32 = port.value;
  epoll_ctl(wake_set_.get(), EPOLL_CTL_ADD, fd, &event);  // fails harmlessly when already there
}

void LcoreRunner::unwatch(PortId port, int wake_fd) {
  watched_[port.value] = NicSerial{};
  if (wake_fd >= 0) epoll_ctl(wake_set_.get(), EPOLL_CTL_DEL, wake_fd, nullptr);
}

void LcoreRunner::publish(LcoreView* view) {
  // Before the look at `sleeping_`, as sleep() looks at the view after it has set that.
  view_.store(view, std::memory_order_seq_cst);
  wake_if_sleeping();
}

void LcoreRunner::post(LcoreJob& job) {
  // Before the look at `sleeping_`, as for a view.
  mailbox_.post(job);
  wake_if_sleeping();
}

void LcoreRunner::start() {
  thread_ = std::thread([this] { run(); });
}

void LcoreRunner::stop() {
  stopping_.store(true, std::memory_order_release);
  wake();
  if (thread_.joinable()) thread_.join();
}

void LcoreRunner::pin() const {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu_, &set);
  // A CPU that is not ours (a container's limit) leaves the thread unpinned: slower, not wrong.
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  const std::string name = "lcore-" + std::to_string(index_);
  pthread_setname_np(pthread_self(), name.c_str());
  prctl(PR_SET_TIMERSLACK, 1UL);  // naps are shorter than what the kernel adds of itself
}

void LcoreRunner::run() {
  pin();
  rte_thread_register();  // gives this thread a cache of packet buffers; without it: slower only
  quiescence_.join(index_);
  quiescence_.enter(index_);
  TimeMs now = monotonic_ms();
  for (uint32_t rounds = 1; !stopping_.load(std::memory_order_acquire); ++rounds) {
    const bool is_measured = rounds % kRoundsAClock == 0;
    const uint64_t begin = is_measured ? rte_rdtsc() : 0;
    const bool moved = round(now, Poll::busy);
    if (moved && is_measured) busy_cycles_.add((rte_rdtsc() - begin) * kRoundsAClock);
    if (moved) idle_since_ = 0;
    const bool has_rested = !moved && mode_ == IdleMode::adaptive && rest();
    if (has_rested || is_measured) now = monotonic_ms();
    quiescence_.pass(index_);
  }
  quiescence_.leave(index_);
  quiescence_.part(index_);
  rte_thread_unregister();
}

void LcoreRunner::adopt(const Snapshot& snapshot) {
  adopted_ = snapshot.generation;
  flows_.set_timeouts(snapshot.firewall);
  fdb_.set_limits(Fdb::Limits::of(snapshot.switching));
  storms_.set_limits(snapshot.switching);
  admission_.set_limits(snapshot.firewall, snapshot.nic_count);
  fragments_.set_share(snapshot.firewall[Knob::nic_fragments]);
}

bool LcoreRunner::round(TimeMs now, Poll ports) {
  LcoreView& view = *view_.load(std::memory_order_acquire);
  if (view.snapshot->generation != adopted_) adopt(*view.snapshot);
  lcore_.set_now(now);
  lcore_.set_tracing(lcore_.trace().is_armed());
  lcore_.set_logging(lcore_.events().begin_round());
  if (lcore_.capture().begin_round()) lcore_.watch_drops();
  bool moved = poll_ports(view, ports);
  moved = take_over(mesh_, view.graph->from_lcore(), lcore_) != 0 || moved;
  moved = take_over(fragment_mesh_, view.graph->from_lcore_fragments(), lcore_) != 0 || moved;
  work_off(view);
  tick(view);
  rounds_.add(1);
  if (moved) busy_rounds_.add(1);
  return serve() || moved;
}

void LcoreRunner::work_off(LcoreView& view) {
  view.graph->run(lcore_);
  gathered_ = 0;
  gathered_bytes_ = 0;
}

bool LcoreRunner::poll_ports(LcoreView& view, Poll ports) {
  const auto look = [&](const PolledPort& port) { return receive(view, port); };
  switch (ports) {
    case Poll::all:
      return view.plan->look_at_all(look) != 0;
    case Poll::busy:
      return view.plan->look_at_busy(look,
                                     [this](PortId port) { return lcore_.take_charge(port); }) != 0;
    case Poll::armed:
      return view.plan->look_at_armed(look) != 0;
  }
  return false;
}

uint32_t LcoreRunner::receive(LcoreView& view, const PolledPort& port) {
  Received burst = receive_burst(view, port);
  uint32_t packets = burst.packets;
  for (uint32_t left = port.is_uplink ? kTrainBursts - 1 : 0; left != 0; --left) {
    if (burst.packets < kBurst || burst.bytes < kTrainBytes * kBurst) break;
    burst = receive_burst(view, port);
    packets += burst.packets;
  }
  return packets;
}

LcoreRunner::Received LcoreRunner::receive_burst(LcoreView& view, const PolledPort& port) {
  std::array<Packet*, kBurst> burst;
  const uint16_t count = port.port->receive(index_, burst);
  if (count == 0) return {};
  uint64_t bytes = 0;
  for (uint16_t i = 0; i < count; ++i) {
    Packet& packet = *burst[i];
    packet.reset_facts(port.id, port.vni, port.segment);
    bytes += packet.length();
    if (lcore_.tracing()) lcore_.trace().begin(packet);
  }
  if (lcore_.capture().wants(port.id)) [[unlikely]] {
    for (const Packet* packet : std::span(burst).first(count)) {
      lcore_.capture().note_received(*packet);
    }
  }
  PortCounts& counts = lcore_.counters().port(port.id);
  counts.rx_packets.add(count);
  counts.rx_bytes.add(bytes);
  lcore_.counters().ledger().received.add(count);
  Node& entry = port.is_uplink ? view.graph->from_wire() : view.graph->from_guest();
  entry.append(std::span(burst.data(), count), lcore_);
  window_.note_received(count, bytes);
  gathered_bytes_ += bytes;
  gathered_ += count;
  if (gathered_ >= kMaxGathered || gathered_bytes_ >= kMaxGatheredBytes) work_off(view);
  return {count, bytes};
}

void LcoreRunner::tick(LcoreView& view) {
  const TimeMs now = lcore_.now();
  if (now != last_sweep_) {
    last_sweep_ = now;
    flows_.sweep(now, kSweepBuckets, &routes_);
    flow_count_.set(flows_.size());
    if (index_ == 0) fdb_.sweep(now, kSweepSlots);
    view.graph->expire_fragments(lcore_);
  }
  if (index_ != 0 || (last_tick_ != 0 && age_ms(now, last_tick_) < kTickMs)) return;
  last_tick_ = now;
  view.graph->ask_neighbours(lcore_);
  if (++ticks_ % kTicksAPort == 0) {
    view.graph->advertise(lcore_, PortId{static_cast<uint16_t>(ticks_ / kTicksAPort % kMaxPorts)});
  }
  announcer_.tick(*view.snapshot, *view.graph, lcore_);
  membership_.tick(*view.snapshot, queries_, *view.graph, lcore_);
  view.graph->run(lcore_);
}

bool LcoreRunner::rest() {
  const uint64_t now = monotonic_ns();
  if (idle_since_ == 0) idle_since_ = now;
  if (now - idle_since_ < window_.ns()) return false;
  idle_since_ = 0;
  LcoreView& view = *view_.load(std::memory_order_acquire);
  window_.take_nap() ? nap(view) : sleep(view);
  return true;
}

// Ports that were armed before may still wake us; no other is asked to.
void LcoreRunner::nap(LcoreView& view) {
  sleeping_.store(1, std::memory_order_seq_cst);
  if (nothing_came(view)) wait_for_wake(IdleWindow::kNapNs);
  sleeping_.store(0, std::memory_order_relaxed);
}

void LcoreRunner::sleep(LcoreView& view) {
  const uint64_t longest = view.plan->has_unwakeable() ? kUnwakeableNs : kSleepNs;
  bool may_sleep = view.plan->arm(index_);
  sleeping_.store(1, std::memory_order_seq_cst);
  may_sleep = may_sleep && nothing_came(view) && !round(monotonic_ms(), Poll::armed);
  const uint64_t begin = monotonic_ns();
  if (may_sleep) {
    wait_for_wake(longest);
    window_.note_sleep(monotonic_ns() - begin);
  }
  sleeping_.store(0, std::memory_order_relaxed);
}

// Whoever hands over a packet, publishes a view or posts a job after `sleeping_` was set sees it
// and wakes us; what came before that, we see here.
bool LcoreRunner::nothing_came(const LcoreView& view) const {
  return !mesh_.has_packets_for(index_) && !fragment_mesh_.has_packets_for(index_) &&
         !mailbox_.has_job() && view_.load(std::memory_order_seq_cst) == &view &&
         !stopping_.load(std::memory_order_seq_cst);
}

void LcoreRunner::wait_for_wake(uint64_t nanoseconds) {
  std::array<epoll_event, kBurst> events;
  quiescence_.leave(index_);
  const timespec longest{static_cast<time_t>(nanoseconds / 1'000'000'000),
                         static_cast<long>(nanoseconds % 1'000'000'000)};
  int woken =
      epoll_pwait2(wake_set_.get(), events.data(), static_cast<int>(events.size()), &longest,
                   nullptr);           // the view may be destroyed meanwhile
  if (woken < 0 && errno == ENOSYS) {  // Linux before 5.11: naps take a millisecond
    woken = epoll_wait(wake_set_.get(), events.data(), static_cast<int>(events.size()),
                       static_cast<int>(std::max<uint64_t>(1, nanoseconds / 1'000'000)));
  }
  quiescence_.enter(index_);
  LcoreView& view = *view_.load(std::memory_order_acquire);
  for (int i = 0; i < woken; ++i) {
    const PortId port{static_cast<uint16_t>(events[static_cast<size_t>(i)].data.u32)};
    view.plan->wake(port);
    if (port != kNoPort) continue;
    uint64_t count;
    [[maybe_unused]] const auto drained = ::read(wake_.get(), &count, sizeof count);
  }
}

void LcoreRunner::wake_if_sleeping() noexcept {
  // What our caller has written for it is ordered before this look: packets by its
  // read-modify-write, a view by its store.
  if (sleeping_.load(std::memory_order_seq_cst) != 0) wake();
}

void LcoreRunner::wake() noexcept {
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(wake_.get(), &one, sizeof one);
}

LcoreReport LcoreRunner::report() const {
  LcoreReport report;
  report.index = index_;
  report.cpu = cpu_;
  report.sleeping = sleeping_.load(std::memory_order_relaxed) != 0;
  report.rounds = rounds_.read();
  report.busy_rounds = busy_rounds_.read();
  report.flows = flow_count_.read();
  report.flow_capacity = flows_.capacity();
  report.flows_evicted = admission_.evicted();
  return report;
}

}  // namespace butterfly

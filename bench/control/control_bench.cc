// SPDX-License-Identifier: Apache-2.0
// How fast a change of intent reaches the lcore with a thousand nics, and what packets notice of a
// thousand changes a second. bench/README.md says how to read it.
#include <sys/resource.h>

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <thread>

#include "bench/control/control_world.h"
#include "bench/ping_pong.h"

namespace butterfly::bench {
namespace {

using Clock = std::chrono::steady_clock;
using Microseconds = std::chrono::duration<double, std::micro>;

constexpr size_t kNics = 1000;
constexpr uint32_t kFlows = 100'000;
constexpr unsigned kLcoreCpu = 0;
constexpr int kControlCpu = 1;
constexpr int kChangesASecond = 1000;
constexpr int kWindows = 20;
constexpr auto kWindow = std::chrono::milliseconds(500);

void require(const Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "bench: %s\n", std::string(status.message()).c_str());
  std::exit(1);
}

double percentile(std::vector<double> values, unsigned percent) {
  std::ranges::sort(values);
  return values[std::min(values.size() - 1, values.size() * percent / 100)];
}

// One kind of change: turn number `turn` makes it, the next one takes it back.
struct Kind {
  const char* name;
  std::function<void(Intent&, size_t turn)> make;
};

RuleIntent some_rule(size_t number) {
  RuleIntent rule;
  rule.protocol = uint8_t{6};
  rule.first_port = rule.last_port = static_cast<uint16_t>(1000 + number % 60'000);
  return rule;
}

void toggle_rule(Intent& intent, const std::string& group, size_t turn) {
  const RuleIntent rule = some_rule(turn / 2);
  auto& rules = intent.groups[group].rules;
  if (rules.erase(rule_id(rule)) == 0) rules.set(rule_id(rule), rule);
}

void toggle_member(Intent& intent, size_t turn) {
  const IpAddress member = Ipv4::from_u32(static_cast<uint32_t>(0x0a800000 + turn / 2));
  auto& members = intent.groups[idle_group(turn / 2 % kNics)].members;
  if (members.erase(member) == 0) members.insert(member);
}

void toggle_mac(Intent& intent, size_t turn) {
  const size_t number = turn / 2;
  const FdbIntent entry{idle_vni(number % kNics), Mac::from_u64(0x525600000000 + number),
                        peer_address(static_cast<uint32_t>(number % kPeers))};
  const std::pair key(entry.vni, entry.mac);
  if (intent.fdb.erase(key) == 0) intent.fdb.set(key, entry);
}

void toggle_nic(Intent& intent, size_t) {
  NicIntent nic;
  nic.id = "one-more";
  nic.mac = Mac::from_u64(0x525700000000);
  nic.vni = idle_vni(0);
  nic.groups = {idle_group(0)};
  if (intent.nics.erase(nic.id) == 0) intent.nics.set(nic.id, nic);
}

const std::array kKinds{
    Kind{"a rule of ten nics",
         [](Intent& i, size_t turn) { toggle_rule(i, idle_group(turn / 2 % kNics), turn); }},
    Kind{"a rule of all nics", [](Intent& i, size_t turn) { toggle_rule(i, "everybody", turn); }},
    Kind{"a member of a group", toggle_member},
    Kind{"a MAC behind a peer", toggle_mac},
    Kind{"a nic, on and off", toggle_nic},
};

void print_latency(Host& host, const char* load) {
  std::printf("\nMicroseconds until a change is in force, %zu nics, %s\n", kNics, load);
  std::printf("  %-24s%10s%10s%10s\n", "", "p50", "p99", "worst");
  for (const Kind& kind : kKinds) {
    Intent intent = *host.intent();
    std::vector<double> taken;
    for (size_t turn = 0; turn < 1000; ++turn) {
      kind.make(intent, turn);
      const auto begin = Clock::now();
      require(host.apply(intent));
      taken.push_back(Microseconds(Clock::now() - begin).count());
    }
    std::printf("  %-24s%10.0f%10.0f%10.0f\n", kind.name, percentile(taken, 50),
                percentile(taken, 99), percentile(taken, 100));
  }
}

// Changes as fast as they go.
void print_most(Host& host) {
  Intent intent = *host.intent();
  const auto begin = Clock::now();
  size_t turn = 0;
  while (Clock::now() - begin < std::chrono::seconds(2)) {
    kKinds[0].make(intent, turn++);
    require(host.apply(intent));
  }
  std::printf("\nMost changes a second, of a rule of ten nics, one after the other: %.0f\n",
              static_cast<double>(turn) * 1e6 / Microseconds(Clock::now() - begin).count());
}

// What the control thread does in a window of time.
struct Work {
  bool changes = false;  // a thousand a second
  bool is_busy = false;  // as often, works as long as a change took, and changes nothing
  bool sleeps = false;   // in between; else it looks at the clock
};

class Churn {
 public:
  explicit Churn(ControlWorld& world) : world_(world) {}

  void run() {
    for (int window = 0; window < kWindows; ++window) {
      near_ += nanoseconds_across(kLcoreCpu, kControlCpu) < kNearNanoseconds;
      const double awake = rate({});
      awake_.push_back(awake);
      changes_awake_.push_back(rate({.changes = true}) / awake);
      const double asleep = rate({.sleeps = true});
      asleep_.push_back(asleep);
      changes_asleep_.push_back(rate({.changes = true, .sleeps = true}) / asleep);
      busy_asleep_.push_back(rate({.is_busy = true, .sleeps = true}) / asleep);
    }
  }
  void print() const {
    std::printf("\n%u flows at full load, %zu nics, %.0f changes a second in other tenants\n",
                kFlows, kNics, static_cast<double>(changes_) / seconds_);
    std::printf("  %d windows of each, %d of them with the CPUs near\n", kWindows, near_);
    print("control thread always awake", awake_, changes_awake_);
    print("control thread asleep in between", asleep_, changes_asleep_);
    print("the same, at work that changes nothing", asleep_, busy_asleep_);
  }

 private:
  static void print(const char* what, const std::vector<double>& quiet,
                    const std::vector<double>& ratios) {
    std::printf("  %-42squiet %5.2f M/s, with it / quiet %.3f (%.3f to %.3f)\n", what,
                percentile(quiet, 50) / 1e6, percentile(ratios, 50), percentile(ratios, 25),
                percentile(ratios, 75));
  }

  // Packets a second in a window.
  double rate(const Work& work) {
    Intent intent = *world_.host().intent();
    const uint64_t before = world_.load().arrived.load();
    const auto begin = Clock::now();
    const auto end = begin + kWindow;
    for (int i = 1; Clock::now() < end; ++i) {
      if (work.changes) change(intent);
      if (work.is_busy) wait_until(Clock::now() + last_change_, /*sleeps=*/false);
      wait_until(begin + std::chrono::microseconds(1'000'000) * i / kChangesASecond, work.sleeps);
    }
    const uint64_t packets = world_.load().arrived.load() - before;
    const double taken = Microseconds(Clock::now() - begin).count() / 1e6;
    if (work.changes) seconds_ += taken;
    return static_cast<double>(packets) / taken;
  }
  static void wait_until(Clock::time_point end, bool sleeps) {
    if (sleeps) std::this_thread::sleep_until(end);
    while (Clock::now() < end) {
    }
  }
  // Rules, members and MACs of other tenants in turn; each is made and taken back.
  void change(Intent& intent) {
    constexpr std::array<size_t, 3> kMix{0, 2, 3};
    const auto begin = Clock::now();
    kKinds[kMix[changes_ / 2 % kMix.size()]].make(intent, changes_);
    require(world_.host().apply(intent));
    last_change_ = Clock::now() - begin;
    ++changes_;
  }

  ControlWorld& world_;
  size_t changes_ = 0;
  double seconds_ = 0;  // in which they were made
  Clock::duration last_change_{};
  int near_ = 0;
  std::vector<double> awake_, changes_awake_;  // packets a second; ratios of the same turn
  std::vector<double> asleep_, changes_asleep_, busy_asleep_;
};

void print_from_nothing() {
  std::printf("\nMilliseconds for %zu nics from nothing, one change: ", kNics);
  const Intent intent = crowded_intent(kNics);
  for (int i = 0; i < 5; ++i) {
    ControlWorld world(1, kLcoreCpu, IdleMode::poll);
    const auto begin = Clock::now();
    require(world.host().apply(intent));
    std::printf(" %.1f", Microseconds(Clock::now() - begin).count() / 1e3);
  }
  std::printf("\n");
}

int measure() {
  // A descriptor for each nic.
  const rlimit files{4096, 4096};
  setrlimit(RLIMIT_NOFILE, &files);
  pin_to(kControlCpu);
  print_from_nothing();
  {
    ControlWorld world(kFlows, kLcoreCpu, IdleMode::adaptive);
    require(world.host().apply(crowded_intent(kNics)));
    print_latency(world.host(), "the lcore asleep");
  }
  ControlWorld world(kFlows, kLcoreCpu, IdleMode::poll);
  require(world.host().apply(crowded_intent(kNics)));
  world.open_connections();
  print_latency(world.host(), "the lcore at full load");
  print_most(world.host());
  Churn churn(world);
  churn.run();
  churn.print();
  const uint64_t sent = world.load().sent.load();
  const uint64_t lost = world.stop();
  std::printf("  packets lost since the first connection: %llu of %.0f M\n",
              static_cast<unsigned long long>(lost), static_cast<double>(sent) / 1e6);
  return 0;
}

}  // namespace
}  // namespace butterfly::bench

int main() { return butterfly::bench::measure(); }

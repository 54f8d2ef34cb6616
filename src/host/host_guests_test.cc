// SPDX-License-Identifier: Apache-2.0
// A host with two lcores and guests at vhost-user sockets, scripted, by the hundred: they come,
// speak, die and go, and everything that was theirs is back afterwards.
#include <gtest/gtest.h>
#include <rte_malloc.h>
#include <sys/resource.h>

#include <array>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "host/host_test_support.h"
#include "ports/vhost_user.h"
#include "support/await.h"
#include "support/vhost_guest.h"

namespace butterfly {
namespace {

using test::await;
using test::VhostGuest;

// As the daemon does at its start: a nic and its guest hold some twenty descriptors here.
void allow_many_descriptors() {
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

class VhostPorts : public PortFactory {
 public:
  explicit VhostPorts(std::string directory) : directory_(std::move(directory)) {}
  void attach(Quiescence& quiescence) override { quiescence_ = &quiescence; }
  StatusOr<std::unique_ptr<Port>> make(const NicIntent& nic, PortId,
                                       const std::vector<uint16_t>& lcores) override {
    VhostOptions options;
    options.path = socket_path(nic);
    options.polling_lcores = lcores;
    options.lcores = 2;
    auto port = VhostUserPort::create(options, test::pool(), test::large_pool(), *quiescence_);
    if (!port.ok()) return port.status();
    return std::unique_ptr<Port>(std::move(*port));
  }
  std::string socket_path(const NicIntent& nic) const override {
    return directory_ + "/" + nic.id + ".sock";
  }

 private:
  std::string directory_;
  Quiescence* quiescence_ = nullptr;
};

// What a process holds that guests could leave behind.
struct Held {
  size_t descriptors = 0;
  size_t guest_mappings = 0;
  size_t heap_bytes = 0;  // of DPDK
  uint32_t buffers = 0;
  uint32_t large_buffers = 0;

  static Held now() {
    Held held;
    held.descriptors = static_cast<size_t>(
        std::distance(std::filesystem::directory_iterator("/proc/self/fd"), {}));
    std::ifstream maps("/proc/self/maps");
    for (std::string line; std::getline(maps, line);) {
      if (line.find("memfd:guest") != std::string::npos) ++held.guest_mappings;
    }
    rte_malloc_socket_stats heap{};
    rte_malloc_get_socket_stats(0, &heap);
    held.heap_bytes = heap.heap_allocsz_bytes;
    held.buffers = test::pool().in_use();
    held.large_buffers = test::large_pool().in_use();
    return held;
  }
  bool operator==(const Held&) const = default;
  friend std::ostream& operator<<(std::ostream& out, const Held& held) {
    return out << held.descriptors << " descriptors, " << held.guest_mappings << " mappings, "
               << held.heap_bytes << " bytes of DPDK's heap, " << held.buffers << " and "
               << held.large_buffers << " buffers";
  }
};

class HostGuestsTest : public ::testing::Test {
 protected:
  // Whom a packet is from and to; guest 0 is 10.1.0.0 with MAC 52:54:00:01:00:00.
  struct Way {
    uint16_t from;
    uint16_t to;
  };
  static constexpr VhostGuest::Options kOptions{.receive_buffers = 64};

  HostGuestsTest() : directory_(::testing::TempDir() + "guests-" + std::to_string(getpid())) {
    allow_many_descriptors();
    std::filesystem::create_directories(directory_);
    ports_ = std::make_unique<VhostPorts>(directory_);
    HostOptions options;
    options.cpus = {0, 1};
    options.flow_capacity = 4096;
    host_ = std::move(*Host::create(std::move(options), test::pool(), *ports_));
    intent_.groups.set("open", test::open_group());
    EXPECT_TRUE(host_->apply(intent_).ok());
  }
  ~HostGuestsTest() override {
    host_.reset();
    std::filesystem::remove_all(directory_);
  }

  static std::string id_of(uint16_t number) { return "g" + std::to_string(number); }
  static std::string mac_of(uint16_t number) {
    std::array<char, 18> text;
    std::snprintf(text.data(), text.size(), "52:54:00:01:%02x:%02x", number >> 8, number & 0xff);
    return text.data();
  }
  static std::string address_of(uint16_t number) {
    return "10.1." + std::to_string(number >> 8) + "." + std::to_string(number & 0xff);
  }
  static std::string headers(Way way) {
    return "eth(src=" + mac_of(way.from) + ", dst=" + mac_of(way.to) +
           ")/ipv4(src=" + address_of(way.from) + ", dst=" + address_of(way.to) + ")/";
  }
  static std::vector<uint8_t> ping(Way way, bool is_answer) {
    return test::bytes_of(headers(way) + "icmp(type=" + (is_answer ? "0" : "8") +
                          ", id=" + std::to_string(is_answer ? way.to : way.from) +
                          ", seq=1)/payload(len=56)");
  }
  static std::vector<uint8_t> datagram(Way way) {
    return test::bytes_of(headers(way) + "udp(sport=4000, dport=4000)/payload(len=400)");
  }

  void add_to_intent(uint16_t number) {
    NicIntent nic = test::nic_intent(id_of(number), mac_of(number).c_str(),
                                     address_of(number).c_str(), {"open"});
    nic.type = NicType::vhost_user;
    intent_.nics[nic.id] = nic;
  }
  void apply() {
    const Status status = host_->apply(intent_);
    ASSERT_TRUE(status.ok()) << status;
  }
  std::unique_ptr<VhostGuest> make_guest(uint16_t number) const {
    return std::make_unique<VhostGuest>(directory_ + "/" + id_of(number) + ".sock", kOptions);
  }
  NicReport report_of(uint16_t number) const {
    for (NicReport& report : host_->nic_reports()) {
      if (report.id == id_of(number)) return report;
    }
    return {};
  }
  bool are_connected(size_t count) const {
    const auto reports = host_->nic_reports();
    return std::ranges::count_if(reports, &NicReport::connected) == static_cast<ptrdiff_t>(count);
  }
  // When nothing is on its way any more.
  void await_quiet() {
    EXPECT_TRUE(await([&] { return test::ledger_closes(host_->counters().ledger); }));
  }

  const std::string directory_;
  std::unique_ptr<VhostPorts> ports_;
  std::unique_ptr<Host> host_;
  Intent intent_;
};

// Waits for one frame and says whether it is the one.
bool gets(VhostGuest& guest, const std::vector<uint8_t>& frame) {
  std::vector<VhostGuest::Received> received;
  return await([&] { return !(received = guest.receive()).empty(); }) && received.size() == 1 &&
         received[0].frame == frame;
}

TEST_F(HostGuestsTest, TwoHundredGuestsComeAndPingTheirNeighboursAndGo) {
  constexpr uint16_t kGuests = 200;
  Held before;
  for (int turn = 0; turn < 2; ++turn) {
    // What the first turn leaves is made once: registries, threads, tables.
    if (turn == 1) before = Held::now();
    std::vector<std::unique_ptr<VhostGuest>> guests;
    for (uint16_t number = 0; number < kGuests; ++number) {
      guests.push_back(make_guest(number));
      add_to_intent(number);
    }
    apply();
    for (const auto& guest : guests) guest->connect();
    ASSERT_TRUE(await([&] { return are_connected(kGuests); }));
    for (const bool is_answer : {false, true}) {
      const auto way = [is_answer](uint16_t number) {
        const auto next = static_cast<uint16_t>((number + 1) % kGuests);
        return is_answer ? Way{next, number} : Way{number, next};
      };
      for (uint16_t number = 0; number < kGuests; ++number) {
        VhostGuest& sender = *guests[way(number).from];
        sender.send({}, ping(way(number), is_answer));
        sender.kick();
      }
      for (uint16_t number = 0; number < kGuests; ++number) {
        ASSERT_TRUE(gets(*guests[way(number).to], ping(way(number), is_answer)))
            << way(number).from << " to " << way(number).to << ", turn " << turn;
      }
    }
    await_quiet();
    EXPECT_GE(host_->nic_reports().size(), kGuests);
    intent_.nics.clear();
    apply();
  }
  EXPECT_EQ(Held::now(), before);
  EXPECT_EQ(host_->nic_reports().size(), 0u);
}

TEST_F(HostGuestsTest, ANicAddedAndRemovedAThousandTimesLeavesNothing) {
  constexpr int kTurns = 1000;
  auto neighbour = make_guest(0);
  auto guest = make_guest(1);
  add_to_intent(0);
  apply();
  neighbour->connect();
  ASSERT_TRUE(await([&] { return are_connected(1); }));
  Held before;
  for (int turn = 0; turn < kTurns; ++turn) {
    if (turn == 1) before = Held::now();
    add_to_intent(1);
    apply();
    guest->connect();
    ASSERT_TRUE(await([&] { return are_connected(2); })) << turn;
    guest->send({}, datagram({1, 0}));
    guest->kick();
    ASSERT_TRUE(gets(*neighbour, datagram({1, 0}))) << turn;
    intent_.nics.erase(id_of(1));
    apply();
    guest->disconnect();
  }
  EXPECT_EQ(Held::now(), before);
  const HostReport report = host_->report();
  EXPECT_EQ(report.fdb_entries, 0u);
  // Of each life of the nic its connection, until its time is over: no more than one each.
  uint64_t flows = 0;
  for (const LcoreReport& lcore : report.lcores) flows += lcore.flows;
  EXPECT_LE(flows, uint64_t{kTurns});
  const auto still = host_->nic_reports();
  ASSERT_EQ(still.size(), 1u);
  EXPECT_EQ(still[0].flows, 0u) << "none counts for a nic that stays";
}

// By its kick a guest wakes the lcore that polls it now, and no other.
TEST_F(HostGuestsTest, AGuestIsHeardWhereverItsNicHasMoved) {
  const auto sender = make_guest(0);
  const auto receiver = make_guest(1);
  for (const uint16_t number : {uint16_t{0}, uint16_t{1}}) add_to_intent(number);
  apply();
  sender->connect();
  receiver->connect();
  ASSERT_TRUE(await([&] { return are_connected(2); }));
  const auto both_sleep = [&] {
    return await([&] {
      const auto lcores = host_->report().lcores;
      return lcores[0].sleeping && lcores[1].sleeping;
    });
  };
  for (uint16_t turn = 0; turn < 20; ++turn) {
    for (const uint16_t number : {uint16_t{0}, uint16_t{1}}) {
      const auto lcore = static_cast<uint16_t>((turn + number) % 2);
      ASSERT_EQ(host_->move_nic(id_of(number), lcore), ok_status());
      EXPECT_EQ(report_of(number).lcore, lcore);
    }
    // With a kick only if it is asked for, as a driver does.
    ASSERT_TRUE(turn % 2 == 1 || both_sleep());
    sender->send({}, datagram({0, 1}));
    if (sender->is_to_kick()) sender->kick();
    ASSERT_TRUE(gets(*receiver, datagram({0, 1}))) << turn;
    // Nobody is kept awake by what woke it before.
    ASSERT_TRUE(both_sleep()) << turn;
  }
}

TEST_F(HostGuestsTest, NoFrameIsLostOrOvertakenWhenANicMovesUnderTraffic) {
  constexpr uint32_t kFrames = 20'000;
  const auto sender = make_guest(0);
  const auto receiver = make_guest(1);
  for (const uint16_t number : {uint16_t{0}, uint16_t{1}}) add_to_intent(number);
  apply();
  sender->connect();
  receiver->connect();
  ASSERT_TRUE(await([&] { return are_connected(2); }));
  std::atomic<bool> is_over{false};
  std::atomic<uint32_t> moves{0};
  std::thread mover([&] {
    for (uint16_t turn = 0; !is_over; ++turn, ++moves) {
      EXPECT_EQ(host_->move_nic(id_of(0), static_cast<uint16_t>(turn % 2)), ok_status());
    }
  });
  std::vector<uint8_t> frame = datagram({0, 1});
  uint32_t sent = 0;
  uint32_t next = 0;
  bool is_in_order = true;
  const auto take = [&] {
    for (const auto& one : receiver->receive()) {
      uint32_t number = 0;
      std::memcpy(&number, one.frame.data() + one.frame.size() - sizeof number, sizeof number);
      is_in_order = is_in_order && number == next++;
    }
  };
  // No more on their way than the receiver has buffers.
  bool is_stuck = false;
  while (is_in_order && !is_stuck && (next < kFrames || moves < 50)) {
    is_stuck = !await([&] {
      take();
      return sent - next < 32;
    });
    std::memcpy(frame.data() + frame.size() - sizeof sent, &sent, sizeof sent);
    ++sent;
    sender->send({}, frame);
    if (sender->is_to_kick()) sender->kick();
  }
  is_over = true;
  mover.join();
  EXPECT_FALSE(is_stuck) << sent << " " << next;
  EXPECT_TRUE(is_in_order) << next;
  EXPECT_TRUE(await([&] {
    take();
    return next == sent;
  }));
  EXPECT_EQ(report_of(1).tx_refused, 0u);
}

// Guest 0 sends to 1 and 2 all the time, on a thread of its own that also reads what comes for 2.
class TrafficTest : public HostGuestsTest {
 protected:
  ~TrafficTest() override {
    is_over_ = true;
    if (traffic_.joinable()) traffic_.join();
  }
  void start() {
    for (uint16_t number = 0; number < 3; ++number) {
      guests_.push_back(make_guest(number));
      add_to_intent(number);
    }
    apply();
    for (const auto& guest : guests_) guest->connect();
    ASSERT_TRUE(await([&] { return are_connected(3); }));
    traffic_ = std::thread([this] {
      const auto to_victim = datagram({0, 1});
      const auto to_bystander = datagram({0, 2});
      while (!is_over_) {
        for (int i = 0; i < 16 && guests_[0]->waiting() < 100; ++i) {
          guests_[0]->send({}, to_victim);
          guests_[0]->send({}, to_bystander);
        }
        if (guests_[0]->is_to_kick()) guests_[0]->kick();
        arrived_ += guests_[2]->receive().size();
        std::this_thread::sleep_for(std::chrono::microseconds(100));
      }
    });
  }
  void stop() {
    is_over_ = true;
    traffic_.join();
    EXPECT_TRUE(await([&] {
      if (guests_[0]->is_to_kick()) guests_[0]->kick();
      guests_[2]->receive();
      return guests_[0]->waiting() == 0;
    }));
    await_quiet();
  }
  // The bystander gets on.
  bool goes_on() {
    const uint64_t before = arrived_;
    return await([&] { return arrived_ >= before + 200; });
  }
  bool victim_is(bool connected) {
    return await([&] { return report_of(1).connected == connected; });
  }

  std::vector<std::unique_ptr<VhostGuest>> guests_;
  std::atomic<uint64_t> arrived_{0};
  std::atomic<bool> is_over_{false};
  std::thread traffic_;
};

TEST_F(TrafficTest, AGuestStalledKilledAndRestartedTwentyTimesCostsNoBuffersAndNobodyElse) {
  const Held before = Held::now();
  start();
  VhostGuest& victim = *guests_[1];
  for (int turn = 0; turn < 20; ++turn) {
    ASSERT_TRUE(await([&] { return !victim.receive().empty(); })) << turn;
    // Stalled: it takes nothing any more, and its ring of 64 is full at once.
    const uint64_t refused = report_of(1).tx_refused;
    ASSERT_TRUE(await([&] { return report_of(1).tx_refused > refused + 200; })) << turn;
    ASSERT_TRUE(goes_on()) << turn;
    // Killed, with a full ring.
    victim.disconnect();
    ASSERT_TRUE(victim_is(false)) << turn;
    ASSERT_TRUE(goes_on()) << turn;
    victim.connect();
    ASSERT_TRUE(victim_is(true)) << turn;
  }
  stop();
  EXPECT_TRUE(await([&] {
    return test::pool().in_use() == before.buffers &&
           test::large_pool().in_use() == before.large_buffers;
  }));
  EXPECT_EQ(host_->counters().ledger.no_buffer, 0u);
}

// Not one of its packets waits in a buffer of ours: what its ring does not take is dropped.
TEST_F(TrafficTest, AStalledGuestHoldsNoPartOfThePool) {
  start();
  ASSERT_TRUE(await([&] { return report_of(1).tx_refused > 10'000; }));
  // What is on its way at one moment: less than an lcore gathers, a hundred times.
  for (int look = 0; look < 100; ++look) {
    EXPECT_LT(test::pool().in_use() + test::large_pool().in_use(), 1000u);
    std::this_thread::yield();
  }
  EXPECT_TRUE(goes_on());
  stop();
  EXPECT_TRUE(await([] { return test::pool().in_use() + test::large_pool().in_use() == 0; }));
}

}  // namespace
}  // namespace butterfly

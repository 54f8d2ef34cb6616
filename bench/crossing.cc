// SPDX-License-Identifier: Apache-2.0
#include "bench/crossing.h"

#include <immintrin.h>
#include <rte_lcore.h>

#include <algorithm>
#include <atomic>
#include <thread>

#include "bench/ping_pong.h"

namespace butterfly::bench {
namespace {

constexpr uint32_t kFlowCapacity = 262'144;
// So many packets of a run may find that a second has gone by or a window has moved.
constexpr uint64_t kMayWalk = 64;

// A flow's lot, so that which lane it has tells nothing about its owner (Steele, Lea and Flood
// 2014, splitmix64).
uint64_t lot_of(uint32_t flow) {
  uint64_t lot = flow + 0x9e3779b97f4a7c15;
  lot = (lot ^ lot >> 30) * 0xbf58476d1ce4e5b9;
  lot = (lot ^ lot >> 27) * 0x94d049bb133111eb;
  return lot ^ lot >> 31;
}

}  // namespace

TwoLcores::TwoLcores(const Form& form, uint32_t flows)
    : form_(form),
      flows_(flows),
      world_(wire::Family::v4, kFlowCapacity, kLcores, form.flows),
      overhead_(stretch_overhead()) {
  for (uint16_t lcore = 0; lcore < kLcores; ++lcore) {
    drivers_[lcore] = std::make_unique<Driver>(0x2545f4914f6cdd1d + lcore);
  }
  for (uint32_t flow = 0; flow < flows; ++flow) owners_.push_back(owner_of(flow) != 0);
  // Where each lcore has all flows, each sees all handshakes.
  const uint16_t times = form.flows == Flows::apart ? kLcores : 1;
  for (uint16_t lcore = 0; lcore < times; ++lcore) {
    for (uint32_t first = 0; first < flows; first += kBurst) {
      open_flows(lcore, lcore, first, std::min<uint32_t>(kBurst, flows - first));
    }
  }
  const uint64_t known = form.flows == Flows::handed_over
                             ? world_.flows(0) + world_.flows(1)
                             : std::min(world_.flows(0), world_.flows(1));
  if (known != flows) world_.fail("a connection could not be opened");
  for (uint16_t lcore = 0; lcore < kLcores; ++lcore) first_flows_[lcore] = world_.first_flow(lcore);
}

uint16_t TwoLcores::owner_of(uint32_t flow) {
  Packet& packet = world_.receive(Place::guest);
  drivers_[0]->traffic.write(packet, Place::guest, Step::syn, flow);
  wire::Parsed parsed;
  wire::parse_frame(packet.bytes(), packet.length(), packet.vni, parsed);
  world_.lcore().drop(packet);
  world_.lcore().flush_freed();
  const wire::FlowHasher& hasher = world_.flow_table(0).hasher();
  return butterfly::owner_of(hasher.hash_of(hasher.id_of(parsed.key, parsed.family)), kLcores);
}

void TwoLcores::open_flows(uint16_t guest_lcore, uint16_t wire_lcore, uint32_t first,
                           uint32_t count) {
  send(Place::guest, guest_lcore, Step::syn, first, count);
  send(Place::wire, wire_lcore, Step::syn_ack, first, count);
  send(Place::guest, guest_lcore, Step::ack, first, count);
  send(Place::wire, wire_lcore, Step::ack, first, count);
}

void TwoLcores::send(Place from, uint16_t lcore, Step step, uint32_t first, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    Packet& packet = world_.receive(from, lcore);
    drivers_[lcore]->traffic.write(packet, from, step, first + i);
    world_.entry(from, lcore).push(packet, world_.lcore(lcore));
  }
  if (settle() != count) world_.fail("a packet of a handshake was lost");
}

// Runs every lcore until nothing is on its way; returns how many packets came out.
size_t TwoLcores::settle() {
  size_t out = 0;
  for (int turn = 0; turn < 2; ++turn) {
    for (uint16_t lcore = 0; lcore < kLcores; ++lcore) {
      world_.take_over(lcore);
      world_.graph(lcore).run(world_.lcore(lcore));
      out += world_.let_go(lcore);
    }
  }
  return out;
}

uint16_t TwoLcores::lane(Place from, uint32_t flow) const {
  const Lane lane = from == Place::guest ? form_.guest : form_.wire;
  if (lane == Lane::owner) return owners_[flow];
  // One connection: its directions arrive on different lcores.
  if (flows_ == 1) {
    return form_.guest == Lane::owner ? !owners_[0] : static_cast<uint16_t>(from == Place::wire);
  }
  return lot_of(flow) >> (from == Place::guest ? 0 : 1) & 1;
}

bool TwoLcores::has_lane(Place from, uint16_t lcore) const {
  return flows_ > 1 || lane(from, 0) == lcore;
}

void TwoLcores::board(Place from, uint16_t lcore) {
  Driver& driver = *drivers_[lcore];
  const Flow* const other = form_.reads_across ? first_flows_[lcore ^ 1] : nullptr;
  std::array<Packet*, kBurst> burst;
  for (Packet*& packet : burst) {
    uint32_t flow = 0;
    do {
      flow = driver.random.below(flows_);
    } while (lane(from, flow) != lcore);
    packet = &world_.receive(from, lcore);
    driver.traffic.write(*packet, from, Step::data, flow);
    if (other) driver.across.push_back(other + flow);
  }
  world_.entry(from, lcore).append(burst, world_.lcore(lcore));
  driver.boarded += burst.size();
}

uint64_t TwoLcores::time_round(uint16_t lcore) {
  Driver& driver = *drivers_[lcore];
  const uint64_t start = begin_stretch();
  for (const Flow* flow : driver.across) __builtin_prefetch(flow);
  world_.take_over(lcore);
  world_.graph(lcore).run(world_.lcore(lcore));
  for (const Flow* flow : driver.across) driver.read += flow->tcp_track.end[0];
  return end_stretch() - start - overhead_;
}

// The lcores begin each round together, so that neither runs ahead until a ring is full.
void TwoLcores::drive(uint16_t lcore, int cpu, uint16_t lcores) {
  pin_to(cpu);
  Driver& driver = *drivers_[lcore];
  driver.cycles.clear();
  for (uint32_t i = 1; i <= kWarmUp + kRounds; ++i) {
    driver.across.clear();
    for (const Place from : {Place::guest, Place::wire}) {
      if (has_lane(from, lcore)) board(from, lcore);
    }
    driver.round.store(i, std::memory_order_release);
    for (uint16_t other = 0; other < lcores; ++other) {
      while (drivers_[other]->round.load(std::memory_order_acquire) < i) _mm_pause();
    }
    const uint64_t cycles = time_round(lcore);
    if (i > kWarmUp) driver.cycles.push_back(cycles);
    driver.alighted += world_.let_go(lcore);
  }
}

uint64_t TwoLcores::walked() { return world_.walked(0) + world_.walked(1); }

Crossing TwoLcores::run(const std::array<int, kLcores>& cpus, uint16_t lcores) {
  const uint64_t walked_before = walked();
  const uint64_t handed_before = world_.handed_over();
  for (auto& driver : drivers_) {
    driver->round = 0;
    driver->boarded = driver->alighted = 0;
  }
  std::thread second;
  if (lcores == kLcores) {
    second = std::thread([&] {
      rte_thread_register();  // for a cache of buffers
      drive(1, cpus[1], lcores);
      rte_thread_unregister();
    });
  }
  drive(0, cpus[0], lcores);
  if (second.joinable()) second.join();
  const uint64_t boarded = drivers_[0]->boarded + drivers_[1]->boarded;
  if (drivers_[0]->alighted + drivers_[1]->alighted + settle() != boarded) {
    world_.fail("a packet was lost");
  }
  if (walked() - walked_before > kMayWalk) world_.fail("packets walked");
  Crossing crossing;
  for (uint16_t lcore = 0; lcore < lcores; ++lcore) {
    std::vector<uint64_t>& cycles = drivers_[lcore]->cycles;
    std::ranges::nth_element(cycles, cycles.begin() + kRounds / 2);
    const double share = static_cast<double>(cycles[kRounds / 2]) * (kWarmUp + kRounds) /
                         static_cast<double>(boarded);
    crossing.work += share;
    crossing.pace = std::max(crossing.pace, share * lcores);
  }
  crossing.crossed =
      static_cast<double>(world_.handed_over() - handed_before) / static_cast<double>(boarded);
  return crossing;
}

}  // namespace butterfly::bench

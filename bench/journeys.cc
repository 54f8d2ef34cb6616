// SPDX-License-Identifier: Apache-2.0
#include "bench/journeys.h"

namespace butterfly::bench {
namespace {

// A millisecond is some 1,000 bursts of work long.
constexpr uint32_t kBurstsAMs = 1'000;

// What a host is dimensioned for, whatever it happens to carry.
constexpr uint32_t kFlowCapacity = 4'000'000;

}  // namespace

std::string Journey::name() const {
  std::string name = from == Place::guest ? "guest->wire" : "wire->guest";
  name += family == wire::Family::v4 ? " ipv4 " : " ipv6 ";
  name += opens_flows() ? "new" : std::to_string(flows);
  return rules == 0 ? name : name + " " + std::to_string(rules);
}

Ride::Ride(const Journey& journey)
    : journey_(journey),
      world_(journey.family, kFlowCapacity, 1, Flows::handed_over, journey.rules),
      traffic_(journey.family),
      random_(0x2545f4914f6cdd1d) {
  open_flows();
}

void Ride::open_flows() {
  for (uint32_t first = 0; first < journey_.flows; first += kBurst) {
    const uint32_t count = std::min<uint32_t>(kBurst, journey_.flows - first);
    send(Place::guest, Step::syn, first, count);
    send(Place::wire, Step::syn_ack, first, count);
    send(Place::guest, Step::ack, first, count);
    send(Place::wire, Step::ack, first, count);
  }
  if (world_.flows() != journey_.flows) world_.fail("a connection could not be opened");
}

void Ride::send(Place from, Step step, uint32_t first, uint32_t count) {
  for (uint32_t i = 0; i < count; ++i) {
    Packet& packet = world_.receive(from);
    traffic_.write(packet, from, step, first + i);
    world_.entry(from).push(packet, world_.lcore());
  }
  world_.graph().run(world_.lcore());
  if (world_.let_go(from) != count) world_.fail("a packet of a handshake was lost");
}

uint32_t Ride::next_flow() {
  return journey_.opens_flows() ? opened_++ : random_.below(journey_.flows);
}

void Ride::board() {
  std::array<Packet*, kBurst> burst;
  for (Packet*& packet : burst) {
    packet = &world_.receive(journey_.from);
    traffic_.write(*packet, journey_.from, journey_.opens_flows() ? Step::syn : Step::data,
                   next_flow());
  }
  world_.entry(journey_.from).append(burst, world_.lcore());
  if (++bursts_ % kBurstsAMs == 0) world_.lcore().set_now(world_.lcore().now() + 1);
}

void Ride::alight() {
  if (world_.let_go(journey_.from) != kBurst) world_.fail("a packet was lost");
}

}  // namespace butterfly::bench

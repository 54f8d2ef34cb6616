// SPDX-License-Identifier: Apache-2.0
#include "bench/control/control_world.h"

#include <sys/eventfd.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <utility>

#include "base/fd.h"
#include "bench/memory.h"
#include "wire/neighbour_frames.h"

namespace butterfly::bench {
namespace {

constexpr uint32_t kFlowCapacity = 262'144;

void add(std::atomic<uint64_t>& count, uint64_t more) {
  count.store(count.load(std::memory_order_relaxed) + more, std::memory_order_relaxed);
}

class IdlePort : public Port {
 public:
  uint16_t receive(uint16_t, std::span<Packet*>) noexcept override { return 0; }
  Sent transmit(uint16_t, std::span<Packet*> packets) noexcept override {
    const auto taken = static_cast<uint16_t>(packets.size());
    free_packets(packets);
    return {taken, Refusal::none};
  }
  bool is_connected() const noexcept override { return true; }
  int wake_fd() const noexcept override { return wake_.get(); }

 private:
  Fd wake_{eventfd(0, EFD_CLOEXEC)};
};

// Opens connections, a burst at a time, then sends in them in random order.
class GuestPort : public IdlePort {
 public:
  explicit GuestPort(Load& load) : load_(load), traffic_(wire::Family::v4), random_(42) {}

  uint16_t receive(uint16_t, std::span<Packet*> packets) noexcept override {
    if (!load_.is_on.load(std::memory_order_relaxed)) return 0;
    const uint32_t open = load_.open.load(std::memory_order_relaxed);
    const uint32_t answered = load_.answered.load(std::memory_order_relaxed);
    Step step = Step::ack;
    uint32_t first = open;
    uint32_t count = std::min<uint32_t>(kBurst, answered - open);
    if (count != 0) {
      load_.open.store(open + count, std::memory_order_relaxed);
    } else if (const uint32_t begun = load_.begun.load(std::memory_order_relaxed);
               begun < load_.flows && begun == answered) {
      step = Step::syn;
      first = begun;
      count = std::min<uint32_t>(kBurst, load_.flows - begun);
      load_.begun.store(begun + count, std::memory_order_relaxed);
    } else if (open == load_.flows) {
      count = kBurst;
    }
    const bool is_data = open == load_.flows;
    for (uint32_t i = 0; i < count; ++i) {
      packets[i] = packet_pool().alloc();
      if (!packets[i]) std::abort();  // the host drops or sends each at once
      traffic_.write(*packets[i], Place::guest, step,
                     is_data ? random_.below(load_.flows) : first + i);
    }
    add(load_.sent, count);
    return static_cast<uint16_t>(count);
  }
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override {
    const auto count = static_cast<uint32_t>(packets.size());
    load_.answered.store(load_.answered.load(std::memory_order_relaxed) + count,
                         std::memory_order_relaxed);
    return IdlePort::transmit(lcore, packets);
  }

 private:
  Load& load_;
  Traffic traffic_;
  Random random_;
};

// The far side: tells its MAC, answers the first packet of each connection, takes the others.
class WirePort : public IdlePort {
 public:
  explicit WirePort(Load& load) : load_(load), traffic_(wire::Family::v4) {}

  uint16_t receive(uint16_t, std::span<Packet*> packets) noexcept override {
    uint16_t count = 0;
    while (!replies_.empty() && count < packets.size()) {
      packets[count++] = std::exchange(replies_.back(), nullptr);
      replies_.pop_back();
    }
    const uint32_t asked = load_.asked.load(std::memory_order_relaxed);
    for (; replied_ < asked && count < packets.size(); ++replied_) {
      packets[count] = packet_pool().alloc();
      if (!packets[count]) break;
      traffic_.write(*packets[count++], Place::wire, Step::syn_ack, replied_);
    }
    return count;
  }
  Sent transmit(uint16_t lcore, std::span<Packet*> packets) noexcept override {
    uint32_t data = 0;
    for (const Packet* packet : packets) {
      const auto* arp = packet->at<wire::ArpFrame>(0);
      const bool is_arp = arp && arp->ethernet.type == wire::kTypeArp;
      is_arp ? answer(*arp) : void(++data);
    }
    add(load_.arrived, data);
    // The guest's bursts do not mix: what comes while some have begun and not asked are these.
    const uint32_t asked = load_.asked.load(std::memory_order_relaxed);
    if (asked != load_.begun.load(std::memory_order_relaxed)) {
      load_.asked.store(asked + data, std::memory_order_relaxed);
    }
    return IdlePort::transmit(lcore, packets);
  }

 private:
  void answer(const wire::ArpFrame& asked) {
    if (asked.arp.operation != wire::kArpRequest) return;
    Packet* packet = packet_pool().alloc();
    if (!packet) return;
    const Mac mac = Mac::from_u64(0x020000000100 + asked.arp.target_ip.bytes[3]);
    const wire::ArpFrame frame = wire::make_arp_reply({mac, asked.arp.target_ip},
                                                      {asked.arp.sender_mac, asked.arp.sender_ip});
    std::memcpy(rte_pktmbuf_append(packet, sizeof frame), &frame, sizeof frame);
    replies_.push_back(packet);
  }

  Load& load_;
  Traffic traffic_;
  uint32_t replied_ = 0;
  std::vector<Packet*> replies_;
};

template <typename Condition>
void await(const char* what, const Condition& is_so) {
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(20);
  while (!is_so()) {
    if (std::chrono::steady_clock::now() > end) {
      std::fprintf(stderr, "bench: waited in vain until %s\n", what);
      std::exit(1);
    }
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
  }
}

}  // namespace

StatusOr<std::unique_ptr<Port>> LoadPorts::make(const NicIntent& nic, PortId,
                                                const std::vector<uint16_t>&) {
  if (nic.id == "guest") return std::unique_ptr<Port>(std::make_unique<GuestPort>(load_));
  return std::unique_ptr<Port>(std::make_unique<IdlePort>());
}

ControlWorld::ControlWorld(uint32_t flows, unsigned cpu, IdleMode mode)
    : load_(flows), ports_(load_) {
  HostOptions options;
  options.cpus = {cpu};
  options.mode = mode;
  options.flow_capacity = kFlowCapacity;
  options.uplink = std::make_unique<WirePort>(load_);
  options.vtep = World::make_vtep();
  auto host = Host::create(std::move(options), packet_pool(), ports_);
  if (!host.ok()) {
    std::fprintf(stderr, "bench: %s\n", std::string(host.status().message()).c_str());
    std::exit(1);
  }
  host_ = *std::move(host);
}

ControlWorld::~ControlWorld() { stop(); }

void ControlWorld::open_connections() {
  await("the next hops are known", [&] {
    return std::ranges::none_of(host_->report().peers,
                                [](const PeerReport& peer) { return peer.next_hop_mac.is_zero(); });
  });
  load_.is_on.store(true);
  await("all connections are open", [&] { return load_.open.load() == load_.flows; });
}

uint64_t ControlWorld::stop() {
  load_.is_on.store(false);
  // When as many rounds have gone by as a packet can take, nothing is on its way.
  const auto rounds = [&] { return host_->report().lcores[0].rounds; };
  const uint64_t begin = rounds();
  while (rounds() < begin + 1000) std::this_thread::yield();
  return load_.sent.load() - load_.arrived.load();
}

Intent busy_intent() { return World::make_intent(wire::Family::v4); }

std::string idle_nic(size_t number) { return "idle-" + std::to_string(number); }
std::string idle_group(size_t number) { return "group-" + std::to_string(number / 10); }
Vni idle_vni(size_t number) { return Vni{static_cast<uint32_t>(10'000 + number / 10)}; }

Intent crowded_intent(size_t nics) {
  Intent intent = busy_intent();
  intent.groups["everybody"].name = "everybody";
  for (size_t i = 0; i < nics; ++i) {
    NicIntent nic;
    nic.id = idle_nic(i);
    nic.mac = Mac::from_u64(0x525500000000 + i);
    nic.vni = idle_vni(i);
    nic.addresses = {Ipv4::from_u32(static_cast<uint32_t>(0x0a020000 + i))};
    nic.groups = {idle_group(i), "everybody"};
    intent.nics[nic.id] = nic;
    GroupIntent& group = intent.groups[idle_group(i)];
    if (!group.name.empty()) continue;
    group.name = idle_group(i);
    for (const RuleIntent& rule : default_group_rules()) group.rules[rule_id(rule)] = rule;
    for (uint32_t peer = 0; peer < kPeers; ++peer) {
      intent.peers[peer_address(peer)].vnis.insert(nic.vni);
    }
  }
  return intent;
}

}  // namespace butterfly::bench

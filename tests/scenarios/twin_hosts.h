// SPDX-License-Identifier: Apache-2.0
// Two hosts that live the same life and differ in one thing: one has the shortcut. Whatever is done
// to one is done to the other, and when the dust has settled they are compared.
//
// What must agree: every frame that came out of every port, byte for byte and, of one connection in
// one direction, in order; every drop by brick and reason; every flow with its state, counters,
// idle time and verdicts; where each station is known to be.
#pragma once

#include <algorithm>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "host/host_impl.h"
#include "scenarios/frames.h"
#include "scenarios/scripted_host.h"

namespace butterfly::scenario {

class TwinHosts {
 public:
  struct Setting {
    uint16_t lcores = 1;
    uint32_t flow_capacity = 1024;
    uint32_t ageing_ms = 20'000;
    uint16_t mtu = 1500;  // of the underlay
  };
  // Packets that could have taken the shortcut, in the host that has one.
  struct Share {
    uint64_t taken = 0;
    uint64_t walked = 0;

    uint64_t count() const { return taken + walked; }
    double part_taken() const {
      return static_cast<double>(taken) / static_cast<double>(std::max<uint64_t>(count(), 1));
    }
    Share& operator+=(const Share& more) {
      taken += more.taken;
      walked += more.walked;
      return *this;
    }
  };

  explicit TwinHosts(const Setting& setting);

  // Both must say the same; `neighbours` answer on the underlay.
  Status apply(Intent intent, const std::map<IpAddress, Mac>& neighbours);
  // Nothing happens when the port was never made, or nobody is there.
  void feed(const std::string& port, const Frame& frame,
            const ScriptedLink::Requests& requests = {});
  void set_connected(const std::string& port, bool connected);
  void set_longest(const std::string& port, uint32_t bytes);
  void set_offloads(const std::string& port, const Port::Offloads& offloads);
  // One round, after which packets may still be on their way between lcores.
  void round();
  // Lets all come out, and compares that.
  void settle();
  void advance(uint32_t duration_ms);
  // A station whose place is compared from now on.
  void watch(Vni vni, const Mac& mac) { stations_.insert({vni, mac}); }

  TimeMs now() const { return with_->now(); }
  // What was found to differ first, now that everything else is compared too; empty if nothing.
  // REQUIRES: nothing is on its way.
  const std::string& difference();
  // The last frames that were fed, for people.
  std::string history() const;
  Share share() const;
  // What is wrong with the books of either.
  Status audit() const;

 private:
  using Hosts = std::unique_ptr<ScriptedHost>;
  static Hosts make(const Setting& setting, bool shortcut);
  static const HostImpl& inside(const Hosts& host) {
    return static_cast<const HostImpl&>(host->host());
  }

  void compare_frames();
  void compare_drops();
  void compare_flows();
  void compare_stations();
  void differ(const std::string& what);

  const Setting setting_;
  Hosts with_;
  Hosts without_;
  std::set<std::pair<Vni, Mac>> stations_;
  std::vector<std::pair<std::string, Frame>> fed_;
  std::string difference_;
  bool is_over_ = false;
};

}  // namespace butterfly::scenario

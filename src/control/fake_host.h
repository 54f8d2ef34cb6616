// SPDX-License-Identifier: Apache-2.0
// A host without a datapath, for tests of what stands above it. Reports fixed numbers.
#pragma once

#include <chrono>
#include <mutex>
#include <thread>

#include "host/host.h"

namespace butterfly {

class FakeHost : public Host {
 public:
  Status apply(const Intent& next) override {
    RETURN_IF_ERROR(validate(next));
    const std::lock_guard lock(mutex_);
    if (next.nics.contains("refused-by-host")) {
      return precondition("nic 'refused-by-host': its port cannot be made (wanted another id)");
    }
    if (!fail_next_apply.ok()) return std::exchange(fail_next_apply, ok_status());
    intent_ = std::make_shared<const Intent>(next);
    ++generation_;
    return ok_status();
  }
  std::shared_ptr<const Intent> intent() const override {
    const std::lock_guard lock(mutex_);
    return intent_;
  }
  HostReport report() const override {
    const std::lock_guard lock(mutex_);
    HostReport report;
    report.generation = generation_;
    report.lcores = {{.index = 0,
                      .cpu = 1,
                      .rounds = 100,
                      .busy_rounds = 25,
                      .flows = 3,
                      .flow_capacity = 65536}};
    UplinkReport uplink;
    uplink.device = "eth9";
    uplink.link_up = true;
    uplink.address = Ipv4{{192, 0, 2, 1}};
    uplink.mac = Mac::from_u64(0x020000000001);
    uplink.mtu = 1500;
    uplink.inner_mtu = 1450;
    report.uplink = uplink;
    for (const auto& [address, peer] : intent_->peers) {
      report.peers.push_back({address, address, Mac::from_u64(0x020000000002)});
    }
    report.buffers = 1000;
    report.buffers_used = 10;
    report.fdb_entries = 2;
    report.fdb_capacity = 131072;
    report.warnings = {"uplink MTU 1500 leaves guests 1450 (wanted 1550 for guests' 1500)"};
    return report;
  }
  std::vector<NicReport> nic_reports() const override {
    std::vector<NicReport> reports;
    for (const auto& [id, nic] : intent()->nics) {
      NicReport report;
      report.id = id;
      report.connected = true;
      if (nic.type == NicType::vhost_user) report.socket = "/run/butterfly/ports/" + id + ".sock";
      if (nic.type == NicType::tap) report.tap_name = nic.kernel_name();
      report.rx_packets = 7;
      report.rx_bytes = 700;
      report.rx_refused = 3;
      reports.push_back(report);
    }
    return reports;
  }
  CounterReport counters() const override {
    CounterReport report;
    report.outs = {
        {"parse", "ok", false, "to antispoof", 10, 1000},
        {"parse", "truncated", true, "ends before its headers do", 0, 0},
        {"antispoof", "wrong-mac", true, "source MAC is not the nic's", 3, 180},
    };
    report.ledger.received = 10;
    report.ledger.sent = 7;
    report.ledger.dropped = 3;
    return report;
  }
  std::string graph_dot() const override {
    return "digraph butterfly {\n  \"parse\" -> \"antispoof\" [label=\"ok\"];\n}\n";
  }
  // Delivers three packets, then waits for the caller to lose patience.
  Status trace(const std::string& nic, uint32_t count,
               const std::function<bool(const TraceReport&)>& sink,
               const std::function<bool()>& keep_going) override {
    if (!intent()->nics.contains(nic)) {
      return not_found("nic '" + nic + "': not found (wanted one of ours)");
    }
    TraceReport packet{nic, "uplink", 98, {}};
    packet.steps = {{"parse", "ok", false, "to antispoof", "IPv4 icmp"},
                    {"antispoof", "wrong-mac", true, "source MAC is not the nic's", ""}};
    for (uint32_t i = 0; i < std::min(count, 3u); ++i) {
      if (!sink(packet)) return ok_status();
    }
    if (count <= 3) return ok_status();
    while (keep_going()) std::this_thread::yield();
    return ok_status();
  }
  void run_round(TimeMs) override {}

  Status fail_next_apply = ok_status();

 private:
  mutable std::mutex mutex_;
  std::shared_ptr<const Intent> intent_ = std::make_shared<const Intent>();
  Generation generation_ = 0;
};

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// A host without a datapath, for tests of what stands above it. Reports fixed numbers.
#pragma once

#include <chrono>
#include <mutex>
#include <thread>

#include "host/expression/expressions.h"
#include "host/host.h"
#include "host/log_watchers.h"
#include "host/news_journal.h"

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
  Status check_expressions(const Intent& before, const Intent& next) override {
    return compile_expressions(difference(before, next), expressions.get(), false).status();
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
                      .flow_capacity = 65536,
                      .busy_percent = 62}};
    report.balance = {is_balancing, 3,
                      MoveReport{"web-1", 0, 1, 95, 20,
                                 std::chrono::steady_clock::now() - std::chrono::seconds(90)}};
    report.buffer_uses = {{"uplink", 400, "1 receive queue of 400"}, {"lcores", 300, "1 of 300"}};
    report.memory = {256 << 20, true, 128 << 20, 32 << 20, 16 << 20, 80 << 20};
    UplinkReport uplink;
    uplink.device = "eth9";
    uplink.link_up = true;
    uplink.address = Ipv4{{192, 0, 2, 1}};
    uplink.mac = Mac::from_u64(0x020000000001);
    uplink.mtu = 1500;
    uplink.inner_mtu = 1450;
    uplink.facts = {"net_af_packet", 100, "eth8", "eth8", {}};
    uplink.facts.members = {{"eth9", "net_af_packet", false, false, "no link", "", 10, 20},
                            {"eth8", "net_af_packet", true, true, "", "02:00:00:00:00:f0", 30, 40}};
    report.uplink = uplink;
    for (const auto& [address, peer] : intent_->peers) {
      report.peers.push_back({address, address, Mac::from_u64(0x020000000002)});
    }
    report.buffers = 1000;
    report.buffers_used = 10;
    report.fdb_entries = 2;
    report.fdb_capacity = 131072;
    report.fdb_moved = 5;
    report.fdb_held = 1;
    report.fdb_not_learnt = 9;
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
      report.macs = 4;
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
  // Every rule has let 12 connections start; those of the group "many" are not counted.
  StatusOr<std::vector<RuleHits>> rule_hits(const std::string& group) const override {
    const auto now = intent();
    if (!now->groups.contains(group)) return not_found("group '" + group + "': not found");
    std::vector<RuleHits> hits;
    for (const auto& [id, rule] : now->groups.at(group).rules) {
      hits.push_back({id, group == "many" ? std::nullopt : std::optional<uint64_t>(12)});
    }
    return hits;
  }
  std::vector<RuleHits> guard_hits() const override {
    std::vector<RuleHits> hits;
    for (const auto& [key, rule] : intent()->guard) hits.push_back({key, 7});
    return hits;
  }
  // Everything to port 80 passes.
  StatusOr<CheckReport> check(const CheckQuery& query) const override {
    if (!intent()->nics.contains(query.nic))
      return not_found("nic '" + query.nic + "': not found (wanted one of ours)");
    last_check = query;
    const bool passes = query.destination_port == 80;
    CheckReport report{passes, {"uplink", query.nic, 54, {}}};
    report.packet.steps = {{"firewall-to", passes ? "allowed" : "denied", !passes, "why", "rule"}};
    return report;
  }
  // Tells of a drop and a start, as far as they are wanted, then waits for the caller to lose
  // patience. Knows the out firewall-to/denied only.
  Status watch_log(const LogQuery& query, const std::function<bool(const LogReport&)>& sink,
                   const std::function<bool()>& keep_going) override {
    RETURN_IF_ERROR(validate(query));
    if (!query.nic.empty() && !intent()->nics.contains(query.nic)) {
      return not_found("nic '" + query.nic + "': not found (wanted one of ours)");
    }
    if (!query.brick.empty() && (query.brick != "firewall-to" || query.out != "denied")) {
      return invalid("log: no brick '" + query.brick + "' drops anything (wanted firewall-to)");
    }
    last_log_query = query;
    uint64_t delivered = 0;
    for (const LogReport& report : log_reports()) {
      if (report.is_drop ? !query.drops : !query.starts) continue;
      if (!sink(report) || ++delivered == query.count) return ok_status();
    }
    while (keep_going()) std::this_thread::yield();
    return ok_status();
  }
  // The journal of a real host, with what this one does.
  Status watch_news(const NewsQuery& query, const std::function<bool(const News&)>& sink,
                    const std::function<bool()>& keep_going) override {
    last_news_query = query;
    uint64_t cursor = query.after;
    uint64_t delivered = 0;
    while (keep_going()) {
      for (const News& news : journal.after(cursor)) {
        cursor = news.sequence;
        if (!query.wants(news.kind)) continue;
        if (!sink(news) || ++delivered == query.count) return ok_status();
      }
      if (!query.follows) return ok_status();
      std::this_thread::yield();
    }
    return ok_status();
  }
  void note_revision(uint64_t revision) override {
    News news;
    news.kind = NewsKind::intent_changed;
    news.revision = revision;
    journal.add(std::move(news));
  }
  // Two connections of every nic; takes any over. Filters: by state and by nic only.
  Status list_flows(const FlowQuery& query, const FlowSink& sink,
                    const std::function<bool()>&) override {
    const std::vector<FlowReport> flows = flows_of(query);
    if (!query.nic.empty() && !intent()->nics.contains(query.nic)) {
      return not_found("nic '" + query.nic + "': not found (wanted one of ours)");
    }
    if (!flows.empty()) sink(flows);
    return ok_status();
  }
  StatusOr<FlowCounts> count_flows(const FlowQuery& query, const std::function<bool()>&) override {
    FlowCounts counts;
    for (const FlowReport& flow : flows_of(query)) {
      ++counts.by[flow.record.tuple.protocol][static_cast<size_t>(flow.record.state())];
    }
    return counts;
  }
  StatusOr<uint64_t> flush_flows(const FlowQuery& query, const std::function<bool()>&) override {
    return flows_of(query).size();
  }
  Status export_flows(const std::string& nic, const NicFlowSink& sink,
                      const std::function<bool()>&) override {
    for (const FlowReport& flow : flows_of({nic, {}})) {
      if (!sink(flow.record.vni, {{flow.record, Role::initiator}})) return ok_status();
    }
    return ok_status();
  }
  Status wait_until_gone(const std::string& nic, const std::function<bool()>&) override {
    const auto wanted = intent();
    const auto found = wanted->nics.find(nic);
    if (found == wanted->nics.end()) {
      return not_found("nic '" + nic + "': not found (wanted one of ours)");
    }
    if (found->second.type != NicType::tap) return ok_status();
    return precondition("nic '" + nic + "': a tap's guest never goes (wanted a vhost-user nic)");
  }
  StatusOr<FlowImportReport> import_flows(const std::string& nic, Vni vni,
                                          const std::vector<NicFlow>& flows) override {
    if (!intent()->nics.contains(nic)) {
      return not_found("nic '" + nic + "': not found (wanted one of ours)");
    }
    imported_vni = vni;
    imported = flows;
    FlowImportReport report;
    report.imported = flows.size();
    return report;
  }
  // Its nics' MACs, and two learnt ones: behind the first nic and behind 192.0.2.2.
  Status list_stations(const StationQuery& query, const StationSink& sink) const override {
    if (!query.nic.empty() && !intent()->nics.contains(query.nic)) {
      return not_found("nic '" + query.nic + "': not found (wanted one of ours)");
    }
    const std::vector<StationReport> stations = stations_of(query);
    if (!stations.empty()) sink(stations);
    return ok_status();
  }
  StatusOr<uint64_t> flush_fdb(const StationQuery& query) override {
    StationQuery learnt = query;
    learnt.learnt_only = true;
    return stations_of(learnt).size();
  }
  // Two packets, the one dropped; then waits for the caller to lose patience.
  Status capture(const CaptureQuery& query, const CaptureSink& sink,
                 const std::function<bool()>& keep_going) override {
    if (!intent()->nics.contains(query.nic)) {
      return not_found("capture: nic '" + query.nic + "': not found (wanted one of ours)");
    }
    last_capture_query = query;
    CaptureReport packet{1'700'000'000'123'456'789, CapturePoint::from_nic, 100,
                         std::vector<uint8_t>(60, 7)};
    CaptureReport drop = packet;
    drop.point = CapturePoint::dropped;
    drop.brick = "antispoof";
    drop.out = "wrong-mac";
    drop.sentence = "source MAC is not the nic's";
    const std::vector<CaptureReport> both{packet, drop};
    if (!sink(both, 5) || query.count == 2) return ok_status();
    while (keep_going() && sink({}, 5)) std::this_thread::sleep_for(std::chrono::milliseconds(10));
    return ok_status();
  }
  Status move_nic(const std::string&, uint16_t) override { return ok_status(); }
  void set_balancing(bool is_on) override { is_balancing = is_on; }
  void run_round(TimeMs) override {}

  bool is_balancing = true;
  Status fail_next_apply = ok_status();
  LogQuery last_log_query;
  NewsQuery last_news_query;
  NewsJournal journal;
  CaptureQuery last_capture_query;
  mutable CheckQuery last_check;
  Vni imported_vni;
  std::vector<NicFlow> imported;
  std::shared_ptr<ExpressionCompiler> expressions;

 private:
  static std::vector<LogReport> log_reports() {
    LogReport drop;
    drop.time += std::chrono::milliseconds(1'700'000'000'123);
    drop.brick = "firewall-to";
    drop.out = "denied";
    drop.sentence = "no rule of the nic's security groups allows it";
    drop.from = "uplink";
    drop.to = "a";
    drop.vni = Vni{42};
    drop.length = 74;
    drop.frame.source_mac = Mac::from_u64(0x525400000009);
    drop.frame.destination_mac = Mac::from_u64(0x525400000001);
    drop.frame.ethertype = 0x0800;
    drop.frame.family = wire::Family::v4;
    drop.frame.source = Ipv4{{10, 0, 0, 9}};
    drop.frame.destination = Ipv4{{10, 0, 0, 1}};
    drop.frame.protocol = uint8_t{6};
    drop.frame.source_port = uint16_t{40000};
    drop.frame.destination_port = uint16_t{22};
    drop.kept_back = 7;
    LogReport start = drop;
    start.is_drop = false;
    start.out = "allowed";
    start.sentence = "a rule of the nic's security groups allows it";
    start.rule = "0123456789abcdef";
    start.group = "web";
    start.kept_back = 0;
    return {drop, start};
  }
  std::vector<StationReport> stations_of(const StationQuery& query) const {
    using Kind = StationReport::Kind;
    const auto now = intent();
    std::vector<StationReport> stations;
    for (const auto& [id, nic] : now->nics) {
      stations.push_back({nic.vni, nic.mac, Kind::nic, id, std::nullopt, 0, false});
    }
    for (const auto& [key, entry] : now->fdb) {
      stations.push_back({entry.vni, entry.mac, Kind::configured, "", entry.peer, 0, false});
    }
    if (!now->nics.empty()) {
      const auto& [id, nic] = *now->nics.begin();
      stations.push_back(
          {nic.vni, Mac::from_u64(0x5254000000aa), Kind::learnt, id, std::nullopt, 4'200, true});
    }
    stations.push_back({Vni{42}, Mac::from_u64(0x525400000055), Kind::learnt, "",
                        IpAddress(Ipv4{{192, 0, 2, 2}}), 61'000, false});
    std::erase_if(stations, [&](const StationReport& station) {
      return (query.learnt_only && station.kind != Kind::learnt) ||
             (query.vni && *query.vni != station.vni) || (query.mac && *query.mac != station.mac) ||
             (!query.nic.empty() && query.nic != station.nic) ||
             (query.peer && query.peer != station.peer);
    });
    return stations;
  }
  std::vector<FlowReport> flows_of(const FlowQuery& query) const {
    std::vector<FlowReport> flows;
    for (const auto& [id, nic] : intent()->nics) {
      FlowReport tcp;
      tcp.record.tuple = {{Ipv4{{10, 0, 0, 1}}, 40000}, {Ipv4{{10, 0, 0, 2}}, 443}, 6};
      tcp.record.vni = nic.vni;
      tcp.record.tcp.state = tcp::State::established;
      tcp.record.tcp.windows[0] = tcp::Window::of(7);
      tcp.record.tcp_track = {{1000, 2000}, {66535, 67535}, {2000, 1000}};
      tcp.record.tallies = {Tally{12, 3400}, Tally{10, 90000}};
      tcp.record.idle_ms = 1008;
      tcp.record.left_ms = 86'398'992;
      tcp.judges[0] = {id, true, true};
      FlowReport udp;
      udp.record.tuple = {
          {*IpAddress::parse("fd00::1"), 5000}, {*IpAddress::parse("fd00::2"), 53}, 17};
      udp.record.vni = nic.vni;
      udp.record.tallies = {Tally{1, 90}, Tally{0, 0}};
      udp.record.left_ms = 30'000;
      udp.judges[0] = {id, true, false};
      for (const FlowReport& flow : {tcp, udp}) {
        const bool is_meant = query.nic.empty() || query.nic == id;
        const bool fits = !query.filter.state || *query.filter.state == flow.record.state();
        if (is_meant && fits) flows.push_back(flow);
      }
    }
    return flows;
  }

  mutable std::mutex mutex_;
  std::shared_ptr<const Intent> intent_ = std::make_shared<const Intent>();
  Generation generation_ = 0;
};

}  // namespace butterfly

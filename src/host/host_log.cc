// SPDX-License-Identifier: Apache-2.0
// Drops and starts, as they happen: arms every lcore for all who watch, gathers, puts into words.
#include <algorithm>
#include <chrono>
#include <thread>

#include "host/host_impl.h"

namespace butterfly {
namespace {

constexpr auto kBetweenLogLooks = std::chrono::milliseconds(50);

uint32_t drops_of(const Node& node) {
  uint32_t outs = 0;
  for (size_t i = 0; i < node.info().outs.size(); ++i) outs |= node.is_drop(i) ? 1U << i : 0;
  return outs;
}

std::string listed(std::string list, const std::string& name) {
  return list + (list.empty() ? "" : ", ") + name;
}

// Which outs of which nodes: all that drop, or the one that is meant.
StatusOr<std::array<uint32_t, kMaxNodes>> outs_of(const LogQuery& query,
                                                  const std::vector<Node>& nodes) {
  std::array<uint32_t, kMaxNodes> wanted{};
  std::string names;
  for (const Node& node : nodes) {
    const uint32_t drops = drops_of(node);
    if (drops == 0) continue;
    names = listed(names, node.name());
    if (!query.brick.empty() && query.brick != node.name()) continue;
    if (query.drops) wanted[node.index()] = drops;
    if (query.brick.empty()) continue;
    std::string outs;
    for (size_t i = 0; i < node.info().outs.size(); ++i) {
      if (!node.is_drop(i)) continue;
      if (query.out == node.info().outs[i].name) {
        wanted[node.index()] = 1U << i;
        return wanted;
      }
      outs = listed(outs, node.info().outs[i].name);
    }
    return invalid("log: brick '" + query.brick + "' has no out '" + query.out +
                   "' that drops (wanted one of " + outs + ")");
  }
  if (query.brick.empty()) return wanted;
  return invalid("log: no brick '" + query.brick + "' drops anything (wanted one of " + names +
                 ")");
}

}  // namespace

// On the list of those who watch from begin() to destruction.
class HostImpl::Watching {
 public:
  Watching(HostImpl& host, LogWatcher& watcher) : host_(host), watcher_(watcher) {}
  Status begin() {
    host_.drain_logs();  // what happened before is not for the new one
    const std::lock_guard lock(host_.log_mutex_);
    if (host_.watchers_.size() == LogQuery::kMaxWatchers) {
      return exhausted("log: " + std::to_string(LogQuery::kMaxWatchers) +
                       " watch already (wanted at most so many)");
    }
    host_.watchers_.push_back(&watcher_);
    host_.arm_logs();
    return ok_status();
  }
  ~Watching() {
    const std::lock_guard lock(host_.log_mutex_);
    host_.watchers_.remove(&watcher_);
    host_.arm_logs();
  }
  Watching(const Watching&) = delete;
  Watching& operator=(const Watching&) = delete;

  std::deque<LogReport> take() {
    const std::lock_guard lock(host_.log_mutex_);
    return watcher_.take();
  }

 private:
  HostImpl& host_;
  LogWatcher& watcher_;
};

Status HostImpl::watch_log(const LogQuery& query, const std::function<bool(const LogReport&)>& sink,
                           const std::function<bool()>& keep_going) {
  RETURN_IF_ERROR(validate(query));
  std::array<uint32_t, kMaxNodes> outs{};
  {
    const std::lock_guard lock(state_mutex_);
    if (!query.nic.empty() && !state_.slots.ports.find(query.nic)) {
      return not_found("nic '" + query.nic + "': not found (wanted one of ours)");
    }
    const auto wanted = outs_of(query, views_.front()->graph->graph().nodes());
    if (!wanted.ok()) return wanted.status();
    outs = *wanted;
  }
  LogWatcher watcher(query, outs);
  Watching watching(*this, watcher);
  RETURN_IF_ERROR(watching.begin());
  uint64_t delivered = 0;
  while (keep_going()) {
    drain_logs();
    const std::deque<LogReport> reports = watching.take();
    for (const LogReport& report : reports) {
      if (!sink(report) || ++delivered == query.count) return ok_status();
    }
    if (reports.empty()) std::this_thread::sleep_for(kBetweenLogLooks);
  }
  return ok_status();
}

// REQUIRES: log_mutex_.
void HostImpl::arm_logs() {
  const std::lock_guard lock(state_mutex_);
  auto wants = wants_of(watchers_, [this](const std::string& nic) {
    const auto slot = state_.slots.ports.find(nic);
    return slot ? PortId{*slot} : kNoPort;
  });
  want_news(wants);
  for (auto& lcore : lcores_) {
    wants ? lcore->lcore().events().arm(*wants) : lcore->lcore().events().disarm();
  }
}

void HostImpl::follow_nics_watched() {
  const std::lock_guard lock(log_mutex_);
  if (!watchers_.empty() || !news_watchers_.empty()) arm_logs();
}

void HostImpl::drain_logs() {
  const std::lock_guard lock(log_mutex_);
  if (watchers_.empty() && news_watchers_.empty()) {  // leftovers of those who watched before
    for (auto& lcore : lcores_) lcore->lcore().events().clear();
    return;
  }
  Event event;
  std::optional<PortNames> names;
  for (auto& lcore : lcores_) {
    // At most what was there, or else a fast lcore would never let go.
    for (uint32_t i = 0; i < EventLog::kEvents && lcore->lcore().events().take(event); ++i) {
      if (!names) names = port_names();
      tell_news_of(event, *names);
      if (event.kind == EventKind::station || watchers_.empty()) continue;
      const LogReport report = describe(event, lcore->lcore().index(), *names);
      for (LogWatcher* watcher : watchers_) {
        if (watcher->wants(event, report)) watcher->offer(event, report);
      }
    }
  }
}

HostImpl::PortNames HostImpl::port_names() const {
  const std::lock_guard lock(state_mutex_);
  PortNames names(kMaxPorts, "(gone)");
  names[kUplinkPort.value] = "uplink";
  for (const auto& [id, slot] : state_.slots.ports.all()) names[slot] = id;
  return names;
}

LogReport HostImpl::describe(const Event& event, uint16_t lcore, const PortNames& names) const {
  const auto name = [&](PortId port) {
    return port.value < names.size() ? names[port.value] : std::string();
  };
  LogReport report;
  report.is_drop = event.kind == EventKind::drop;
  // A manual host has a clock of its own.
  const uint32_t age = options_.mode == IdleMode::manual ? 0 : age_ms(monotonic_ms(), event.time);
  report.time =
      std::chrono::time_point_cast<std::chrono::milliseconds>(std::chrono::system_clock::now()) -
      std::chrono::milliseconds(age);
  report.lcore = lcore;
  report.from = name(event.in_port);
  report.to = name(event.out_port);
  report.vni = event.vni;
  report.length = event.length;
  report.frame = wire::summarize(std::span(event.head.data(), event.head_length));
  report.kept_back = event.kept_back;
  const std::lock_guard lock(state_mutex_);
  const auto& nodes = views_.front()->graph->graph().nodes();
  const HostGraph& graph = *views_.front()->graph;
  const Node& node =
      report.is_drop ? nodes[event.node] : graph.firewall(event.kind == EventKind::egress_start);
  const OutInfo& out =
      node.info().outs[report.is_drop ? event.out : static_cast<size_t>(Firewall::Out::allowed)];
  report.brick = node.name();
  report.out = out.name;
  report.sentence = out.sentence;
  const bool by_rate = std::string_view(node.info().name) == ApplyProcedure::kInfo.name;
  (by_rate ? report.procedure : report.rule) = event.rule.data();
  report.group = event.group.data();
  return report;
}

}  // namespace butterfly

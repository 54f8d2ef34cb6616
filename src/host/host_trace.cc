// SPDX-License-Identifier: Apache-2.0
// Following packets: arms every lcore, gathers what they finish, puts it into words.
#include <chrono>
#include <thread>

#include "host/host_impl.h"

namespace butterfly {
namespace {

// Arms on construction, disarms on destruction, whatever happens between.
class Armed {
 public:
  Armed(std::vector<std::unique_ptr<LcoreRunner>>& lcores, PortId port) : lcores_(lcores) {
    for (auto& lcore : lcores_) lcore->lcore().trace().arm(port);
  }
  ~Armed() {
    for (auto& lcore : lcores_) lcore->lcore().trace().disarm();
  }
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;

 private:
  std::vector<std::unique_ptr<LcoreRunner>>& lcores_;
};

}  // namespace

Status HostImpl::trace(const std::string& nic, uint32_t count,
                       const std::function<bool(const TraceReport&)>& sink,
                       const std::function<bool()>& keep_going) {
  const std::unique_lock only_one(trace_mutex_, std::try_to_lock);
  if (!only_one.owns_lock()) {
    return precondition("trace: another trace is running (wanted: one at a time)");
  }
  PortId port;
  {
    const std::lock_guard lock(state_mutex_);
    const auto slot = state_.slots.ports.find(nic);
    if (!slot) return not_found("trace: no nic '" + nic + "'");
    port = PortId{*slot};
  }
  PacketTrace trace;
  for (auto& lcore : lcores_) {  // leftovers of a trace before
    while (lcore->lcore().trace().take(trace)) {
    }
  }
  const Armed armed(lcores_, port);
  uint32_t delivered = 0;
  while (delivered < count && keep_going()) {
    bool found = false;
    for (auto& lcore : lcores_) {
      while (delivered < count && lcore->lcore().trace().take(trace)) {
        found = true;
        ++delivered;
        if (!sink(describe(trace))) return ok_status();
      }
    }
    if (!found) std::this_thread::sleep_for(std::chrono::milliseconds(50));
  }
  return ok_status();
}

TraceReport HostImpl::describe(const PacketTrace& trace) const {
  const std::lock_guard lock(state_mutex_);
  TraceReport report;
  report.from = name_of(trace.in_port);
  report.to = trace.out_port == kNoPort ? "" : name_of(trace.out_port);
  report.length = trace.length;
  const auto& nodes = views_.front()->graph->graph().nodes();
  for (uint8_t i = 0; i < trace.step_count; ++i) {
    const TraceStep& step = trace.steps[i];
    const Node& node = nodes[step.node];
    const OutInfo& out = node.info().outs[step.out];
    report.steps.push_back({node.name(), out.name, out.edge == Edge::drop, out.sentence,
                            node.format(step.note.data())});
  }
  return report;
}

std::string HostImpl::name_of(PortId port) const {
  if (port == kUplinkPort) return "uplink";
  for (const auto& [id, slot] : state_.slots.ports.all()) {
    if (slot == port.value) return id;
  }
  return "(gone)";
}

}  // namespace butterfly

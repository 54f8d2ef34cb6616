// SPDX-License-Identifier: Apache-2.0
// Capturing a nic's packets: arms every lcore, gathers what they have noted, in the order of time.
#include <algorithm>
#include <chrono>
#include <thread>

#include "host/host_impl.h"

namespace butterfly {
namespace {

constexpr auto kBetweenCaptureLooks = std::chrono::milliseconds(10);
// The sink is asked at least that often, so that it may say that it has enough.
constexpr auto kLongestSilence = std::chrono::milliseconds(200);

}  // namespace

// Armed for its life. The expression is some lcore's until they have been quiescent.
class HostImpl::Capturing {
 public:
  // With the state lock held.
  Capturing(HostImpl& host, const CaptureWants& wants) : host_(host) {
    for (auto& lcore : host_.lcores_) {
      CaptureLog& log = lcore->lcore().capture();
      while (log.oldest()) log.release();  // leftovers of a capture before
      lost_before_ += log.lost();
      log.arm(wants);
    }
  }
  ~Capturing() {
    for (auto& lcore : host_.lcores_) lcore->lcore().capture().disarm();
    host_.quiescence_->wait();
    const std::lock_guard lock(host_.state_mutex_);
    host_.captured_.reset();
  }
  Capturing(const Capturing&) = delete;
  Capturing& operator=(const Capturing&) = delete;

  // What has come since the last call, in the order of time.
  std::vector<CaptureReport> take(uint64_t most) {
    std::vector<CaptureReport> batch;
    const std::lock_guard lock(host_.state_mutex_);
    for (auto& lcore : host_.lcores_) {
      CaptureLog& log = lcore->lcore().capture();
      // At most what is there, or else a fast lcore would never let go.
      for (uint32_t i = 0; i < CaptureLog::kFrames; ++i) {
        const CapturedFrame* frame = log.oldest();
        if (!frame) break;
        batch.push_back(host_.describe(*frame));
        log.release();
      }
    }
    std::ranges::stable_sort(batch, {}, &CaptureReport::time_ns);
    if (batch.size() > most) batch.resize(most);
    return batch;
  }
  uint64_t lost() const {
    uint64_t lost = 0;
    for (auto& lcore : host_.lcores_) lost += lcore->lcore().capture().lost();
    return lost - lost_before_;
  }

 private:
  HostImpl& host_;
  uint64_t lost_before_ = 0;
};

Status HostImpl::capture(const CaptureQuery& query, const CaptureSink& sink,
                         const std::function<bool()>& keep_going) {
  const std::string name = "capture: nic '" + query.nic + "': ";
  if (query.most_bytes > CapturedFrame::kMostBytes) {
    return invalid("capture: most_bytes " + std::to_string(query.most_bytes) +
                   " is too large (wanted 0.." + std::to_string(CapturedFrame::kMostBytes) + ")");
  }
  const std::unique_lock only_one(capture_mutex_, std::try_to_lock);
  if (!only_one.owns_lock()) {
    return precondition("capture: another one is running (wanted: one at a time)");
  }
  std::shared_ptr<const Expression> expression;
  if (!query.expression.empty()) {
    if (!options_.expressions) return precondition("capture: this host compiles no expressions");
    auto compiled = options_.expressions->compile(query.expression);
    if (!compiled.ok()) {
      return Status(compiled.status().code(), "capture: expression '" + query.expression +
                                                  "': " + std::string(compiled.status().message()));
    }
    expression = *std::move(compiled);
  }
  CaptureWants wants;
  if (query.most_bytes != 0) wants.most_bytes = query.most_bytes;
  wants.expression = expression.get();
  std::optional<Capturing> capturing;
  {
    const std::lock_guard lock(state_mutex_);
    const auto slot = state_.slots.ports.find(query.nic);
    if (!slot) return not_found(name + "not found (wanted one of ours)");
    wants.port = PortId{*slot};
    captured_ = {query.nic, state_.slots.serials.at(query.nic)};
    capturing.emplace(*this, wants);
  }
  uint64_t left = query.count == 0 ? UINT64_MAX : query.count;
  auto told = std::chrono::steady_clock::now();
  while (left > 0 && keep_going()) {
    const bool is_gone = end_capture_of_gone();
    const auto batch = capturing->take(left);
    const auto now = std::chrono::steady_clock::now();
    if (!batch.empty() || now - told > kLongestSilence) {
      told = now;
      left -= batch.size();
      if (!sink(batch, capturing->lost())) return ok_status();
    }
    if (is_gone) return not_found(name + "is gone (wanted one that stays)");
    if (batch.empty()) std::this_thread::sleep_for(kBetweenCaptureLooks);
  }
  return ok_status();
}

// The slot of a nic that has gone may become another's: nobody captures that one's packets.
bool HostImpl::end_capture_of_gone() {
  const std::lock_guard lock(state_mutex_);
  if (!captured_) return false;
  const auto& serials = state_.slots.serials;
  const auto life = serials.find(captured_->first);
  if (life != serials.end() && life->second == captured_->second) return false;
  for (auto& lcore : lcores_) lcore->lcore().capture().disarm();
  return true;
}

CaptureReport HostImpl::describe(const CapturedFrame& frame) const {
  CaptureReport report;
  report.time_ns = frame.time_ns;
  report.point = frame.point;
  report.length = frame.length;
  report.bytes.assign(frame.bytes.begin(), frame.bytes.begin() + frame.kept);
  if (frame.point != CapturePoint::dropped) return report;
  const Node& node = views_.front()->graph->graph().nodes()[frame.node];
  report.brick = node.name();
  report.out = node.info().outs[frame.out].name;
  report.sentence = node.info().outs[frame.out].sentence;
  return report;
}

}  // namespace butterfly

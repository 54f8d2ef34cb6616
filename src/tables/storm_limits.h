// SPDX-License-Identifier: Apache-2.0
// How many frames a nic and a segment may have flooded: token buckets by kind of frame.
//
// Key:      the nic's port, and the segment's slot.
// Value:    what was used of a second's worth, and when that was.
// Capacity: kMaxPorts and kMaxSegments, three kinds each; never full.
// Writer:   one lcore, which is also the only reader. Owned by it, so that a new snapshot fills no
//           bucket again.
// Memory:   8 bytes a bucket, taken when it is used.
#pragma once

#include <array>
#include <cstdint>

#include "base/clock.h"
#include "base/ids.h"
#include "base/switch_settings.h"
#include "tables/lazy_array.h"
#include "tables/segment_table.h"

namespace butterfly {

enum class FloodKind : uint8_t { broadcast, multicast, unknown };

class StormLimits {
 public:
  enum class Verdict : uint8_t { passes, nic_limit, segment_limit };

  StormLimits() : nics_(kKinds * kMaxPorts), segments_(kKinds * kMaxSegments) {}

  // For whatever is asked from now on.
  void set_limits(const SwitchSettings& settings) {
    using enum SwitchKnob;
    nic_rates_ = {settings[nic_broadcast_per_s], settings[nic_multicast_per_s],
                  settings[nic_unknown_per_s]};
    segment_rates_ = {settings[segment_broadcast_per_s], settings[segment_multicast_per_s],
                      settings[segment_unknown_per_s]};
  }

  // Whether one more frame may be flooded. A nic's frame counts for the nic, and if that lets it
  // pass for the segment; one from the uplink for the segment alone.
  Verdict take(PortId from, uint16_t segment, FloodKind kind, TimeMs now) noexcept {
    const auto row = static_cast<size_t>(kind);
    if (from != kUplinkPort && nic_rates_[row] != 0 &&
        !take(nics_[kKinds * from.value + row], nic_rates_[row], now)) {
      return Verdict::nic_limit;
    }
    if (segment_rates_[row] != 0 &&
        !take(segments_[kKinds * segment + row], segment_rates_[row], now)) {
      return Verdict::segment_limit;
    }
    return Verdict::passes;
  }

 private:
  static constexpr size_t kKinds = 3;
  static constexpr uint32_t kWhole = 1000;  // a frame, in thousandths
  struct Bucket {
    uint32_t used;  // thousandths; all zero: a bucket that is full
    TimeMs when;
  };

  // A rate of R a second is R thousandths a millisecond; a second's worth may pass at once.
  static bool take(Bucket& bucket, uint32_t rate, TimeMs now) noexcept {
    const uint64_t regained = uint64_t{age_ms(now, bucket.when)} * rate;
    bucket.used = regained >= bucket.used ? 0 : bucket.used - static_cast<uint32_t>(regained);
    bucket.when = now;
    if (bucket.used + kWhole > rate * kWhole) return false;
    bucket.used += kWhole;
    return true;
  }

  std::array<uint32_t, kKinds> nic_rates_{};
  std::array<uint32_t, kKinds> segment_rates_{};
  LazyArray<Bucket> nics_;
  LazyArray<Bucket> segments_;
};

static_assert(uint64_t{kMostFloodedPerSecond} * 1000 + 1000 <= UINT32_MAX);

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// The stations of a segment that intent names: which MAC is where.
//
// Key:      MAC.
// Value:    a local port, or a peer behind the uplink.
// Capacity: grows by doubling while it is built; never full.
// Writers:  the control side, until the table is published; then nobody.
// Readers:  any lcore.
// Memory:   16 bytes a slot, two to four slots a station.
#pragma once

#include <cstdint>
#include <vector>

#include "base/ids.h"
#include "base/mac.h"

namespace butterfly {

// Where a station is.
struct Place {
  PortId port = kNoPort;  // kUplinkPort when behind `peer`
  PeerId peer = kNoPeer;
};

// Open addressing, linear probing (Knuth, TAOCP 6.4): mostly one load a lookup. A copy is a value
// of its own.
class StationTable {
 public:
  // A station that is there already moves to `place`.
  void set(const Mac& mac, const Place& place);

  // A MAC that is not there is as well.
  void erase(const Mac& mac);

  // Null when intent does not name the MAC.
  const Place* find(const Mac& mac) const {
    const Slot& slot = slots_[slot_of(mac.to_u64())];
    return slot.key == kFree ? nullptr : &slot.place;
  }
  size_t size() const { return size_; }

 private:
  static constexpr uint64_t kFree = ~uint64_t{0};  // a MAC has 48 bits
  static constexpr unsigned kLeastBits = 2;
  struct Slot {
    uint64_t key = kFree;  // Mac::to_u64()
    Place place;
  };

  // The slot that has the key, or the free one where it belongs: there always is one.
  size_t slot_of(uint64_t key) const {
    size_t at = home_of(key);
    while (slots_[at].key != key && slots_[at].key != kFree) at = (at + 1) & (slots_.size() - 1);
    return at;
  }
  // Fibonacci hashing: the top bits of the product depend on all bits of the key.
  size_t home_of(uint64_t key) const { return (key * 0x9e3779b97f4a7c15ULL) >> shift_; }
  void grow();

  std::vector<Slot> slots_{size_t{1} << kLeastBits};
  unsigned shift_ = 64 - kLeastBits;  // leaves the number of a slot
  size_t size_ = 0;
};

}  // namespace butterfly

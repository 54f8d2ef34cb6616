// SPDX-License-Identifier: Apache-2.0
// How many flows of one lcore count for whom, and in what order those that are half-open began.
//
// A flow counts for one nic: that of who began it, or when that is on another host, that of whom it
// came to. So nobody can fill the account of another guest of the host. What has no nic here
// (flooded, from a tunnel) is nobody's. It also counts for the nic's segment.
//
// Key:      the port of the nic with the serial of its life; a segment's slot with its VNI. A new
//           life, or another VNI, begins at zero; what flows of the old one do then is ignored.
// Capacity: one account a port and a segment; nothing can overflow.
// Writer:   the lcore whose flows they are. Any thread may read counts, which are recent.
// Cost:     a flow's begin and end: two lines each; half-open ones also those of their neighbours.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include "base/ids.h"
#include "tables/flow_history.h"
#include "tables/lazy_array.h"
#include "tables/segment_table.h"

namespace butterfly {

class FlowAccounts {
 public:
  static constexpr uint32_t kNone = 0xffffffff;

  struct Counts {
    uint32_t flows = 0;
    uint32_t half_open = 0;
  };

  // `histories` outlives it.
  explicit FlowAccounts(LazyArray<FlowHistory>& histories);

  // The flow counts for `key` from now on. REQUIRES: it does not count yet; its verdicts say so.
  void enter(uint32_t entry, const AccountKey& key, bool is_half_open) noexcept;
  // Nor half-open any more. Does nothing for one that does not count.
  void leave(uint32_t entry) noexcept {
    if (histories_[entry].is_counted) end(entry);
  }
  // Whether its handshake is still to be completed.
  void set_half_open(uint32_t entry, bool is_half_open) noexcept;

  // The one that began first; kNone when there is none.
  uint32_t oldest_half_open(const AccountKey& key) const noexcept;
  // Whom the flow counts, or counted last, for.
  AccountKey key_of(uint32_t entry) const noexcept;

  // Any thread.
  Counts of_nic(const AccountKey& key) const noexcept;
  Counts of_segment(const AccountKey& key) const noexcept;

 private:
  void end(uint32_t entry) noexcept;

  struct Total {
    std::atomic<uint32_t> flows{0};
    std::atomic<uint32_t> half_open{0};
  };
  struct Account {
    std::atomic<uint32_t> serial{0};
    uint32_t oldest = kNone;
    uint32_t newest = kNone;
    Total total;
    uint16_t segment = 0;
    Vni vni;
  };
  struct SegmentAccount {
    std::atomic<uint32_t> vni{0};
    Total total;
  };
  struct Accounts {
    Account nics[kMaxPorts];
    SegmentAccount segments[kMaxSegments];
  };

  static constexpr auto kRelaxed = std::memory_order_relaxed;
  // One writer: no read-modify-write need be atomic.
  static void add(std::atomic<uint32_t>& count, uint32_t n) {
    count.store(count.load(kRelaxed) + n, kRelaxed);
  }
  // Null when the account has passed to another life since.
  Account* account_of(const FlowHistory& history) const noexcept;
  // Null when the segment's slot has passed to another one since, or it is nobody's account.
  SegmentAccount* segment_of(const Account& account) const noexcept;
  // Whether it is that of the nic in this life, on this segment.
  bool is_of(const Account& account, const AccountKey& key) const noexcept;
  [[gnu::noinline]] void pass_to(Account& account, const AccountKey& key) noexcept;
  void open_anew(Account& account, const AccountKey& key) noexcept;
  void move_to_segment(Account& account, const AccountKey& key) noexcept;
  // `entry` kNone: before the oldest.
  void set_newer(Account& account, uint32_t entry, uint32_t newer) noexcept;
  void link(uint32_t entry, Account& account, SegmentAccount* segment) noexcept;
  void unlink(uint32_t entry, Account& account) noexcept;

  LazyArray<FlowHistory>& histories_;
  std::unique_ptr<Accounts> accounts_;
};

// Beyond this line: what each new flow does.

inline FlowAccounts::SegmentAccount* FlowAccounts::segment_of(
    const Account& account) const noexcept {
  SegmentAccount& segment = accounts_->segments[account.segment];
  const bool is_it = account.vni.value != 0 && segment.vni.load(kRelaxed) == account.vni.value;
  return is_it ? &segment : nullptr;
}

inline bool FlowAccounts::is_of(const Account& account, const AccountKey& key) const noexcept {
  return account.serial.load(kRelaxed) == key.serial && account.vni.value == key.vni.value &&
         account.segment == key.segment && segment_of(account);
}

inline void FlowAccounts::set_newer(Account& account, uint32_t entry, uint32_t newer) noexcept {
  if (entry == kNone) {
    account.oldest = newer;
  } else {
    histories_[entry].half_open.newer = newer;
  }
}

inline void FlowAccounts::link(uint32_t entry, Account& account, SegmentAccount* segment) noexcept {
  histories_[entry].half_open = {account.newest, kNone};
  set_newer(account, account.newest, entry);
  account.newest = entry;
  add(account.total.half_open, 1);
  if (segment) add(segment->total.half_open, 1);
}

inline void FlowAccounts::enter(uint32_t entry, const AccountKey& key, bool is_half_open) noexcept {
  FlowHistory& history = histories_[entry];
  Account& account = accounts_->nics[key.port.value];
  history.account = key.port.value & 0x0fff;
  history.is_counted = 1;
  history.is_half_open = is_half_open;
  if (!key.is_nobody() && !is_of(account, key)) [[unlikely]]
    pass_to(account, key);
  SegmentAccount* segment = segment_of(account);
  add(account.total.flows, 1);
  if (segment) add(segment->total.flows, 1);
  if (is_half_open) link(entry, account, segment);
}

}  // namespace butterfly

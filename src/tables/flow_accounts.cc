// SPDX-License-Identifier: Apache-2.0
#include "tables/flow_accounts.h"

namespace butterfly {
namespace {

constexpr uint32_t kOneLess = 0xffffffff;

}  // namespace

FlowAccounts::FlowAccounts(LazyArray<FlowHistory>& histories)
    : histories_(histories), accounts_(std::make_unique<Accounts>()) {}

FlowAccounts::Account* FlowAccounts::account_of(const FlowHistory& history) const noexcept {
  Account& account = accounts_->nics[history.account];
  const bool is_its_life = history.account == kUplinkPort.value ||
                           account.serial.load(kRelaxed) == history.owner_serial();
  return is_its_life ? &account : nullptr;
}

// What of the old life is left counts for nobody, and its half-open ones are in no order.
void FlowAccounts::open_anew(Account& account, const AccountKey& key) noexcept {
  if (SegmentAccount* segment = segment_of(account)) {
    add(segment->total.flows, 0 - account.total.flows.load(kRelaxed));
    add(segment->total.half_open, 0 - account.total.half_open.load(kRelaxed));
  }
  account.total.flows.store(0, kRelaxed);
  account.total.half_open.store(0, kRelaxed);
  account.oldest = account.newest = kNone;
  account.vni = Vni{0};
  account.serial.store(key.serial, kRelaxed);
}

// With all that it has: who moves takes its flows along.
void FlowAccounts::move_to_segment(Account& account, const AccountKey& key) noexcept {
  const uint32_t flows = account.total.flows.load(kRelaxed);
  const uint32_t half_open = account.total.half_open.load(kRelaxed);
  if (SegmentAccount* before = segment_of(account)) {
    add(before->total.flows, 0 - flows);
    add(before->total.half_open, 0 - half_open);
  }
  account.segment = key.segment;
  account.vni = key.vni;
  SegmentAccount& segment = accounts_->segments[key.segment];
  if (segment.vni.load(kRelaxed) != key.vni.value) {
    segment.total.flows.store(0, kRelaxed);
    segment.total.half_open.store(0, kRelaxed);
    segment.vni.store(key.vni.value, kRelaxed);
  }
  add(segment.total.flows, flows);
  add(segment.total.half_open, half_open);
}

void FlowAccounts::pass_to(Account& account, const AccountKey& key) noexcept {
  if (account.serial.load(kRelaxed) != key.serial) open_anew(account, key);
  if (!is_of(account, key)) move_to_segment(account, key);
}

void FlowAccounts::end(uint32_t entry) noexcept {
  FlowHistory& history = histories_[entry];
  set_half_open(entry, false);
  history.is_counted = 0;
  Account* account = account_of(history);
  if (!account) return;
  add(account->total.flows, kOneLess);
  if (SegmentAccount* segment = segment_of(*account)) add(segment->total.flows, kOneLess);
}

void FlowAccounts::set_half_open(uint32_t entry, bool is_half_open) noexcept {
  FlowHistory& history = histories_[entry];
  if (!history.is_counted || history.is_half_open == is_half_open) return;
  history.is_half_open = is_half_open;
  Account* account = account_of(history);
  if (account && is_half_open) link(entry, *account, segment_of(*account));
  if (account && !is_half_open) unlink(entry, *account);
  if (!is_half_open) history.before_of_responder = {};  // the links lay there
}

void FlowAccounts::unlink(uint32_t entry, Account& account) noexcept {
  const auto [older, newer] = histories_[entry].half_open;
  set_newer(account, older, newer);
  if (newer == kNone) {
    account.newest = older;
  } else {
    histories_[newer].half_open.older = older;
  }
  add(account.total.half_open, kOneLess);
  if (SegmentAccount* segment = segment_of(account)) add(segment->total.half_open, kOneLess);
}

uint32_t FlowAccounts::oldest_half_open(const AccountKey& key) const noexcept {
  const Account& account = accounts_->nics[key.port.value];
  return account.serial.load(kRelaxed) == key.serial ? account.oldest : kNone;
}

AccountKey FlowAccounts::key_of(uint32_t entry) const noexcept {
  const FlowHistory& history = histories_[entry];
  const Account& account = accounts_->nics[history.account];
  return {PortId{history.account}, history.owner_serial(), account.segment, account.vni};
}

FlowAccounts::Counts FlowAccounts::of_nic(const AccountKey& key) const noexcept {
  const Account& account = accounts_->nics[key.port.value];
  if (account.serial.load(kRelaxed) != key.serial) return {};
  return {account.total.flows.load(kRelaxed), account.total.half_open.load(kRelaxed)};
}

FlowAccounts::Counts FlowAccounts::of_segment(const AccountKey& key) const noexcept {
  const SegmentAccount& segment = accounts_->segments[key.segment];
  if (segment.vni.load(kRelaxed) != key.vni.value) return {};
  return {segment.total.flows.load(kRelaxed), segment.total.half_open.load(kRelaxed)};
}

}  // namespace butterfly

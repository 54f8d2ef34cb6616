// SPDX-License-Identifier: Apache-2.0
// Jobs of an lcore about its flows: copy, count, erase, put in.
//
// Cost of a slice: kLooks entries looked at, or kWrites written, some microseconds at most.
#pragma once

#include <array>
#include <span>

#include "host/flow_reports.h"
#include "host/lcore_mailbox.h"
#include "tables/flow_admission.h"

namespace butterfly {

// Looks at the flows of a table in order of their entries. A job ends after kEntries of them, so
// that others get their turn and whoever asked may give up; the same job posted again goes on.
class ScanJob : public LcoreJob {
 public:
  bool do_slice(FlowTable& flows, TimeMs now) noexcept final;
  // Whether the whole table was looked at.
  bool is_at_end() const { return next_ == FlowTable::kNoMore; }

 protected:
  static constexpr uint32_t kLooks = 128;
  static constexpr uint32_t kWrites = 32;
  static constexpr uint32_t kEntries = 65536;

  explicit ScanJob(const FlowFilter& filter) : filter_(filter) {}
  ~ScanJob() = default;
  // A live flow that matches. False: no more in this slice.
  virtual bool take(FlowTable& flows, Flow& flow, TimeMs now) noexcept = 0;
  // Before a slice: whether the job is over for now.
  virtual bool is_full() const noexcept { return false; }
  virtual void begin_slice() noexcept {}

 private:
  const FlowFilter filter_;
  uint32_t next_ = 0;
  uint32_t looked_ = 0;  // since it was posted
};

// Copies them into `room`, until that is full.
class CopyFlowsJob final : public ScanJob {
 public:
  CopyFlowsJob(const FlowFilter& filter, std::span<FlowRecord> room)
      : ScanJob(filter), room_(room) {}
  // What was copied; empties the room.
  std::span<const FlowRecord> take_copied();

 private:
  bool take(FlowTable& flows, Flow& flow, TimeMs now) noexcept override;
  bool is_full() const noexcept override { return count_ == room_.size(); }

  std::span<FlowRecord> room_;
  size_t count_ = 0;
};

class CountFlowsJob final : public ScanJob {
 public:
  CountFlowsJob(const FlowFilter& filter, FlowCounts& counts) : ScanJob(filter), counts_(counts) {}

 private:
  bool take(FlowTable& flows, Flow& flow, TimeMs now) noexcept override;
  FlowCounts& counts_;
};

class EraseFlowsJob final : public ScanJob {
 public:
  explicit EraseFlowsJob(const FlowFilter& filter) : ScanJob(filter) {}
  uint64_t erased() const { return erased_; }

 private:
  bool take(FlowTable& flows, Flow& flow, TimeMs now) noexcept override;
  void begin_slice() noexcept override { writes_ = 0; }
  uint64_t erased_ = 0;
  uint32_t writes_ = 0;
};

// A flow that came from another host, on its way into the table of the lcore that owns it.
struct IncomingFlow {
  enum class Fate : uint8_t { open, inserted, renewed, kept, expired, no_room };

  FlowRecord record;
  wire::FlowKey key;
  wire::FlowId id;
  uint32_t hash;
  bool initiator_is_high;
  Role role;  // of the nic that it comes with
  Fate fate = Fate::open;
};

// Puts flows of one nic in, in steps that the asker posts one after the other.
class PutFlowsJob final : public LcoreJob {
 public:
  enum class Step : uint8_t {
    insert,  // those that are not there; ends at the first that finds no room, or is one too many
    merge,   // the others; cannot fail
    undo,    // takes those out again that `insert` has put in
  };
  // `nic`: whom they count for. All flows belong to this lcore; `admission` is its own.
  PutFlowsJob(std::span<IncomingFlow> flows, const AccountKey& nic, const FlowAdmission& admission,
              Step step)
      : flows_(flows), nic_(nic), admission_(admission), step_(step) {}
  bool do_slice(FlowTable& flows, TimeMs now) noexcept override;
  bool has_failed() const { return has_failed_; }
  // Why, of `insert`: ok when the table is full.
  Admission refusal() const { return refusal_; }

 private:
  static constexpr size_t kFlows = 32;

  void begin(FlowTable& flows, Flow& flow, Role role) const noexcept;
  void insert(FlowTable& flows, IncomingFlow& incoming, TimeMs now) noexcept;
  void merge(FlowTable& flows, IncomingFlow& incoming, TimeMs now) const noexcept;
  std::span<IncomingFlow> flows_;
  // Generation 0 is older than any policy: its nic's rules are asked at its next packet.
  NicVerdict verdict() const { return {nic_.serial, 0, 0}; }

  const AccountKey nic_;
  const FlowAdmission& admission_;
  const Step step_;
  Admission refusal_ = Admission::ok;
  size_t next_ = 0;
  bool has_failed_ = false;
};

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// How packets get into an lcore's event log.
#pragma once

#include "graph/lcore.h"
#include "tables/procedure.h"
#include "tables/ruleset.h"

namespace butterfly {

// Drops a packet that has taken `out` of the node `node`.
// Cost when nobody watches: a look at a word of the lcore's own.
[[gnu::cold]] void note_drop(size_t node, size_t out, const Packet& packet, Lcore& lcore);
inline void drop_at(size_t node, size_t out, Packet& packet, Lcore& lcore) {
  if (lcore.watches_drops()) [[unlikely]]
    note_drop(node, out, packet, lcore);
  lcore.drop(packet);
}

// What came of learning where a packet's sender is: nothing, unless it is news (learnt, moved,
// held, or a limit). As cheap as drop_at() when nobody watches.
[[gnu::cold]] void note_station_event(const Packet& packet, Fdb::Learnt learnt, Lcore& lcore);
inline void note_station(const Packet& packet, Fdb::Learnt learnt, Lcore& lcore) {
  if (lcore.logging()) [[unlikely]]
    note_station_event(packet, learnt, lcore);
}

// What is noted when a rule decides about the start of a connection: one hit of the rule, and, when
// it lets it start, its procedure wants that and somebody watches, an event. Of one lcore; for the
// life of a snapshot.
class StartNotes {
 public:
  StartNotes(const ProcedureTable& procedures, Lcore& lcore)
      : procedures_(procedures), lcore_(lcore) {}

  void count(const Rule& rule) const { lcore_.hits().add(rule.hits_slot); }
  // REQUIRES: `match` names a rule.
  void note(const Packet& packet, Direction direction, const Match& match) const {
    if (match.rule->procedure != 0 && lcore_.logging()) note_event(packet, direction, match);
  }
  // The rule that refuses the packet at hand, so that whoever watches is told; null: none does.
  void refuse_by(const Rule* rule) const {
    if (lcore_.logging()) [[unlikely]]
      lcore_.events().set_refusing(rule ? &rule->id : nullptr);
  }
  // What the flow is to remember of its rule's procedure: nothing when all it does was done with
  // the first packet, so that the flow can take the shortcut.
  ProcedureSlot lasting(ProcedureSlot slot) const {
    if (slot == 0) return 0;
    const Procedure* procedure = procedures_.at(slot);
    return procedure && !procedure->changes_packets() ? ProcedureSlot{0} : slot;
  }

 private:
  [[gnu::cold]] void note_event(const Packet& packet, Direction direction,
                                const Match& match) const;

  const ProcedureTable& procedures_;
  Lcore& lcore_;
};

}  // namespace butterfly

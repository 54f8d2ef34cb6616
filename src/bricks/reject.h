// SPDX-License-Identifier: Apache-2.0
// Tells the sender of a refused packet that it was refused: a TCP reset, or ICMP "administratively
// prohibited". For groups that want that instead of silence.
// Sources: RFC 9293 §3.10.7.1 (reset), 1812 §5.2.7.1 and 4443 §3.1 (prohibited).
#pragma once

#include "graph/brick.h"
#include "graph/lcore.h"
#include "tables/token_bucket.h"

namespace butterfly {

// In:   a packet that `firewall` refused, parsed; in_port and, through a tunnel, source_peer.
// Out:  to_guest, to_wire: the packet turned into the answer to its sender, in place, out_port and
//       peer set. It passes no firewall: who is refused here is told so by its own switch, and
//       another host knows the connection that the answer is about.
// Cost: a sum over the answer.
//
// Never answered: resets, and what icmp_answer.h names.
class Reject {
 public:
  enum class Out : uint8_t { to_guest, to_wire, silent, limited };
  static constexpr std::array kOuts{
      OutInfo{"to-guest", Edge::forward, "refused: its sender, a guest of this host, is told"},
      OutInfo{"to-wire", Edge::forward, "refused: its sender, behind a tunnel, is told"},
      OutInfo{"silent", Edge::drop, "refused by the rules, and nothing that may be answered"},
      OutInfo{"limited", Edge::drop,
              "refused by the rules; not answered, as many others just were"},
  };
  static constexpr BrickInfo kInfo{"reject", kOuts};
  using Trace = NoTrace;

  // How many answers an lcore may give; the bucket is the lcore's, so snapshots do not refill it.
  static constexpr uint32_t kAnswersPerSecond = 1000;
  static constexpr uint32_t kAnswersAtOnce = 100;

  Reject(TokenBucket& answers, const Lcore& lcore) : answers_(answers), lcore_(lcore) {}

  Out operator()(Packet& packet, Trace* trace) noexcept;

 private:
  TokenBucket& answers_;
  const Lcore& lcore_;
};
static_assert(DecidingBrick<Reject>);

}  // namespace butterfly

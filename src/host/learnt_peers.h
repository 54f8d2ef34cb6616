// SPDX-License-Identifier: Apache-2.0
// Peers that nobody has configured: endpoints that have spoken for segments that learn their peers.
// They are as good as configured ones while they last, but no part of the intent.
//
// Control side, by the one who applies changes. A value: an attempt works on a copy.
#pragma once

#include <functional>
#include <map>
#include <set>

#include "base/clock.h"
#include "host/intent/intent.h"
#include "tables/stranger_table.h"

namespace butterfly {

class LearntPeers {
 public:
  // Not forgotten before, so that a peer has its chance to be heard.
  static constexpr uint32_t kLeastMs = 60'000;

  // Takes those that may be peers: of segments that learn, not configured, as many as
  // `learnt_peers` of `intent` allows. Whether any is new, or speaks for a further segment.
  bool take(const std::vector<StrangerTable::Stranger>& strangers, const Intent& intent,
            const std::function<bool(const IpAddress&)>& may_be_peer, TimeMs now);
  // Forgets those that are configured by now, whose segments do not learn any more, and the old
  // ones that are not in use. Whether there were any.
  bool forget(const Intent& intent, const std::function<bool(const IpAddress&)>& is_in_use,
              TimeMs now);
  // The intent with them among its peers: what the host works by.
  Intent add_to(const Intent& intent) const;

  bool contains(const IpAddress& address) const { return peers_.contains(address); }
  bool empty() const { return peers_.empty(); }

 private:
  struct Learnt {
    std::set<Vni> vnis;
    TimeMs since;
  };
  std::map<IpAddress, Learnt> peers_;
};

// Whether any segment learns its peers.
bool learns_peers(const Intent& intent);

}  // namespace butterfly

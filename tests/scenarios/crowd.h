// SPDX-License-Identifier: Apache-2.0
// Unrelated traffic that shares every burst with a scenario's packets: of another tenant, which has
// the same addresses and ports, between two guests of this host and through the tunnel. It must
// make no difference, and what it counts is known, so that the scenario's own counts can be told.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "scenarios/frames.h"
#include "scenarios/intent_lines.h"
#include "scenarios/scripted_host.h"

namespace butterfly::scenario {

class Crowd {
 public:
  // Adds the tenant to what a scenario wants.
  static void move_in(Wanted& wanted);

  // How a scenario's packet is sent: `feed` feeds it, the crowd around it in the same burst; then
  // the host works. The crowd's own frames are not among the host's sightings afterwards.
  template <typename Feed>
  void send(ScriptedHost& host, Feed feed) {
    measure(host);
    feed_half(host, 0);
    feed();
    feed_half(host, 1);
    host.settle();
  }
  // Of what came out, the crowd's part is taken away.
  static void leave_out(std::vector<Sighting>& sightings);
  // What the crowd has added to a counter, by "brick/out".
  uint64_t share(const std::string& counter) const;

 private:
  void measure(ScriptedHost& host);
  static void feed_half(ScriptedHost& host, unsigned half);

  std::map<std::string, uint64_t> shares_;
};

}  // namespace butterfly::scenario

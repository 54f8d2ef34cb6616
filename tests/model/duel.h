// SPDX-License-Identifier: Apache-2.0
// Switch against reference: the same steps are done to two hosts, one with the shortcut and one
// without it that has two lcores, and to the reference, and after each packet all three must say
// the same: where it came out, or why it did not.
#pragma once

#include <array>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "model/reference.h"
#include "model/step.h"
#include "model/world.h"
#include "scenarios/scripted_host.h"

namespace butterfly::model {

class Duel {
 public:
  struct Tally {
    uint64_t steps = 0;
    uint64_t packets = 0;
    uint64_t delivered = 0;
    uint64_t dropped = 0;
    uint64_t doubtful = 0;    // not sent: the reference has no opinion
    uint64_t impossible = 0;  // not sent: an end is not there
    std::map<std::string, uint64_t> doubts;

    Tally& operator+=(const Tally& more);
  };

  explicit Duel(const World& world, const Reference::Mistakes& mistakes = {});

  // Does it; what differed, for people, or nothing.
  std::optional<std::string> play(const Step& step);
  // All of them, until something differs.
  std::optional<std::string> play(const Steps& steps);
  // That no packet was lost or made from nothing.
  Status audit() const;

  const Reference& reference() const { return reference_; }
  const Intent& intent() const { return intent_; }
  int64_t now() const { return now_; }
  const Tally& tally() const { return tally_; }

 private:
  // A host, and how often each of its reasons to drop had been given.
  struct Side {
    const char* name;
    std::unique_ptr<scenario::ScriptedHost> host;
    std::vector<uint64_t> drops;
  };

  // A packet on its way, and what the reference says of it.
  struct Sent {
    Packet packet;
    Fate fate;
  };

  static std::unique_ptr<scenario::ScriptedHost> make_host(bool shortcut, uint16_t lcores);
  std::optional<std::string> send(const std::vector<Packet>& packets);
  // Those that can be sent, judged. They do not depend on one another.
  std::vector<Sent> judge(const std::vector<Packet>& packets);
  std::optional<std::string> see(Side& side, const std::vector<Sent>& sent);
  std::optional<std::string> apply();
  std::optional<std::string> forget(Vni vni);
  // The reasons given since the last call, "BRICK/OUT" a packet.
  static std::vector<std::string> new_drops(Side& side);
  void follow_clock(uint32_t before);

  const World& world_;
  Reference reference_;
  Intent intent_;
  std::array<Side, 2> sides_;
  int64_t now_ = 0;
  Tally tally_;
};

}  // namespace butterfly::model

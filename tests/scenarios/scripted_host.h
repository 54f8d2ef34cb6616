// SPDX-License-Identifier: Apache-2.0
// A whole host without threads, guests or devices: scripted ports, and a clock of its own.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "host/host.h"
#include "ports/scripted.h"

namespace butterfly::scenario {

// A frame that came out of a port.
struct Sighting {
  std::string port;  // nic id or "uplink"
  ScriptedLink::Frame frame;
};

class ScriptedHost : private PortFactory {
 public:
  // The uplink is there when the options name a VTEP. Options of threads and ports are overridden.
  static StatusOr<std::unique_ptr<ScriptedHost>> create(HostOptions options);

  // Makes `intent` the host's; `neighbours` answer on the underlay from now on.
  Status apply(const Intent& intent, const std::map<IpAddress, Mac>& neighbours);
  // The other side of a port that was ever made; null when there was none of this name.
  ScriptedLink* link(const std::string& port);

  // Runs rounds until what is fed has come out; takes a millisecond.
  void settle();
  // Lets time pass, with rounds all the while.
  void advance(uint32_t duration_ms);
  // One round, in which not everything comes out.
  void round();
  TimeMs now() const { return now_; }
  // What came out since the last call. Questions to neighbours that answer are not among it.
  std::vector<Sighting> take_sightings();

  Host& host() { return *host_; }
  // What is wrong with the books: packets lost or made from nothing, buffers leaked. Ok if nothing.
  Status audit() const;

 private:
  ScriptedHost();
  StatusOr<std::unique_ptr<Port>> make(const NicIntent& nic, PortId id,
                                       const std::vector<uint16_t>& lcores) override;
  std::string socket_path(const NicIntent&) const override { return {}; }

  // Whether a port that is polled has frames that were not received yet.
  bool has_waiting() const;
  // Whether the frame asks for a neighbour that answers; the answer is fed then.
  bool answer(const ScriptedLink::Frame& frame);

  const uint32_t buffers_before_;
  TimeMs now_;
  std::map<std::string, std::shared_ptr<ScriptedLink>> links_;
  std::map<IpAddress, Mac> neighbours_;
  std::vector<Sighting> sightings_;
  std::unique_ptr<Host> host_;
};

}  // namespace butterfly::scenario

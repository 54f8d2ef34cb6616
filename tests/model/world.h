// SPDX-License-Identifier: Apache-2.0
// Where the steps happen: one host with some nics in one or two segments that have the same MACs
// and addresses, two stations of each behind tunnels, groups and rules. The same for one seed.
//
// Every MAC is known without learning, by nics and static entries, so that no packet is flooded.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "host/intent/intent.h"
#include "model/reference.h"
#include "model/step.h"
#include "scenarios/dice.h"
#include "scenarios/frames.h"

namespace butterfly::model {

using scenario::Dice;
using scenario::Frame;

inline constexpr unsigned kMaxNics = 4;      // of a segment: stations 0 to 3
inline constexpr unsigned kFarStations = 2;  // stations 4 and 5, each behind a peer of its own
inline constexpr unsigned kStations = kMaxNics + kFarStations;
// All nics of a segment have this one's addresses too, as virtual ones that move.
inline constexpr unsigned kSharedAddress = kStations;
inline constexpr unsigned kGroups = 4;

// Of a station, or the shared one.
IpAddress address_of(unsigned station, bool is_v4);
constexpr bool is_far(unsigned station) { return station >= kMaxNics; }
const std::vector<RuleIntent>& rules_of_world();

class World {
 public:
  explicit World(uint64_t seed);

  const Intent& first() const { return first_; }
  const std::map<IpAddress, Mac>& neighbours() const { return neighbours_; }
  // Its number in its segment.
  unsigned station_of(unsigned nic) const { return stations_[nic]; }
  unsigned segments() const { return segments_; }
  Vni vni_of(unsigned segment) const { return Vni{100 * (segment + 1)}; }
  // Nics are numbered over all segments.
  unsigned nics() const { return static_cast<unsigned>(nics_.size()); }
  const std::string& nic(unsigned number) const { return nics_[number]; }
  // Empty: the station is behind a tunnel, or there is no such nic.
  std::string nic_at(unsigned segment, unsigned station) const;
  bool is_inhabited(unsigned segment, unsigned station) const {
    return is_far(station) || !nic_at(segment, station).empty();
  }

  // Intent after the step; the step does not send packets nor let time pass.
  void change(Intent& intent, const Step& step) const;
  // False when the packet cannot be sent now: a nic is not there, or it would go nowhere.
  bool is_possible(const Intent& intent, const Packet& packet) const;
  Arrival arrival_of(const Packet& packet) const;
  // The port where it enters, and the frame as it enters there.
  std::string port_of(const Packet& packet) const;
  Frame frame_of(const Packet& packet) const;
  Frame fed_frame_of(const Packet& packet) const;
  // For people: "nic s0n1 > far 4: 10.0.0.2 …".
  std::string to_string(const Step& step) const;

 private:
  void add_nics(Dice& dice);
  void add_groups(Dice& dice);
  void add_far_stations();
  void set_knobs(Dice& dice);
  std::string to_string(const Packet& packet) const;

  unsigned segments_ = 1;
  Intent first_;
  std::vector<std::string> nics_;
  std::vector<unsigned> stations_;  // by nic
  std::map<IpAddress, Mac> neighbours_;
};

}  // namespace butterfly::model

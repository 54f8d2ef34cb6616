// SPDX-License-Identifier: Apache-2.0
// Traffic between the stations of RandomTenants, honest and hostile, fed to two hosts at once.
//
// Packets that come at once and go different ways may overtake one another in either host, so
// nothing here depends on their order: a connection goes one way in a burst, and a station that
// appears elsewhere sends its first frame there alone. Nor does anything happen in the few seconds
// in which a station may be forgotten by one host and not yet by the other.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "scenarios/dice.h"
#include "scenarios/random_tcp.h"
#include "scenarios/random_tenants.h"
#include "scenarios/twin_hosts.h"

namespace butterfly::scenario {

class RandomTraffic {
 public:
  RandomTraffic(Dice& dice, TwinHosts& hosts, uint32_t ageing_ms);

  // Intent has changed; most guests notice.
  void follow(const Intent& intent);
  // All connections end, and others come.
  void renew();
  // Some stations go elsewhere, some guests are switched off or on.
  void wander();
  // One burst, in up to a few settlings. Without `to_the_end` its last frames wait in the ports.
  void burst(bool hostile, bool to_the_end);
  void let_pass(uint32_t duration_ms) { hosts_.advance(duration_ms); }

 private:
  // Where a station is: at a nic or behind a peer.
  struct Place {
    std::string nic;  // empty: behind the peer
    unsigned peer = 0;
    friend bool operator==(const Place&, const Place&) = default;
  };
  struct Station {
    unsigned tenant = 0;
    unsigned number = 0;
    Mac mac;
    Place place;
  };
  enum class Kind : uint8_t { tcp, udp, echo, bare };
  // A connection. Station numbers are places in stations_.
  struct Talk {
    Kind kind = Kind::tcp;
    bool is_v4 = true;
    unsigned client = 0;
    unsigned server = 0;
    bool is_shared = false;  // the server's address is the one that two nics have
    uint16_t client_port = 0;
    uint16_t server_port = 0;
    uint32_t offloads = 0;  // percent of its packets that are left to the device to finish
    RandomTcp tcp;
  };

  Talk make_talk();
  void turn(Talk& talk, bool hostile);
  void talk_once(Talk& talk, bool from_client, bool hostile);
  Frame frame_of(const Talk& talk, const TcpSegment& segment);
  Frame frame_of(const Talk& talk, bool from_client);
  Envelope envelope_of(const Talk& talk, bool from_client);
  // Sends a frame as `station` does, or, hostile, in one of the ways that it should not.
  void send_from(const Station& station, Frame frame, bool hostile,
                 const ScriptedLink::Requests& requests = {});
  ScriptedLink::Requests requests_for(const Talk& talk, bool hostile);
  void spoil(Frame& frame);
  void send_error(const Talk& talk, const Frame& about, bool from_client);
  void send_oddity();
  void send(const Place& place, Vni vni, const Frame& frame,
            const ScriptedLink::Requests& requests);
  // Before the frame of a connection that goes another way in this burst, all others come out.
  void keep_apart(const Place& place, Vni vni, const Frame& frame);
  void settle();
  Vni vni_at(const Place& place, Vni wanted) const;
  bool is_configured(Vni vni, const Mac& mac) const;
  Place any_place();
  void wait_until_ageing_is_clear();

  Dice& dice_;
  TwinHosts& hosts_;
  const uint32_t ageing_ms_;
  Intent intent_;
  std::vector<Station> stations_;
  std::vector<Talk> talks_;
  std::map<std::pair<Vni, Mac>, Place> heard_;         // where those were that hosts have to learn
  std::map<std::vector<uint64_t>, std::string> ways_;  // of the connections of this burst
  std::vector<TimeMs> burst_times_;
  uint32_t first_busy_ = 0;  // of talks_
  uint32_t number_ = 0;      // of packets
};

}  // namespace butterfly::scenario

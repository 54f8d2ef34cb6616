// SPDX-License-Identifier: Apache-2.0
// What the host tells the control side: plain values, no DPDK.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/ids.h"
#include "base/ip.h"
#include "base/mac.h"
#include "graph/capture_point.h"
#include "wire/frame_summary.h"

namespace butterfly {

// One named out of one brick, summed over the lcores.
struct OutReport {
  std::string node;  // "parse-inner"
  std::string out;   // "bad-ip-length"
  bool drop = false;
  std::string sentence;  // what the out means
  uint64_t packets = 0;
  uint64_t bytes = 0;
};

// received + made + copied + taken_over == sent + merged + dropped + handed_over + held, when the
// host is quiet.
struct LedgerReport {
  uint64_t received = 0;
  uint64_t made = 0;
  uint64_t copied = 0;
  uint64_t sent = 0;
  uint64_t merged = 0;  // into packets that are sent
  uint64_t dropped = 0;
  uint64_t handed_over = 0;
  uint64_t taken_over = 0;
  uint64_t held = 0;  // fragments that wait for the first of their datagram
  uint64_t no_buffer = 0;
};

struct CounterReport {
  std::vector<OutReport> outs;  // in packet order
  LedgerReport ledger;
};

struct NicReport {
  std::string id;
  bool connected = false;          // guest driver up, or tap present
  std::string socket;              // vhost-user: its path; else empty
  std::string tap_name;            // tap: the kernel interface; else empty
  uint16_t lcore = 0;              // index of the lcore that polls it, or its first queue pair
  std::vector<uint16_t> lcores{};  // of all that do
  uint16_t queue_pairs = 0;        // in use; 0 while nobody is there
  uint64_t rx_packets = 0;         // from the guest
  uint64_t rx_bytes = 0;
  uint64_t rx_refused = 0;  // frames longer than the port takes
  uint64_t tx_packets = 0;  // to the guest
  uint64_t tx_bytes = 0;
  uint64_t tx_refused = 0;  // ring full or not connected
  uint64_t flows = 0;       // that count for it (tables/flow_accounts.h)
  uint64_t half_open = 0;   // of these
  uint16_t guest_mtu = 0;   // that QEMU has told the guest; 0: nothing
  uint32_t macs = 0;        // learnt at it
};

struct LcoreReport {
  uint16_t index = 0;
  unsigned cpu = 0;
  bool sleeping = false;
  uint64_t rounds = 0;       // of the poll loop
  uint64_t busy_rounds = 0;  // rounds that moved a packet
  uint64_t flows = 0;        // tracked now
  uint64_t flow_capacity = 0;
  uint64_t flows_evicted = 0;  // half-open ones that made way for new ones
  uint32_t busy_percent = 0;   // of its time, in rounds that moved packets; at the last look
};

// A nic that was moved to another lcore because of their loads.
struct MoveReport {
  std::string nic;
  uint16_t from = 0;
  uint16_t to = 0;
  uint32_t busy_from = 0;  // percent, before
  uint32_t busy_to = 0;
  std::chrono::steady_clock::time_point time{};
};

struct BalanceReport {
  bool is_on = false;
  uint64_t moves = 0;
  std::optional<MoveReport> last{};
};

// Who can hold how many ordinary packet buffers at the same time, at most.
struct BufferUse {
  std::string what;
  uint64_t buffers = 0;
  std::string why;
};

// Bytes of the memory that was set aside at the start.
struct MemoryReport {
  uint64_t total = 0;
  bool is_computed = false;  // else as configured
  uint64_t packets = 0;
  uint64_t super_frames = 0;
  uint64_t devices = 0;  // rings and states of ports
  uint64_t free = 0;
};

// One of several devices that are the uplink.
struct UplinkMember {
  std::string name;
  std::string driver;  // of DPDK
  bool has_link = false;
  bool is_usable = false;  // it carries, or would if it had to
  std::string why;         // it is not; empty: it is
  std::string partner;     // LACP: MAC of the system at its other end; empty: none speaks
  uint64_t rx_packets = 0, tx_packets = 0;
};

// What the host only passes on: how the uplink is driven.
struct UplinkFacts {
  std::string driver{};                 // of DPDK
  uint16_t vlan = 0;                    // tag of the underlay; 0: none
  std::string backup{};                 // a second device; empty: none
  std::string active{};                 // with a backup: the device in use
  std::vector<UplinkMember> members{};  // when there are several
};

struct UplinkReport {
  std::string device;
  bool link_up = false;
  IpAddress address;
  Mac mac;
  uint16_t mtu = 0;
  uint16_t inner_mtu = 0;  // largest IP packet that guests can send to a peer
  uint64_t rx_packets = 0;
  uint64_t rx_bytes = 0;
  uint64_t tx_packets = 0;
  uint64_t tx_bytes = 0;
  UplinkFacts facts{};
};

struct PeerReport {
  IpAddress address;
  IpAddress next_hop;
  Mac next_hop_mac;         // zero while unresolved
  bool is_learnt = false;   // no part of the intent
  std::vector<Vni> vnis{};  // of learnt ones: the segments that it has spoken for
};

struct HostReport {
  Generation generation = 0;
  std::vector<LcoreReport> lcores;
  std::optional<UplinkReport> uplink;
  std::vector<PeerReport> peers;
  uint32_t buffers = 0;  // packet buffers of the host
  uint32_t buffers_used = 0;
  bool hugepages = false;
  uint64_t fdb_entries = 0;  // learnt
  uint64_t fdb_capacity = 0;
  uint64_t fdb_moved = 0;       // times that a learnt MAC moved
  uint64_t fdb_held = 0;        // times that one moved too often
  uint64_t fdb_not_learnt = 0;  // frames whose MAC a full segment or table did not learn
  BalanceReport balance{};
  std::vector<BufferUse> buffer_uses{};
  MemoryReport memory{};
  std::vector<std::string> warnings;  // e.g. an underlay too small for 1,500-byte guests
};

// Which stations; empty members match anything.
struct StationQuery {
  std::optional<Vni> vni;
  std::optional<Mac> mac;
  std::string nic;                // id; at most one of nic and peer
  std::optional<IpAddress> peer;  // behind which it is
  bool learnt_only = false;
};

// A MAC of a segment, and where it is.
struct StationReport {
  enum class Kind : uint8_t { nic, configured, learnt };

  Vni vni;
  Mac mac;
  Kind kind = Kind::learnt;  // a nic's own, a static entry's, or learnt
  std::string nic;           // id; empty: behind `peer`
  std::optional<IpAddress> peer;
  uint32_t age_ms = 0;   // of a learnt one: since it was last seen
  bool is_held = false;  // it has moved too often, and stays for a while
};

// How often a rule has let a connection start since it came into its group.
struct RuleHits {
  std::string rule;              // id
  std::optional<uint64_t> hits;  // empty: not counted, the host has more rules than counts
};

// Which drops and starts somebody wants to be told.
struct LogQuery {
  static constexpr uint32_t kMaxSample = 1'000'000;
  static constexpr uint32_t kMaxPerSecond = 10'000;
  static constexpr size_t kMaxWatchers = 16;

  std::string nic;    // by which the packet enters or leaves; empty: any
  std::string brick;  // and out: only drops by this one; empty: all
  std::string out;
  bool drops = true;
  bool starts = true;         // of connections, by rules whose procedure says log
  uint32_t sample_every = 1;  // one in so many, of each out: 1 to kMaxSample
  uint32_t per_second = 100;  // at most: 1 to kMaxPerSecond
  uint64_t count = 0;         // ends after so many; 0: goes on
};

// One packet that was dropped, or that a rule let start a connection.
struct LogReport {
  bool is_drop = true;
  std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds> time;
  uint16_t lcore = 0;
  std::string brick;
  std::string out;
  std::string sentence;  // what the out means
  std::string from;      // nic id, "uplink", "(gone)", or empty: made by the switch
  std::string to;        // as `from`; empty: not known yet
  Vni vni;               // 0: not known yet
  uint32_t length = 0;   // bytes
  wire::FrameSummary frame;
  std::string rule;        // that decided; empty: none did
  std::string group;       // its group; empty: the guard list
  std::string procedure;   // whose rate it exceeded; empty: none's
  uint64_t kept_back = 0;  // others by the same out since the last one that was told
};

// What comes to pass at the host.
enum class NewsKind : uint8_t {
  lost,  // `count` of them have left the journal before they were read
  nic_added,
  nic_removed,
  guest_connected,
  guest_disconnected,
  intent_changed,  // `revision`
  address_learnt,  // a MAC, at a nic or behind a peer
  address_moved,
  address_held,   // it has moved too often, and stays elsewhere for a while
  limit_reached,  // `limit`
  peer_up,        // its next hop answers
  peer_down,
  uplink_up,
  uplink_down,
  uplink_member_up,  // `member` is usable
  uplink_member_down,
};
inline constexpr size_t kNewsKinds = static_cast<size_t>(NewsKind::uplink_member_down) + 1;

struct News {
  NewsKind kind = NewsKind::lost;
  uint64_t sequence = 0;  // counts from 1; of `lost`: of the last one that was lost
  std::chrono::time_point<std::chrono::system_clock, std::chrono::milliseconds> time;
  std::string nic;  // id; empty: none has to do with it
  Vni vni;          // 0: none has to do with it
  std::optional<Mac> mac;
  std::optional<IpAddress> peer;
  uint64_t revision = 0;
  std::string limit;     // a setting: "nic_macs"
  std::string member{};  // of the uplink, as configured: "eth1"
  uint64_t count =
      0;  // of `lost` how many; else how many more like it were not told since the last
};

struct NewsQuery {
  static constexpr size_t kMaxWatchers = 8;

  uint32_t kinds = ~0U;  // a bit for each NewsKind; `lost` is always told
  std::string nic;       // only what has to do with it; empty: all
  std::optional<Vni> vni;
  uint64_t after = 0;   // only what has a higher sequence number
  bool follows = true;  // false: ends with what is there
  uint64_t count = 0;   // ends after so many; 0: goes on

  bool wants(NewsKind kind) const { return (kinds >> static_cast<unsigned>(kind) & 1) != 0; }
};

// What of a nic's packets is captured.
struct CaptureQuery {
  std::string nic;
  std::string expression{};  // pcap-filter(7), only IP packets that match; empty: all frames
  uint16_t most_bytes = 0;   // of each packet; 0: as many as are kept at all (graph/capture_log.h)
  uint64_t count = 0;        // ends after so many; 0: goes on
};

// One packet at one place.
struct CaptureReport {
  uint64_t time_ns = 0;  // since 1970
  CapturePoint point = CapturePoint::from_nic;
  uint32_t length = 0;           // bytes
  std::vector<uint8_t> bytes{};  // its first ones
  std::string brick{};           // that dropped it, if one did; by which out, and what that means
  std::string out{};
  std::string sentence{};
};

// A packet that would begin a connection, as it is asked about.
struct CheckQuery {
  std::string nic;
  bool is_from_nic = false;          // else it is for it
  IpAddress peer;                    // the other side
  std::optional<IpAddress> address;  // of the nic's side; empty: its first of the peer's family
  uint8_t protocol = 0;
  uint16_t source_port = 0;  // of TCP, UDP and SCTP; of ICMP the id
  uint16_t destination_port = 0;
  uint8_t icmp_type = 0;
  uint8_t icmp_code = 0;
};

// One packet's journey, ready to print.
struct TraceReport {
  struct Step {
    std::string node;
    std::string out;
    bool drop = false;
    std::string sentence;
    std::string note;  // what the brick noted; may be empty
  };
  std::string from;  // nic id, "uplink"
  std::string to;    // nic id, "uplink", or empty
  uint32_t length = 0;
  std::vector<Step> steps;
};

// What would become of it: the steps of the bricks that decide, to the first that refuses.
struct CheckReport {
  bool passes = false;
  TraceReport packet;
};

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// Which link-local IPv6 addresses nics have made their own by duplicate address detection
// (RFC 4862 §5.4), beside those that are made of their MACs.
//
// Key:      nic and interface identifier.
// Value:    since when, and whether the time in which others may object is over.
// Capacity: kPerNic a port, of which a setting says how many count. Full: the oldest gives way.
// Writers:  any lcore; claims for the few nanoseconds that they hold a try-lock. Who does not get
//           it leaves the claim to its next question: no lcore waits. Objections need no lock.
// Readers:  any lcore, without a lock.
// Memory:   32 bytes a claim, and 4 KiB for what others have.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>

#include "base/clock.h"
#include "base/ids.h"
#include "base/ip.h"
#include "tables/nic_table.h"
#include "tables/segment_table.h"

namespace butterfly {

// Whether the address may be claimed: of fe80::/64, and not of the form that is made from a MAC,
// which belongs to who has the MAC, wherever that is (RFC 4291, appendix A).
constexpr bool is_claimable(const Ipv6& address) {
  const auto& b = address.bytes;
  const bool is_in_prefix =
      load_raw<uint64_t>(b.data()) == load_raw<uint64_t>(std::array<uint8_t, 8>{0xfe, 0x80}.data());
  const bool is_of_mac = b[11] == 0xff && b[12] == 0xfe;
  return is_in_prefix && !is_of_mac && load_raw<uint64_t>(b.data() + 8) != 0;
}

class ClaimTable {
 public:
  static constexpr uint32_t kPerNic = 8;
  // RFC 4862 §5.1, RFC 4861 §10: who asks waits for a second; a little less, so that who has waited
  // is not refused because our clock runs behind.
  static constexpr uint32_t kObjectionsMs = 900;
  // How long it is remembered that somebody elsewhere has an address, or asks for it.
  static constexpr uint32_t kElsewhereMs = 10'000;

  enum class Standing : uint8_t {
    none,     // not the nic's
    claimed,  // asked for a moment ago: somebody may still object
    held,     // the nic's
  };
  enum class Claim : uint8_t {
    made,   // or had been made before
    taken,  // somebody else has it
    busy,   // another lcore was writing
  };

  ClaimTable()
      : claims_(std::make_unique<Held[]>(size_t{kMaxPorts} * kPerNic)),
        elsewhere_(std::make_unique<Elsewhere[]>(kElsewhere)) {}

  // What the address is to the nic, of which the newest `limit` claims count. Any lcore.
  Standing standing(const Nic& nic, const Ipv6& address, uint32_t limit, TimeMs now) const noexcept;

  // The nic asks everybody for the address. Any lcore.
  // REQUIRES: is_claimable(address), 0 < limit <= kPerNic; `segment` is the nic's, in `nics`.
  Claim claim(const Nic& nic, const Segment& segment, const NicTable& nics, const Ipv6& address,
              uint32_t limit, TimeMs now) noexcept;

  // Somebody who is not held to claims (behind a peer, or a nic without antispoof) says that the
  // address is its own, or asks for it: whoever has claimed it, but does not hold it yet, loses the
  // claim. Any lcore. REQUIRES: is_claimable(address).
  void object(const Segment& segment, const Ipv6& address, TimeMs now) noexcept;

 private:
  // `identifier` is zeroed first when a claim gives way and written last when one is made.
  struct Held {
    std::atomic<uint64_t> identifier{0};  // the last eight bytes of the address; 0: free
    std::atomic<uint64_t> serial{0};      // of the nic's life
    std::atomic<uint64_t> state{0};       // held in bit 63, order in 31 bits, since in 32 (TimeMs)
    std::atomic<uint32_t> vni{0};
  };
  struct Elsewhere {
    std::atomic<uint64_t> identifier{0};
    std::atomic<uint64_t> seen{0};  // VNI in 32 bits, when in 32
  };
  static constexpr size_t kElsewhere = 256;
  static constexpr uint64_t kIsHeld = uint64_t{1} << 63;

  static uint64_t identifier_of(const Ipv6& address) {
    return load_raw<uint64_t>(address.bytes.data() + 8);
  }
  Held* claims_of(PortId port) const { return &claims_[size_t{port.value} * kPerNic]; }
  static bool is_of(const Held& held, const Nic& nic) {
    return held.serial.load(std::memory_order_relaxed) == nic.serial.value &&
           held.vni.load(std::memory_order_relaxed) == nic.vni.value;
  }
  // Claimed or held by the nic; null when it is neither.
  Held* find(const Nic& nic, uint64_t identifier, uint32_t limit) const noexcept;
  bool is_elsewhere(Vni vni, uint64_t identifier, TimeMs now) const noexcept;
  bool is_anothers(const Nic& nic, const Segment& segment, const NicTable& nics,
                   const Ipv6& address) const noexcept;
  Elsewhere& elsewhere_of(Vni vni, uint64_t identifier) const noexcept;

  const std::unique_ptr<Held[]> claims_;  // by port
  const std::unique_ptr<Elsewhere[]> elsewhere_;
  std::atomic<bool> locked_{false};
  uint32_t order_ = 0;  // with the lock held
};

}  // namespace butterfly

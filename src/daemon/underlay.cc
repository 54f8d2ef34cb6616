// SPDX-License-Identifier: Apache-2.0
#include "daemon/underlay.h"

namespace butterfly {
namespace {

// What guests expect to be able to send (RFC 894), and the least that IPv6 needs (RFC 8200 §5).
constexpr uint16_t kUsualGuestMtu = 1500;
constexpr uint16_t kLeastGuestMtu = 1280;

}  // namespace

StatusOr<Vtep> make_vtep(const UplinkConfig& config, const Mac& mac, uint16_t mtu) {
  Vtep vtep;
  vtep.address = config.address;
  vtep.on_link = config.on_link;
  vtep.also_on_link = config.also_on_link;
  vtep.gateway = config.gateway;
  vtep.mac = mac;
  vtep.udp_port = config.vxlan_port;
  vtep.mtu = mtu;
  const int inner = static_cast<int>(vtep.mtu) - vtep.overhead();
  if (inner < kLeastGuestMtu) {
    return precondition("uplink '" + config.device + "': an MTU of " + std::to_string(vtep.mtu) +
                        " leaves " + std::to_string(inner) +
                        " bytes to guests (wanted: an underlay MTU of at least " +
                        std::to_string(kLeastGuestMtu + vtep.overhead()) + ")");
  }
  return vtep;
}

Status check_together(const UplinkConfig& config) {
  const bool is_bond = config.bond.has_value();
  if (is_bond && config.bond_with.empty()) {
    return invalid("uplink: a bond of one device (wanted: the others in bond_with)");
  }
  if (!is_bond && !config.bond_with.empty()) {
    return invalid(
        "uplink: bond_with without a bond (wanted: bond = \"lacp\", \"balance\" or "
        "\"active-backup\")");
  }
  if (is_bond && !config.backup.empty()) {
    return invalid("uplink: a backup beside a bond (wanted: one of the two)");
  }
  if (!config.host_port.empty() && (is_bond || !config.backup.empty())) {
    return invalid("uplink: a host_port beside a " + std::string(is_bond ? "bond" : "backup") +
                   " (wanted: one of the two)");
  }
  return ok_status();
}

std::vector<std::string> devices_of(const UplinkConfig& config) {
  std::vector<std::string> devices{config.device};
  if (!config.backup.empty()) devices.push_back(config.backup);
  devices.insert(devices.end(), config.bond_with.begin(), config.bond_with.end());
  return devices;
}

std::string small_underlay(const UplinkConfig& config, const Vtep& vtep) {
  if (vtep.inner_mtu() >= kUsualGuestMtu) return "";
  return "uplink '" + config.device + "': its MTU of " + std::to_string(vtep.mtu) +
         " carries guests' packets of up to " + std::to_string(vtep.inner_mtu()) +
         " bytes; larger ones are answered 'fragmentation needed'. Set the underlay's MTU to " +
         std::to_string(kUsualGuestMtu + vtep.overhead()) + " or more, or the guests' to " +
         std::to_string(vtep.inner_mtu());
}

}  // namespace butterfly

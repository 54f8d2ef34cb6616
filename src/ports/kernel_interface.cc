// SPDX-License-Identifier: Apache-2.0
#include "ports/kernel_interface.h"

#include <arpa/inet.h>
#include <ifaddrs.h>
#include <linux/ethtool.h>
#include <linux/filter.h>
#include <linux/if_packet.h>
#include <linux/sockios.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/in.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cerrno>
#include <cstddef>
#include <cstring>
#include <memory>

#include "ports/interface_request.h"

namespace butterfly {
namespace {

std::string list_of(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) text += (text.empty() ? "" : ", ") + name;
  return text;
}

std::vector<IpAddress> addresses_of(const std::string& name) {
  ifaddrs* list = nullptr;
  if (getifaddrs(&list) != 0) return {};
  const std::unique_ptr<ifaddrs, decltype(&freeifaddrs)> owner(list, freeifaddrs);
  std::vector<IpAddress> addresses;
  for (const ifaddrs* entry = list; entry; entry = entry->ifa_next) {
    if (!entry->ifa_addr || name != entry->ifa_name) continue;
    if (entry->ifa_addr->sa_family == AF_INET) {
      Ipv4 address;
      std::memcpy(address.bytes.data(),
                  &reinterpret_cast<const sockaddr_in*>(entry->ifa_addr)->sin_addr, 4);
      addresses.emplace_back(address);
    } else if (entry->ifa_addr->sa_family == AF_INET6) {
      Ipv6 address;
      std::memcpy(address.bytes.data(),
                  &reinterpret_cast<const sockaddr_in6*>(entry->ifa_addr)->sin6_addr, 16);
      if (!address.is_link_local()) addresses.emplace_back(address);
    }
  }
  return addresses;
}

// An abstract name (unix(7)) is known in its network namespace only, as the interface is, and the
// kernel frees it even after kill -9.
struct ClaimName {
  explicit ClaimName(const std::string& interface) {
    const std::string claim = "butterfly-uplink/" + interface;
    address.sun_family = AF_UNIX;
    std::memcpy(address.sun_path + 1, claim.data(), claim.size());
    size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + claim.size());
  }
  const sockaddr* get() const { return reinterpret_cast<const sockaddr*>(&address); }

  sockaddr_un address{};
  socklen_t size = 0;
};

}  // namespace

bool is_dpdk_device(const std::string& device) {
  return device.find(':') != std::string::npos || device.rfind("net_", 0) == 0 ||
         device.rfind("eth_", 0) == 0;
}

std::vector<std::string> kernel_interfaces() {
  std::vector<std::string> names;
  const std::unique_ptr<struct if_nameindex, decltype(&if_freenameindex)> list(if_nameindex(),
                                                                               if_freenameindex);
  for (const auto* entry = list.get(); entry && entry->if_index != 0; ++entry) {
    names.emplace_back(entry->if_name);
  }
  return names;
}

StatusOr<KernelInterface> read_kernel_interface(const std::string& name) {
  KernelInterface result;
  result.index = static_cast<int>(if_nametoindex(name.c_str()));
  if (result.index == 0) {
    return not_found("uplink '" + name + "': no such device (wanted: a PCI address, a DPDK vdev " +
                     "string, or a kernel interface of: " + list_of(kernel_interfaces()) + ")");
  }
  InterfaceRequest request(name);
  if (request.make(SIOCGIFMTU)) {
    result.mtu = static_cast<uint16_t>(std::min(request.data.ifr_mtu, 65535));
  }
  if (request.make(SIOCGIFFLAGS)) result.is_up = (request.data.ifr_flags & IFF_UP) != 0;
  ethtool_drvinfo driver{};
  driver.cmd = ETHTOOL_GDRVINFO;
  request.data.ifr_data = reinterpret_cast<char*>(&driver);
  if (request.make(SIOCETHTOOL)) result.is_veth = std::strcmp(driver.driver, "veth") == 0;
  result.addresses = addresses_of(name);
  return result;
}

StatusOr<KernelInterface> find_uplink_interface(const std::string& name, bool force) {
  auto found = read_kernel_interface(name);
  if (!found.ok()) return found.status();
  if (!found->is_up) {
    return precondition("uplink '" + name + "': the interface is down (wanted: up; ip link set " +
                        name + " up)");
  }
  if (!found->addresses.empty() && !force) {
    return precondition("uplink '" + name + "': carries the host's own address " +
                        found->addresses.front().to_string() +
                        ", which the kernel would answer for and ssh be lost (wanted: an "
                        "interface without addresses, with a host_port that has them, or force = "
                        "true)");
  }
  return found;
}

bool has_carrier(const std::string& name) {
  InterfaceRequest request(name);
  return request.make(SIOCGIFFLAGS) && (request.data.ifr_flags & IFF_RUNNING) != 0;
}

StatusOr<Fd> claim_interface(const std::string& name) {
  Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const ClaimName claim(name);
  if (socket && bind(socket.get(), claim.get(), claim.size) == 0) return socket;
  if (errno == EADDRINUSE) {
    return precondition("uplink '" + name + "': in use by another process (wanted: an interface " +
                        "that is no other butterflyd's uplink)");
  }
  return unavailable("uplink '" + name + "': cannot be claimed: " + std::strerror(errno));
}

bool is_claimed(const std::string& name) {
  const Fd socket(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const ClaimName claim(name);
  return socket && connect(socket.get(), claim.get(), claim.size) == 0;
}

StatusOr<Fd> open_arrival_socket(const std::string& name, int index) {
  const auto refused = [&name] {
    return unavailable("uplink '" + name + "': packet socket: " + std::strerror(errno) +
                       " (wanted: root or CAP_NET_RAW)");
  };
  // Protocol 0 until the filter and buffer are set, so that nothing gathers before.
  Fd socket(::socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  if (!socket) return refused();
  const int on = 1;
  const int bytes = 4096;
  setsockopt(socket.get(), SOL_PACKET, PACKET_IGNORE_OUTGOING, &on, sizeof on);
  setsockopt(socket.get(), SOL_SOCKET, SO_RCVBUF, &bytes, sizeof bytes);
  sock_filter keep_one_byte[] = {{BPF_RET | BPF_K, 0, 0, 1}};
  const sock_fprog program{1, keep_one_byte};
  setsockopt(socket.get(), SOL_SOCKET, SO_ATTACH_FILTER, &program, sizeof program);
  sockaddr_ll address{};
  address.sll_family = AF_PACKET;
  address.sll_protocol = htons(ETH_P_ALL);
  address.sll_ifindex = index;
  if (bind(socket.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) {
    return refused();
  }
  // The card gives us all groups, as long as the socket is open: neighbour discovery's, and those
  // that segments flood to.
  packet_mreq groups{};
  groups.mr_ifindex = index;
  groups.mr_type = PACKET_MR_ALLMULTI;
  setsockopt(socket.get(), SOL_PACKET, PACKET_ADD_MEMBERSHIP, &groups, sizeof groups);
  return socket;
}

}  // namespace butterfly

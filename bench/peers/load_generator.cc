// SPDX-License-Identifier: Apache-2.0
// load_generator: plays both ends of a switch under test, a guest's NIC and the physical wire, with
// TCP flows that are opened first. Told what to do by tools/bench-peers through stdin (commands.h).
//
//   load_generator CPU GUEST-DEVICE WIRE-DEVICE [vxlan] [guest-hop=MAC] [far-hop=MAC]
//
// Devices are DPDK vdev strings, e.g. net_virtio_user0,path=/x/guest.sock,server=1.
#include <rte_eal.h>

#include <cstdio>
#include <cstring>
#include <iostream>
#include <optional>
#include <string>
#include <vector>

#include "bench/peers/commands.h"
#include "bench/peers/end.h"

namespace {

using butterfly::Mac;
using butterfly::peers::Network;

// Memory for buffers and rings of both ends, MiB.
constexpr const char* kMemory = "64";

bool start_eal(const std::string& cpu, const std::string& guest, const std::string& wire) {
  std::vector<std::string> arguments{"load_generator",
                                     "--lcores",
                                     "0@" + cpu,
                                     "-m",
                                     kMemory,
                                     "--in-memory",
                                     "--single-file-segments",
                                     "--no-pci",
                                     "--no-telemetry",
                                     "--log-level=error",
                                     "--vdev",
                                     guest,
                                     "--vdev",
                                     wire};
  std::vector<char*> argv;
  for (std::string& argument : arguments) argv.push_back(argument.data());
  return rte_eal_init(static_cast<int>(argv.size()), argv.data()) >= 0;
}

std::string name_of(const std::string& device) { return device.substr(0, device.find(',')); }

bool read_option(const std::string& option, Network& network) {
  if (option == "vxlan") {
    network.is_tunnelled = true;
    return true;
  }
  const size_t equals = option.find('=');
  if (equals == std::string::npos) return false;
  const std::optional<Mac> mac = Mac::parse(option.substr(equals + 1));
  if (!mac) return false;
  if (option.substr(0, equals) == "guest-hop") {
    network.guest_next_hop = *mac;
  } else if (option.substr(0, equals) == "far-hop") {
    network.far_next_hop = *mac;
  } else {
    return false;
  }
  return true;
}

}  // namespace

int main(int argc, char** argv) {
  Network network;
  bool is_fine = argc >= 4;
  for (int i = 4; i < argc; ++i) is_fine = is_fine && read_option(argv[i], network);
  if (!is_fine) {
    std::fputs(
        "usage: load_generator CPU GUEST-DEVICE WIRE-DEVICE [vxlan] [guest-hop=MAC] "
        "[far-hop=MAC]\n",
        stderr);
    return 2;
  }
  if (!start_eal(argv[1], argv[2], argv[3])) {
    std::fputs("load_generator: DPDK did not start\n", stderr);
    return 1;
  }
  butterfly::peers::End guest(name_of(argv[2]));
  butterfly::peers::End wire(name_of(argv[3]));
  butterfly::peers::Commands commands(network, guest, wire);
  std::cout << "{\"ready\":true}" << std::endl;
  for (std::string line; std::getline(std::cin, line);) {
    const std::string answer = commands.run(line);
    if (answer.empty()) break;
    std::cout << answer << std::endl;
  }
  return 0;
}

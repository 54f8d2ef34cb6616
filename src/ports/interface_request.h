// SPDX-License-Identifier: Apache-2.0
// What the kernel is asked, or told, about one of its interfaces (netdevice(7)).
#pragma once

#include <net/if.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include <cstring>
#include <string>

#include "base/fd.h"

namespace butterfly {

struct InterfaceRequest {
  // REQUIRES: a name that an interface may have; what is too long is cut.
  explicit InterfaceRequest(const std::string& name)
      : socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0)) {
    std::strncpy(data.ifr_name, name.c_str(), IFNAMSIZ - 1);
  }
  // By the ioctl's number. Whether it was done; else errno says why.
  bool make(unsigned long request) { return socket && ioctl(socket.get(), request, &data) == 0; }

  ifreq data{};
  Fd socket;
};

}  // namespace butterfly

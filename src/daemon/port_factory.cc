// SPDX-License-Identifier: Apache-2.0
#include "daemon/port_factory.h"

#include <grp.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

#include "host/intent/limits.h"
#include "ports/tap.h"
#include "ports/vhost_user.h"

namespace butterfly {

StatusOr<std::unique_ptr<Port>> DaemonPortFactory::make(const NicIntent& nic, PortId,
                                                        const std::vector<uint16_t>& lcores) {
  if (nic.type == NicType::tap) {
    auto tap = TapPort::create(nic.kernel_name(), nic.mtu, pool_, large_);
    if (!tap.ok()) return tap.status();
    return std::unique_ptr<Port>(std::move(*tap));
  }
  static_assert(kMaxNicQueues == kMaxQueuePairs);
  VhostOptions options;
  options.path = socket_path(nic);
  options.is_server = nic.vhost_server;
  {
    const std::lock_guard lock(rights_mutex_);
    options.mode = sockets_.mode;
    options.group = sockets_.group;
  }
  options.has_queues = nic.queues > 1;
  options.is_packed = nic.packed;
  options.polling_lcores = lcores;
  options.lcores = lcores_;
  auto port = VhostUserPort::create(options, pool_, large_, *quiescence_);
  if (!port.ok()) return port.status();
  return std::unique_ptr<Port>(std::move(*port));
}

void DaemonPortFactory::set_rights(unsigned mode, const std::string& group) {
  const std::lock_guard lock(rights_mutex_);
  sockets_.mode = mode;
  sockets_.group = group;
}

void DaemonPortFactory::remove(std::vector<std::unique_ptr<Port>> ports) {
  std::vector<std::unique_ptr<TapPort>> taps;
  for (auto& port : ports) {
    if (auto* tap = dynamic_cast<TapPort*>(port.get())) {
      port.release();
      taps.emplace_back(tap);
    }
  }
  TapPort::remove(std::move(taps));
}

std::string DaemonPortFactory::socket_path(const NicIntent& nic) const {
  return nic.type == NicType::vhost_user ? sockets_.directory + "/" + nic.id + ".sock" : "";
}

Status prepare_socket_directory(const std::string& directory, unsigned mode,
                                const std::string& group) {
  const std::string name = "socket directory '" + directory + "': ";
  if (mkdir(directory.c_str(), 0770) != 0 && errno != EEXIST) {
    return unavailable(name + std::strerror(errno) + " (wanted: a path whose parent exists)");
  }
  struct stat facts {};
  if (stat(directory.c_str(), &facts) != 0 || !S_ISDIR(facts.st_mode)) {
    return precondition(name + "is not a directory");
  }
  if (!group.empty()) {
    const ::group* entry = getgrnam(group.c_str());
    if (!entry) return not_found(name + "no group '" + group + "' on this system");
    if (chown(directory.c_str(), static_cast<uid_t>(-1), entry->gr_gid) != 0) {
      return unavailable(name + "chgrp " + group + ": " + std::strerror(errno) +
                         " (wanted: the daemon's user in that group, adduser USER " + group + ")");
    }
  }
  // A directory needs its x bits where a socket has rw: 0660 means 0770 here.
  const unsigned search = (mode & 0444) >> 2;
  if (chmod(directory.c_str(), mode | search) != 0) {
    return unavailable(name + "chmod: " + std::strerror(errno) +
                       " (wanted: a directory of the daemon's user, or none, to be made)");
  }
  return ok_status();
}

}  // namespace butterfly

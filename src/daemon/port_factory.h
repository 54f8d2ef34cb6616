// SPDX-License-Identifier: Apache-2.0
// Makes the ports of a real host: vhost-user and tap.
#pragma once

#include <mutex>
#include <string>

#include "host/host.h"

namespace butterfly {

class DaemonPortFactory : public PortFactory {
 public:
  // Of the sockets of vhost-user nics: the directory, and mode and group of those that we make.
  struct Sockets {
    std::string directory;
    unsigned mode = 0660;
    std::string group;
  };
  // `large` holds what is longer than ordinary buffers (see VhostUserPort::create); the host has
  // `lcores`.
  DaemonPortFactory(Sockets sockets, uint16_t lcores, PacketPool& pool, PacketPool& large)
      : sockets_(std::move(sockets)), lcores_(lcores), pool_(pool), large_(large) {}

  void attach(Quiescence& quiescence) override { quiescence_ = &quiescence; }
  StatusOr<std::unique_ptr<Port>> make(const NicIntent& nic, PortId id,
                                       const std::vector<uint16_t>& lcores) override;
  void remove(std::vector<std::unique_ptr<Port>> ports) override;
  std::string socket_path(const NicIntent& nic) const override;

  // Of sockets that are made from now on. Any thread.
  void set_rights(unsigned mode, const std::string& group);

 private:
  Sockets sockets_;  // its directory never changes
  std::mutex rights_mutex_;
  uint16_t lcores_;
  PacketPool& pool_;
  PacketPool& large_;
  Quiescence* quiescence_ = nullptr;
};

// Makes the directory if it is missing and gives it mode and group (empty: as they are). QEMU
// creates its sockets there, so the group that QEMU runs as must be able to write; to those that we
// make it must be able to connect.
Status prepare_socket_directory(const std::string& directory, unsigned mode,
                                const std::string& group);

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// Connects vhost-user ports to their sockets, and again whenever QEMU comes back.
//
// librte_vhost has a thread for that, but a socket that is unregistered in the moment in which its
// guest goes away can stay in that thread's list, freed: the next guest on the same path would then
// be connected to it. So every connection is registered for itself, and unregistered when it ends.
#pragma once

#include <atomic>
#include <condition_variable>
#include <mutex>
#include <thread>
#include <vector>

namespace butterfly {

// A port as the dialler sees it. All but note_lost() is called by one thread at a time.
class VhostLine {
 public:
  virtual ~VhostLine() = default;
  // Registers the socket and connects, or listens; false, with nothing registered, when nobody
  // listens, or it cannot.
  virtual bool dial() = 0;
  // Unregisters it; returns when no callback can come any more.
  virtual void hang_up() = 0;
  // Whether somebody may listen by now.
  virtual bool may_answer() const = 0;
  // The other side has closed the connection. librte_vhost's thread.
  void note_lost() noexcept { is_lost_.store(true, std::memory_order_release); }

 private:
  friend class VhostDialler;
  bool is_dialled_ = false;
  std::atomic<bool> is_lost_{false};
};

// One for the process; its thread looks at all lines five times a second. All methods: any thread
// but librte_vhost's.
class VhostDialler {
 public:
  static VhostDialler& instance();
  ~VhostDialler();

  // Dials at once, and then again and again while nobody answers. Whether it did at once.
  bool add(VhostLine& line);
  // Hangs up; the dialler does not touch the line any more.
  void remove(VhostLine& line);

 private:
  VhostDialler() = default;
  void run();
  static void serve(VhostLine& line);

  std::mutex mutex_;
  std::condition_variable news_;
  std::vector<VhostLine*> lines_;
  bool stopping_ = false;
  std::thread thread_;  // begun with the first line
};

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// vhost_copier CPU DIRECTORY GUESTS: the ceiling for many nics. Copies from guest 2n of
// bench/guests to guest 2n + 1 and back by librte_vhost and looks at nothing: what testpmd does,
// which has no room for hundreds of ports. Ends when stdin does.
#include <pthread.h>
#include <rte_eal.h>
#include <rte_mbuf.h>
#include <rte_vhost.h>
#include <sys/resource.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <thread>
#include <vector>

namespace {

constexpr uint16_t kBurst = 32;
constexpr uint16_t kToGuest = 0;
constexpr uint16_t kFromGuest = 1;

std::vector<std::atomic<int>> devices;  // of librte_vhost, by guest; -1 while it is not there

int guest_of(int device) {
  std::array<char, 128> path{};
  if (rte_vhost_get_ifname(device, path.data(), path.size()) != 0) return -1;
  const std::string name = path.data();
  return std::atoi(name.c_str() + name.rfind('-') + 1);
}

int attach(int device) {
  rte_vhost_enable_guest_notification(device, kToGuest, 0);
  rte_vhost_enable_guest_notification(device, kFromGuest, 0);
  devices[static_cast<size_t>(guest_of(device))].store(device);
  return 0;
}

// Only at the end, when nothing is copied any more.
void detach(int device) { devices[static_cast<size_t>(guest_of(device))].store(-1); }

void fail(const char* what) {
  std::fprintf(stderr, "vhost_copier: %s\n", what);
  std::exit(1);
}

void copy(int from, int to, rte_mempool* pool) {
  std::array<rte_mbuf*, kBurst> burst;
  const uint16_t count = rte_vhost_dequeue_burst(from, kFromGuest, pool, burst.data(), kBurst);
  if (count == 0) return;
  rte_vhost_enqueue_burst(to, kToGuest, burst.data(), count);
  rte_pktmbuf_free_bulk(burst.data(), count);
}

void work(const std::atomic<bool>& stopping, rte_mempool* pool, int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
  rte_thread_register();
  while (!stopping.load(std::memory_order_relaxed)) {
    for (size_t guest = 0; guest < devices.size(); guest += 2) {
      const int one = devices[guest].load(std::memory_order_relaxed);
      const int other = devices[guest + 1].load(std::memory_order_relaxed);
      if (one < 0 || other < 0) continue;
      copy(one, other, pool);
      copy(other, one, pool);
    }
  }
  rte_thread_unregister();
}

void start_eal() {
  std::array arguments{"vhost_copier", "--in-memory", "--no-pci",    "--no-telemetry",
                       "-m",           "128",         "--log-level", "error"};
  std::array<char*, arguments.size()> writable;
  for (size_t i = 0; i < arguments.size(); ++i) writable[i] = const_cast<char*>(arguments[i]);
  if (rte_eal_init(static_cast<int>(writable.size()), writable.data()) < 0) fail("EAL");
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) {
    std::fputs("usage: vhost_copier CPU DIRECTORY GUESTS\n", stderr);
    return 2;
  }
  const int cpu = std::atoi(argv[1]);
  const std::string directory = argv[2];
  const auto guests = static_cast<size_t>(std::atoi(argv[3]));
  rlimit limit{};
  getrlimit(RLIMIT_NOFILE, &limit);
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
  start_eal();
  rte_mempool* pool =
      rte_pktmbuf_pool_create("packets", 16383, 256, 0, RTE_MBUF_DEFAULT_BUF_SIZE, SOCKET_ID_ANY);
  if (!pool) fail("packet buffers");
  devices = std::vector<std::atomic<int>>(guests);
  for (auto& device : devices) device.store(-1);
  rte_vhost_device_ops callbacks{};
  callbacks.new_device = attach;
  callbacks.destroy_device = detach;
  for (size_t guest = 0; guest < guests; ++guest) {
    const std::string path = directory + "/guest-" + std::to_string(guest) + ".sock";
    if (rte_vhost_driver_register(path.c_str(), RTE_VHOST_USER_CLIENT) != 0 ||
        rte_vhost_driver_callback_register(path.c_str(), &callbacks) != 0 ||
        rte_vhost_driver_start(path.c_str()) != 0) {
      fail(path.c_str());
    }
  }
  std::atomic<bool> stopping{false};
  std::thread worker(work, std::cref(stopping), pool, cpu);
  std::array<char, 64> ignored;
  while (::read(STDIN_FILENO, ignored.data(), ignored.size()) > 0) {
  }
  stopping.store(true);
  worker.join();
  // Without detaching: the guests may be gone, and the process owns nothing that outlives it.
  std::_Exit(0);
}

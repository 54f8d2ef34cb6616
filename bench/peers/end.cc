// SPDX-License-Identifier: Apache-2.0
#include "bench/peers/end.h"

#include <rte_errno.h>
#include <rte_ethdev.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace butterfly::peers {
namespace {

constexpr uint16_t kDescriptors = 1024;
// Two rings full, and what the caches and bursts hold.
constexpr uint32_t kBuffers = 4095;
constexpr uint32_t kCached = 256;
constexpr uint16_t kBufferSize = RTE_PKTMBUF_HEADROOM + 2048;

[[noreturn]] void fail(const std::string& device, const char* what, int error) {
  std::fprintf(stderr, "load_generator: %s: %s: %s\n", device.c_str(), what,
               rte_strerror(std::abs(error)));
  std::exit(1);
}

void clear(rte_mempool*, void*, void* object, unsigned) {
  auto* mbuf = static_cast<rte_mbuf*>(object);
  std::memset(mbuf->buf_addr, 0, mbuf->buf_len);
}

rte_mempool* make_pool(const std::string& device, const char* purpose) {
  const std::string name = device + purpose;
  rte_mempool* pool = rte_pktmbuf_pool_create(name.c_str(), kBuffers, kCached, 0, kBufferSize,
                                              static_cast<int>(rte_socket_id()));
  if (pool == nullptr) fail(device, "packet buffers", rte_errno);
  rte_mempool_obj_iter(pool, clear, nullptr);
  return pool;
}

}  // namespace

End::End(const std::string& device)
    : to_send_(make_pool(device, "_send")), received_(make_pool(device, "_receive")) {
  int error = rte_eth_dev_get_port_by_name(device.c_str(), &port_);
  if (error != 0) fail(device, "no such device", error);
  rte_eth_conf config{};
  error = rte_eth_dev_configure(port_, 1, 1, &config);
  if (error != 0) fail(device, "configure", error);
  uint16_t receive_slots = kDescriptors;
  uint16_t send_slots = kDescriptors;
  rte_eth_dev_adjust_nb_rx_tx_desc(port_, &receive_slots, &send_slots);
  error = rte_eth_rx_queue_setup(port_, 0, receive_slots, rte_socket_id(), nullptr, received_);
  if (error == 0) error = rte_eth_tx_queue_setup(port_, 0, send_slots, rte_socket_id(), nullptr);
  if (error != 0) fail(device, "queues", error);
  error = rte_eth_dev_start(port_);
  if (error != 0) fail(device, "start", error);
}

bool End::is_linked() const {
  rte_eth_link link{};
  return rte_eth_link_get_nowait(port_, &link) == 0 && link.link_status == RTE_ETH_LINK_UP;
}

bool End::allocate(std::span<rte_mbuf*> packets) {
  return rte_pktmbuf_alloc_bulk(to_send_, packets.data(), static_cast<unsigned>(packets.size())) ==
         0;
}

uint16_t End::send(std::span<rte_mbuf*> packets) {
  return rte_eth_tx_burst(port_, 0, packets.data(), static_cast<uint16_t>(packets.size()));
}

uint16_t End::receive(std::span<rte_mbuf*> packets) {
  return rte_eth_rx_burst(port_, 0, packets.data(), static_cast<uint16_t>(packets.size()));
}

}  // namespace butterfly::peers

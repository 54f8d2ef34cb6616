// SPDX-License-Identifier: Apache-2.0
#include "support/vhost_frontend.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <utility>

namespace butterfly::test {
namespace {

// vhost-user requests.
constexpr uint32_t kGetFeatures = 1;
constexpr uint32_t kSetFeatures = 2;
constexpr uint32_t kSetOwner = 3;
constexpr uint32_t kSetMemTable = 5;
constexpr uint32_t kSetLogBase = 6;
constexpr uint32_t kSetVringNum = 8;
constexpr uint32_t kSetVringAddr = 9;
constexpr uint32_t kSetVringBase = 10;
constexpr uint32_t kSetVringKick = 12;
constexpr uint32_t kSetVringCall = 13;
constexpr uint32_t kGetProtocolFeatures = 15;
constexpr uint32_t kSetProtocolFeatures = 16;
constexpr uint32_t kSetVringEnable = 18;
constexpr uint32_t kNetSetMtu = 20;
constexpr uint32_t kVersion = 1;

// Feature and protocol feature bits: the second are negotiated, the log is a file.
constexpr uint64_t kProtocolFeatures = 1ULL << 30;
constexpr uint64_t kLogFile = 1ULL << 1;

constexpr uint64_t kHugePage = 2 << 20;

void require(bool fact, const char* what) {
  if (fact) return;
  std::fprintf(stderr, "VhostFrontend: %s: %s\n", what, std::strerror(errno));
  std::abort();
}

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

}  // namespace

struct VhostFrontend::Message {
  uint32_t request;
  uint32_t flags;
  uint32_t size;
  uint8_t payload[64];
};

RingPlace RingPlace::at(uint64_t offset, uint16_t size) {
  const uint64_t available = offset + size * sizeof(VirtioDescriptor);
  return {size, offset, available, (available + 6 + 2u * size + 63) & ~63ULL};
}

VhostFrontend::VhostFrontend(const std::string& path, uint64_t bytes, Pages pages, Role role)
    : path_(path), bytes_(bytes) {
  if (role == Role::server) listen();
  map_memory(pages);
}

void VhostFrontend::listen() {
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of(path_);
  ::unlink(path_.c_str());
  require(listener_ &&
              ::bind(listener_.get(), reinterpret_cast<const sockaddr*>(&address),
                     sizeof address) == 0 &&
              ::listen(listener_.get(), 1) == 0,
          "listen");
}

Fd VhostFrontend::dial() const {
  Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const sockaddr_un address = address_of(path_);
  require(socket && ::connect(socket.get(), reinterpret_cast<const sockaddr*>(&address),
                              sizeof address) == 0,
          "connect");
  return socket;
}

bool VhostFrontend::is_let_in() {
  const Fd socket = dial();
  const Message question{kGetFeatures, kVersion, 0, {}};
  uint8_t byte;
  return ::send(socket.get(), &question, 12, MSG_NOSIGNAL) == 12 &&
         ::recv(socket.get(), &byte, 1, 0) == 1;
}

VhostFrontend::~VhostFrontend() {
  connection_.reset();
  ::munmap(memory_, bytes_);
  if (log_) ::munmap(log_, bytes_ / kPage / 8);
}

void VhostFrontend::map_memory(Pages pages) {
  const auto map = [this](unsigned flags) {
    memory_fd_ = Fd(memfd_create("guest", MFD_CLOEXEC | flags));
    if (!memory_fd_ || ::ftruncate(memory_fd_.get(), static_cast<off_t>(bytes_)) != 0) return false;
    void* memory = ::mmap(nullptr, bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd_.get(), 0);
    if (memory == MAP_FAILED) return false;
    memory_ = static_cast<uint8_t*>(memory);
    return true;
  };
  if (pages == Pages::huge) {
    const uint64_t asked = std::exchange(bytes_, (bytes_ + kHugePage - 1) & ~(kHugePage - 1));
    if (map(MFD_HUGETLB)) return;
    bytes_ = asked;
  }
  require(map(0), "memory");
}

void VhostFrontend::connect(uint64_t features, std::span<const RingPlace> rings, uint16_t mtu) {
  for (auto* ends : {&kicks_, &calls_}) {
    while (ends->size() < rings.size()) {
      ends->emplace_back(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
      require(static_cast<bool>(ends->back()), "eventfd");
    }
  }
  connection_ = listener_ ? Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)) : dial();
  require(static_cast<bool>(connection_), "accept");
  const Message answer = request(kGetFeatures, {}, -1, true);
  std::memcpy(&offered_, answer.payload, sizeof offered_);
  const bool logs = (features & kVhostLogAll) != 0;
  negotiated_ = (features | (logs ? kProtocolFeatures : 0)) & offered_;
  request(kSetOwner, {});
  const uint64_t wanted[] = {negotiated_};
  request(kSetFeatures, wanted);
  const uint64_t told[] = {mtu};
  if (mtu != 0) request(kNetSetMtu, told);
  const auto user = reinterpret_cast<uint64_t>(memory_);
  const uint64_t table[] = {1, 0, bytes_, user, 0};  // one region, at guest address 0
  request(kSetMemTable, table, memory_fd_.get());
  if (logs) start_log();
  for (uint32_t index = 0; index < rings.size(); ++index) start_ring(index, rings[index]);
  // With protocol features rings begin switched off.
  for (uint16_t pair = 0; logs && 2u * pair < rings.size(); ++pair) enable(pair, true);
}

void VhostFrontend::start_log() {
  require((negotiated_ & kVhostLogAll) != 0 && (negotiated_ & kProtocolFeatures) != 0,
          "no log was offered");
  const Message answer = request(kGetProtocolFeatures, {}, -1, true);
  uint64_t protocol = 0;
  std::memcpy(&protocol, answer.payload, sizeof protocol);
  require((protocol & kLogFile) != 0, "no log in a file was offered");
  const uint64_t wanted[] = {kLogFile};
  request(kSetProtocolFeatures, wanted);
  const uint64_t bytes = bytes_ / kPage / 8;
  log_fd_ = Fd(memfd_create("log", MFD_CLOEXEC));
  require(log_fd_ && ::ftruncate(log_fd_.get(), static_cast<off_t>(bytes)) == 0, "log");
  void* log = ::mmap(nullptr, bytes, PROT_READ | PROT_WRITE, MAP_SHARED, log_fd_.get(), 0);
  require(log != MAP_FAILED, "log");
  log_ = static_cast<uint8_t*>(log);
  const uint64_t place[] = {bytes, 0};
  request(kSetLogBase, place, log_fd_.get(), true);
}

void VhostFrontend::enable(uint16_t pair, bool is_on) {
  for (const uint32_t ring : {2u * pair, 2u * pair + 1}) {
    const uint64_t state[] = {ring | uint64_t{is_on} << 32};
    request(kSetVringEnable, state);
  }
}

void VhostFrontend::kick(uint16_t pair) const {
  const uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(kicks_[2u * pair + 1].get(), &one, sizeof one);
}

void VhostFrontend::start_ring(uint32_t index, const RingPlace& ring) {
  const auto user = reinterpret_cast<uint64_t>(memory_);
  const auto state = [index](uint64_t value) { return index | value << 32; };
  const uint64_t number[] = {state(ring.size)};
  request(kSetVringNum, number);
  // A packed ring begins with its wrap counter set (virtio 1.2 §2.8.1).
  const uint64_t base[] = {state((negotiated_ & kVirtioPacked) != 0 ? 0x8000 : 0)};
  request(kSetVringBase, base);
  // The used ring of a split ring is logged at its place: bit 32 is the flag that says so.
  const uint64_t flags = log_ ? uint64_t{1} << 32 : 0;
  const uint64_t addresses[] = {index | flags, user + ring.descriptors, user + ring.used,
                                user + ring.available, log_ ? ring.used : 0};
  request(kSetVringAddr, addresses);
  const uint64_t ring_index[] = {index};
  request(kSetVringCall, ring_index, calls_[index].get());
  request(kSetVringKick, ring_index, kicks_[index].get());
}

VhostFrontend::Message VhostFrontend::request(uint32_t number, std::span<const uint64_t> payload,
                                              int fd, bool wants_answer) {
  Message message{number, kVersion, static_cast<uint32_t>(payload.size_bytes()), {}};
  std::ranges::copy(std::as_bytes(payload), reinterpret_cast<std::byte*>(message.payload));
  iovec part{&message, 12 + payload.size_bytes()};
  msghdr envelope{};
  envelope.msg_iov = &part;
  envelope.msg_iovlen = 1;
  alignas(cmsghdr) char control[CMSG_SPACE(sizeof fd)] = {};
  if (fd >= 0) {
    envelope.msg_control = control;
    envelope.msg_controllen = sizeof control;
    cmsghdr* attached = CMSG_FIRSTHDR(&envelope);
    attached->cmsg_level = SOL_SOCKET;
    attached->cmsg_type = SCM_RIGHTS;
    attached->cmsg_len = CMSG_LEN(sizeof fd);
    std::memcpy(CMSG_DATA(attached), &fd, sizeof fd);
  }
  require(
      ::sendmsg(connection_.get(), &envelope, MSG_NOSIGNAL) == static_cast<ssize_t>(part.iov_len),
      "send a message");
  Message answer{};
  if (!wants_answer) return answer;
  require(::recv(connection_.get(), &answer, 12, MSG_WAITALL) == 12 &&
              answer.size <= sizeof answer.payload &&
              (answer.size == 0 ||  // for which recv() would wait all the same
               ::recv(connection_.get(), answer.payload, answer.size, MSG_WAITALL) ==
                   static_cast<ssize_t>(answer.size)),
          "receive an answer");
  return answer;
}

}  // namespace butterfly::test

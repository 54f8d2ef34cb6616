// SPDX-License-Identifier: Apache-2.0
#include "support/vhost_guest.h"

#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <cstdlib>
#include <cstring>

namespace butterfly::test {
namespace {

// vhost-user requests.
constexpr uint32_t kGetFeatures = 1;
constexpr uint32_t kSetFeatures = 2;
constexpr uint32_t kSetOwner = 3;
constexpr uint32_t kSetMemTable = 5;
constexpr uint32_t kSetVringNum = 8;
constexpr uint32_t kSetVringAddr = 9;
constexpr uint32_t kSetVringBase = 10;
constexpr uint32_t kSetVringKick = 12;
constexpr uint32_t kSetVringCall = 13;
constexpr uint32_t kVersion = 1;

struct Descriptor {
  uint64_t address;
  uint32_t length;
  uint16_t flags;
  uint16_t next;
};
constexpr uint16_t kNext = 1;
constexpr uint16_t kWritable = 2;

// How the memory is laid out. A frame's slot is as long as any frame, header included.
constexpr uint16_t kSendSlots = 64;
constexpr uint16_t kPiecesPerSlot = 4;
constexpr uint64_t kSlotBytes = 68 << 10;
constexpr uint64_t kReceiveRing = 0;
constexpr uint64_t kSendRing = 64 << 10;
constexpr uint64_t kFrames = 128 << 10;
constexpr uint64_t kBuffers = kFrames + kSendSlots * kSlotBytes;

void require(bool fact, const char* what) {
  if (fact) return;
  std::fprintf(stderr, "VhostGuest: %s: %s\n", what, std::strerror(errno));
  std::abort();
}

}  // namespace

struct VhostGuest::Message {
  uint32_t request;
  uint32_t flags;
  uint32_t size;
  uint8_t payload[64];
};

VhostGuest::VhostGuest(const std::string& path, const Options& options) : options_(options) {
  listener_ = Fd(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  ::unlink(path.c_str());
  require(listener_ &&
              ::bind(listener_.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) == 0 &&
              ::listen(listener_.get(), 1) == 0,
          "listen");
  memory_fd_ = Fd(memfd_create("guest", MFD_CLOEXEC));
  require(memory_fd_ && ::ftruncate(memory_fd_.get(), kMemory) == 0, "memory");
  void* memory = ::mmap(nullptr, kMemory, PROT_READ | PROT_WRITE, MAP_SHARED, memory_fd_.get(), 0);
  require(memory != MAP_FAILED, "mmap");
  memory_ = static_cast<uint8_t*>(memory);
  const auto lay_out = [](uint16_t size, uint64_t at) {
    const uint64_t available = at + size * sizeof(Descriptor);
    return Ring{size, at, available, (available + 6 + 2u * size + 63) & ~63ULL};
  };
  receive_ = lay_out(options.receive_buffers, kReceiveRing);
  send_ = lay_out(kSendSlots * kPiecesPerSlot, kSendRing);
  for (auto* ends : {kicks_, calls_}) {
    for (int i = 0; i < 2; ++i) ends[i] = Fd(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  }
  for (uint16_t i = 0; i < options.receive_buffers; ++i) post_buffer(i);
}

VhostGuest::~VhostGuest() {
  connection_.reset();
  ::munmap(memory_, kMemory);
}

void VhostGuest::connect() {
  connection_ = Fd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC));
  require(static_cast<bool>(connection_), "accept");
  const Message features = request(kGetFeatures, {}, -1, true);
  std::memcpy(&offered_, features.payload, sizeof offered_);
  request(kSetOwner, {});
  const uint64_t wanted[] = {options_.features & offered_};
  request(kSetFeatures, wanted);
  const auto user = reinterpret_cast<uint64_t>(memory_);
  const uint64_t table[] = {1, 0, kMemory, user, 0};  // one region, at guest address 0
  request(kSetMemTable, table, memory_fd_.get());
  start_ring(0, receive_, kicks_[0].get(), calls_[0].get());
  start_ring(1, send_, kicks_[1].get(), calls_[1].get());
}

void VhostGuest::start_ring(uint32_t index, const Ring& ring, int kick, int call) {
  const auto user = reinterpret_cast<uint64_t>(memory_);
  const auto state = [index](uint64_t value) { return index | value << 32; };
  const uint64_t number[] = {state(ring.size)};
  request(kSetVringNum, number);
  const uint64_t base[] = {state(0)};
  request(kSetVringBase, base);
  const uint64_t addresses[] = {index, user + ring.descriptors, user + ring.used,
                                user + ring.available, 0};
  request(kSetVringAddr, addresses);
  const uint64_t ring_index[] = {index};
  request(kSetVringCall, ring_index, call);
  request(kSetVringKick, ring_index, kick);
}

VhostGuest::Message VhostGuest::request(uint32_t number, std::span<const uint64_t> payload, int fd,
                                        bool wants_answer) {
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
              ::recv(connection_.get(), answer.payload, answer.size, MSG_WAITALL) ==
                  static_cast<ssize_t>(answer.size),
          "receive an answer");
  return answer;
}

void VhostGuest::post(Ring& ring, uint16_t head) {
  at<uint16_t>(ring.available + 4 + 2u * (ring.next_available % ring.size)) = head;
  ++ring.next_available;
  std::atomic_ref(at<uint16_t>(ring.available + 2))
      .store(ring.next_available, std::memory_order_release);
}

void VhostGuest::post_buffer(uint16_t number) {
  at<Descriptor>(receive_.descriptors + number * sizeof(Descriptor)) = {
      kBuffers + uint64_t{number} * options_.receive_bytes, options_.receive_bytes, kWritable, 0};
  post(receive_, number);
}

void VhostGuest::send(const VirtioHeader& header, std::span<const uint8_t> frame) {
  const uint64_t slot = kFrames + send_.next_available % kSendSlots * kSlotBytes;
  const bool is_modern = (options_.features & offered_ & (kVirtioVersion1 | kVirtioMergeable)) != 0;
  const auto header_length = static_cast<uint32_t>(is_modern ? 12 : 10);
  std::memcpy(memory_ + slot, &header, header_length);
  std::ranges::copy(frame, memory_ + slot + sizeof header);
  const Piece pieces[] = {{slot, header_length},
                          {slot + sizeof header, static_cast<uint32_t>(frame.size())}};
  send_pieces(pieces);
}

void VhostGuest::send_pieces(std::span<const Piece> pieces) {
  const auto head = static_cast<uint16_t>(send_.next_available % kSendSlots * kPiecesPerSlot);
  for (size_t i = 0; i < pieces.size(); ++i) {
    const auto index = static_cast<uint16_t>(head + i);
    const bool is_last = i + 1 == pieces.size();
    at<Descriptor>(send_.descriptors + index * sizeof(Descriptor)) = {
        pieces[i].offset, pieces[i].length, is_last ? uint16_t{0} : kNext,
        static_cast<uint16_t>(index + 1)};
  }
  post(send_, head);
}

uint16_t VhostGuest::waiting() const {
  const uint16_t used =
      std::atomic_ref(at<uint16_t>(send_.used + 2)).load(std::memory_order_acquire);
  return static_cast<uint16_t>(send_.next_available - used);
}

bool VhostGuest::is_to_kick() const {
  constexpr uint16_t kNoNotify = 1;
  return (std::atomic_ref(at<uint16_t>(send_.used)).load() & kNoNotify) == 0;
}

std::vector<VhostGuest::Received> VhostGuest::receive() {
  struct UsedElement {
    uint32_t head, length;
  };
  std::vector<Received> received;
  const uint16_t used =
      std::atomic_ref(at<uint16_t>(receive_.used + 2)).load(std::memory_order_acquire);
  uint16_t parts = 0;  // further buffers of the frame that is being put together
  while (receive_.next_used != used) {
    const auto element =
        at<UsedElement>(receive_.used + 4 + 8u * (receive_.next_used++ % receive_.size));
    const uint8_t* buffer = memory_ + kBuffers + uint64_t{element.head} * options_.receive_bytes;
    size_t skip = 0;
    if (parts == 0) {
      received.emplace_back();
      skip = (options_.features & offered_ & (kVirtioVersion1 | kVirtioMergeable)) != 0 ? 12 : 10;
      std::memcpy(&received.back().header, buffer, skip);
      parts = std::max<uint16_t>(received.back().header.num_buffers, 1);
    }
    --parts;
    received.back().frame.insert(received.back().frame.end(), buffer + skip,
                                 buffer + element.length);
    post_buffer(static_cast<uint16_t>(element.head));
  }
  return received;
}

}  // namespace butterfly::test

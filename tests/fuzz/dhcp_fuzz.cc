// SPDX-License-Identifier: Apache-2.0
// Feeds hostile options to the reader of DHCP clients' messages, in all three places where they may
// stand, and answers what it accepts: the answer fits the room that was promised, and is well made.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "wire/dhcp.h"

namespace {

using namespace butterfly;        // NOLINT: a program of one page
using namespace butterfly::wire;  // NOLINT

void require(bool fact, const char* sentence) {
  if (fact) return;
  std::fprintf(stderr, "broken: %s\n", sentence);
  std::abort();
}

// Byte 0: how many bytes of the rest go into `file`, byte 1: into `server_name`; then options.
std::vector<uint8_t> message_of(std::span<const uint8_t> data) {
  DhcpHeader header{};
  header.operation = kDhcpRequestOperation;
  header.hardware_type = 1;
  header.hardware_length = sizeof(Mac);
  header.cookie = kDhcpCookie;
  const size_t in_file = std::min<size_t>({data[0], header.file.size(), data.size() - 2});
  const size_t in_name =
      std::min<size_t>({data[1], header.server_name.size(), data.size() - 2 - in_file});
  std::ranges::copy(data.subspan(2, in_file), header.file.begin());
  std::ranges::copy(data.subspan(2 + in_file, in_name), header.server_name.begin());
  const auto options = data.subspan(2 + in_file + in_name);
  std::vector<uint8_t> message(sizeof header + options.size());
  std::memcpy(message.data(), &header, sizeof header);
  std::ranges::copy(options, message.begin() + sizeof header);
  return message;
}

// As any client would: option after option, up to the end.
void check_answer(std::span<const uint8_t> answer, const DhcpRequest& request) {
  require(answer.size() > sizeof(DhcpHeader), "an answer has options");
  size_t at = sizeof(DhcpHeader);
  bool has_type = false;
  bool has_client_id = false;
  while (answer[at] != static_cast<uint8_t>(DhcpOption::end)) {
    require(at + 1 < answer.size(), "an option has a length");
    const auto option = static_cast<DhcpOption>(answer[at]);
    const size_t length = answer[at + 1];
    at += 2;
    require(at + length < answer.size(), "an option ends before the end");
    if (option == DhcpOption::type) has_type = true;
    if (option == DhcpOption::client_id) {
      has_client_id = true;
      require(std::ranges::equal(answer.subspan(at, length),
                                 std::span(request.client_id).first(request.client_id_length)),
              "the client's identifier comes back as it was");
    }
    at += length;
  }
  require(at + 1 == answer.size(), "nothing follows the end");
  require(has_type, "an answer has a type");
  require(has_client_id == (request.client_id_length != 0), "an identifier is answered, or none");
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  if (size < 2) return 0;
  const std::vector<uint8_t> message = message_of({data, size});
  DhcpRequest request;
  if (!read_dhcp_request(message, request)) return 0;
  DhcpOptions options;
  const std::array dns{Ipv4{{10, 0, 0, 53}}, Ipv4{{10, 0, 0, 54}}};
  options.add(DhcpOption::dns, dns);
  options.add(DhcpOption::mtu, uint16_t{1450});
  const DhcpReply reply{DhcpType::ack, Ipv4{{10, 0, 0, 1}}, Ipv4{{10, 0, 0, 254}}, 3600,
                        options.bytes()};
  std::vector<uint8_t> answer(longest_dhcp_reply(options.bytes().size()));
  const size_t length = write_dhcp_reply(request, reply, answer);
  require(length <= answer.size(), "an answer fits the room that was promised");
  check_answer(std::span(answer).first(length), request);
  return 0;
}

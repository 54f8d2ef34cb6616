// SPDX-License-Identifier: Apache-2.0
// butterfly sg check
#include "cli/commands.h"
#include "cli/rule_options.h"

namespace butterfly {
namespace {

struct Options {
  std::string nic, direction = "in", peer, address, protocol;
  uint16_t port = 0, source_port = 0;
  int icmp_type = 0, icmp_code = 0;
};

v1::CheckPacketRequest request_of(const Options& options, const CLI::App& verb) {
  v1::CheckPacketRequest request;
  request.set_nic(options.nic);
  request.set_direction(options.direction == "in" ? v1::DIRECTION_INGRESS : v1::DIRECTION_EGRESS);
  request.set_peer(options.peer);
  request.set_address(options.address);
  request.set_protocol(static_cast<uint32_t>(protocol_number(options.protocol)));
  if (verb.count("--port") > 0) request.set_destination_port(options.port);
  if (verb.count("--source-port") > 0) request.set_source_port(options.source_port);
  if (verb.count("--icmp-type") > 0) {
    request.set_icmp_type(static_cast<uint32_t>(options.icmp_type));
  }
  if (verb.count("--icmp-code") > 0) {
    request.set_icmp_code(static_cast<uint32_t>(options.icmp_code));
  }
  return request;
}

int check(Command& command, const v1::CheckPacketRequest& request) {
  v1::CheckPacketResponse response;
  if (const Status status = command.client().call(request, response); !status.ok()) {
    return command.fail(status);
  }
  const v1::TraceResponse& packet = response.packet();
  std::cout << (command.json ? to_json(response) : packet_text(packet)) << std::flush;
  if (response.passes()) return kDone;
  const v1::TraceStep& last = packet.steps(packet.steps_size() - 1);
  return command.fail(precondition(
      "nic '" + request.nic() + "': the packet does not pass: " + last.brick() + "/" + last.out()));
}

}  // namespace

void add_check_command(CLI::App& group, Command& command) {
  const auto options = std::make_shared<Options>();
  CLI::App* verb = group.add_subcommand(
      "check", "What would become of a packet, and which rule decides (exit code 0: it passes)");
  verb->callback([&command, options, verb] {
    command.action = [&command, request = request_of(*options, *verb)] {
      return check(command, request);
    };
  });
  verb->add_option("NIC", options->nic, "name of the nic")->required();
  verb->add_option("--dir", options->direction, "in or out, seen from the guest (default: in)")
      ->check(CLI::IsMember({"in", "out"}));
  verb->add_option("--peer", options->peer, "address of the other side")->required();
  verb->add_option("--address", options->address, "of the nic's side (default: its first)");
  verb->add_option("--ip-proto", options->protocol, "tcp, udp, icmp, icmpv6, sctp or 0..255")
      ->required()
      ->check(one_protocol());
  verb->add_option("--port", options->port, "destination port");
  verb->add_option("--source-port", options->source_port, "source port (default: 49152)");
  verb->add_option("--icmp-type", options->icmp_type, "default: an echo request")
      ->check(CLI::Range(0, 255));
  verb->add_option("--icmp-code", options->icmp_code, "default: 0")->check(CLI::Range(0, 255));
}

}  // namespace butterfly

// SPDX-License-Identifier: Apache-2.0
// butterfly capture.
#include <csignal>
#include <fstream>

#include "cli/commands.h"
#include "cli/pcapng.h"

namespace butterfly {
namespace {

volatile std::sig_atomic_t is_interrupted = 0;

void interrupt(int) { is_interrupted = 1; }

Pcapng::Packet describe(const v1::CapturedPacket& packet, const std::string& comment) {
  const bool is_drop = packet.point() == v1::CAPTURE_POINT_DROPPED;
  Pcapng::Packet described;
  described.interface = is_drop ? Pcapng::Interface::dropped : Pcapng::Interface::nic;
  if (packet.point() == v1::CAPTURE_POINT_FROM_NIC) {
    described.direction = Pcapng::Direction::outbound;
  } else if (packet.point() == v1::CAPTURE_POINT_TO_NIC) {
    described.direction = Pcapng::Direction::inbound;
  }
  described.time_ns = packet.time_ns();
  described.length = packet.length_bytes();
  described.bytes = packet.data();
  described.comment = comment;
  return described;
}

std::string comment_of(const v1::CapturedPacket& packet) {
  if (packet.brick().empty()) return "";
  return "dropped by " + packet.brick() + "/" + packet.out() + ": " + packet.sentence();
}

// To a file, or to the standard output for "-".
int capture(Command& command, const v1::CaptureRequest& request, const std::string& path) {
  std::ofstream file;
  const bool is_pipe = path == "-";
  if (!is_pipe) file.open(path, std::ios::binary | std::ios::trunc);
  std::ostream& out = is_pipe ? std::cout : file;
  if (!out) {
    command.fail(invalid("capture: '" + path + "' cannot be written (wanted a file in a " +
                         "directory that exists, or - for the standard output)"));
    return kUsage;
  }
  // A file is complete when it has its end: an interrupt is how a capture is ended.
  is_interrupted = 0;
  std::signal(SIGINT, interrupt);
  std::signal(SIGTERM, interrupt);
  out << Pcapng::begin(request.nic(), "butterfly " BUTTERFLY_VERSION, 2048) << std::flush;
  uint64_t packets = 0;
  uint64_t lost = 0;
  uint64_t time_ns = 0;
  const Status status = command.client().capture(request, [&](const v1::CaptureResponse& part) {
    for (const auto& packet : part.packets()) {
      out << Pcapng::packet(describe(packet, comment_of(packet)));
      time_ns = packet.time_ns();
      ++packets;
    }
    lost = part.lost();
    out << std::flush;
    return is_interrupted == 0 && out.good();
  });
  out << Pcapng::end(time_ns, packets, lost) << std::flush;
  if (!status.ok()) return command.fail(status);
  if (!out && !is_pipe) return command.fail(exhausted("capture: '" + path + "': write failed"));
  std::cerr << packets << " packets, " << lost << " more found no room" << std::endl;
  return kDone;
}

}  // namespace

void add_capture_command(CLI::App& root, Command& command) {
  struct Options {
    std::string nic, path, expression;
    uint32_t most_bytes = 0;
    uint64_t count = 0;
  };
  const auto options = std::make_shared<Options>();
  CLI::App& verb =
      add_verb(root, command, "capture",
               "Packets of a nic, and why any was dropped, as a pcapng file", [&command, options] {
                 v1::CaptureRequest request;
                 request.set_nic(options->nic);
                 request.set_expression(options->expression);
                 request.set_most_bytes(options->most_bytes);
                 request.set_count(options->count);
                 return capture(command, request, options->path);
               });
  verb.add_option("NIC", options->nic, "name of the nic")->required();
  verb.add_option("FILE", options->path, "where to write; - for the standard output")->required();
  verb.add_option("--expression", options->expression,
                  "only IP packets that match, as in pcap-filter(7)");
  verb.add_option("--bytes", options->most_bytes, "of each packet at most (default 2048)")
      ->check(CLI::Range(14u, 2048u));
  verb.add_option("--count", options->count, "ends after so many (default: goes on)")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}));
}

}  // namespace butterfly

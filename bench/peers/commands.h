// SPDX-License-Identifier: Apache-2.0
// The generator's language: one command a line on stdin, "VERB key=value ...", answered by one line
// of JSON on stdout. {"error":"..."} when the command is not understood.
//
//   link [ms=5000]                      waits for the switch to connect both ends
//   vtep mac=M                          the tunnel endpoint's MAC of the switch
//   open first=F count=N family=4|6     opens flows by handshakes
//   stream first=F count=N family=4|6 [lengths=64,64,570] [ends=guest|wire|both] [ms=500]
//   [warm=100]
//          [window=50] [quiet=10] [rate=PPS] [packets=N] [latency=1] [all=1]
//   syns first=F count=N family=4|6     one SYN of each flow, as fast as the switch takes them
//   quit
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>

#include "bench/peers/course.h"
#include "bench/peers/end.h"
#include "bench/peers/network.h"

namespace butterfly::peers {

class Commands {
 public:
  Commands(const Network& network, End& guest, End& wire)
      : network_(network), guest_(guest), wire_(wire) {}

  // The answer to one line; empty: end the program.
  std::string run(const std::string& line);

 private:
  using Words = std::map<std::string, std::string>;
  struct Courses {
    Course from_guest;
    Course from_wire;
  };

  std::string link(const Words& words);
  std::string set_vtep(const Words& words);
  std::string open(const Words& words);
  std::string stream(const Words& words);
  std::string send_syns(const Words& words);
  Courses& courses_of(const FlowRange& flows, wire::Family family);

  Network network_;
  End& guest_;
  End& wire_;
  // Of each set of flows that was opened.
  std::map<std::tuple<uint32_t, uint32_t, wire::Family>, Courses> courses_;
};

}  // namespace butterfly::peers

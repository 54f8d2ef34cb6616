// SPDX-License-Identifier: Apache-2.0
// many_guests CPU DIRECTORY: plays any number of guests of a switch from one CPU. Guest n listens
// at DIRECTORY/guest-n.sock. One command a line on stdin, answered by one line of JSON on stdout:
//
//   add count=N [send_ring=256] [receive_ring=256]
//   connect                           waits for the switch to connect to all that were added
//   run [ms=500] [warm=100] [window=50] [receive=all] [deaf=3,5] [rate=N] STREAM...
//       STREAM is FROM>TO[xPAIRS]:KIND[:LENGTH[:FLOWS]], KIND one of flow, connection, broadcast,
//       strangers, spoofed (bench/guests/guest.h); further pairs are two guests on, each;
//       with a rate each pair sends so many packets a second, else all that the switch takes
//   quit
#include <pthread.h>
#include <sys/resource.h>

#include <cstdio>
#include <cstdlib>
#include <iostream>
#include <map>
#include <optional>
#include <sstream>

#include "bench/guests/run.h"

namespace butterfly::guests {
namespace {

// The words of a command: key=value, and the rest.
struct Words {
  explicit Words(std::istream& text) {
    for (std::string word; text >> word;) {
      const size_t equals = word.find('=');
      if (equals == std::string::npos) {
        bare.push_back(word);
      } else {
        values[word.substr(0, equals)] = word.substr(equals + 1);
      }
    }
  }
  uint32_t number(const std::string& key, uint32_t otherwise) const {
    const auto found = values.find(key);
    if (found == values.end()) return otherwise;
    return static_cast<uint32_t>(std::strtoul(found->second.c_str(), nullptr, 10));
  }

  std::map<std::string, std::string> values;
  std::vector<std::string> bare;
};

std::optional<Kind> kind_of(const std::string& name) {
  static const std::map<std::string, Kind> kinds{{"flow", Kind::flow},
                                                 {"connection", Kind::connection},
                                                 {"broadcast", Kind::broadcast},
                                                 {"strangers", Kind::strangers},
                                                 {"spoofed", Kind::spoofed}};
  const auto found = kinds.find(name);
  if (found == kinds.end()) return std::nullopt;
  return found->second;
}

std::optional<Stream> stream_of(const std::string& text, size_t guests) {
  unsigned from = 0;
  unsigned to = 0;
  unsigned pairs = 1;
  unsigned length = 64;
  unsigned flows = 1;
  char kind[16] = {};
  const size_t colon = text.find(':');
  if (colon == std::string::npos || std::sscanf(text.c_str(), "%u>%ux%u", &from, &to, &pairs) < 2 ||
      std::sscanf(text.c_str() + colon, ":%15[a-z]:%u:%u", kind, &length, &flows) < 1) {
    return std::nullopt;
  }
  const std::optional<Kind> known = kind_of(kind);
  const bool fits = pairs > 0 && std::max(from, to) + 2 * (pairs - 1) < guests;
  if (!known || !fits || length < 60 || length > Guest::kMostBytes || flows == 0) {
    return std::nullopt;
  }
  return Stream{static_cast<uint16_t>(from),
                static_cast<uint16_t>(pairs),
                {static_cast<uint16_t>(to), *known, static_cast<uint16_t>(length), flows}};
}

std::string error(const std::string& what) { return "{\"error\":\"" + what + "\"}"; }

std::string json_of(const RunResult& result) {
  std::ostringstream out;
  out << "{\"seconds\":" << result.seconds << ",\"streams\":[";
  const char* comma = "";
  for (const StreamResult& stream : result.streams) {
    out << comma << "{\"sent\":" << stream.sent << ",\"arrived\":" << stream.arrived
        << ",\"least\":" << stream.least << ",\"most\":" << stream.most << ",\"held_up\":"
        << static_cast<double>(stream.held_up) /
               static_cast<double>(std::max<uint64_t>(stream.visits, 1))
        << ",\"windows_pps\":[";
    comma = ",";
    const char* separator = "";
    for (const double pps : stream.windows_pps) {
      out << separator << static_cast<uint64_t>(pps);
      separator = ",";
    }
    out << "]}";
  }
  out << "]}";
  return out.str();
}

class Guests {
 public:
  explicit Guests(std::string directory) : directory_(std::move(directory)) {}

  // The answer to one line; empty: end the program.
  std::string answer(const std::string& line) {
    std::istringstream text(line);
    std::string verb;
    text >> verb;
    const Words words(text);
    if (verb == "add") return add(words);
    if (verb == "connect") return connect();
    if (verb == "run") return run_streams(words);
    if (verb == "quit") return "";
    return error("unknown command '" + verb + "'");
  }

 private:
  std::string add(const Words& words) {
    const uint32_t count = words.number("count", 1);
    for (uint32_t i = 0; i < count; ++i) {
      const auto number = static_cast<uint16_t>(guests_.size());
      guests_.emplace_back(
          directory_ + "/guest-" + std::to_string(number) + ".sock",
          Guest::Options{number, static_cast<uint16_t>(words.number("send_ring", 256)),
                         static_cast<uint16_t>(words.number("receive_ring", 256))});
    }
    return "{\"guests\":" + std::to_string(guests_.size()) + "}";
  }

  std::string connect() {
    while (connected_ < guests_.size()) guests_[connected_++].connect();
    return "{\"connected\":" + std::to_string(connected_) + "}";
  }

  std::string run_streams(const Words& words) {
    RunOptions options;
    options.length = std::chrono::milliseconds(words.number("ms", 500));
    options.warm = std::chrono::milliseconds(words.number("warm", 100));
    options.window = std::chrono::milliseconds(std::max(1U, words.number("window", 50)));
    options.bursts_per_second = words.number("rate", 0);
    options.all_receive = words.values.contains("receive");
    if (words.values.contains("deaf")) {
      std::istringstream list(words.values.at("deaf"));
      for (std::string guest; std::getline(list, guest, ',');) {
        options.deaf.push_back(static_cast<uint16_t>(std::strtoul(guest.c_str(), nullptr, 10)));
        if (options.deaf.back() >= connected_) return error("no guest '" + guest + "'");
      }
    }
    for (const std::string& text : words.bare) {
      const std::optional<Stream> stream = stream_of(text, connected_);
      if (!stream) return error("no stream: '" + text + "'");
      options.streams.push_back(*stream);
    }
    return json_of(run(guests_, options));
  }

  std::string directory_;
  std::deque<Guest> guests_;
  size_t connected_ = 0;
};

void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(cpu, &set);
  pthread_setaffinity_np(pthread_self(), sizeof set, &set);
}

// A guest takes seven descriptors.
void allow_many_descriptors() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  setrlimit(RLIMIT_NOFILE, &limit);
}

}  // namespace
}  // namespace butterfly::guests

int main(int argc, char** argv) {
  if (argc != 3) {
    std::fputs("usage: many_guests CPU DIRECTORY\n", stderr);
    return 2;
  }
  butterfly::guests::pin(std::atoi(argv[1]));
  butterfly::guests::allow_many_descriptors();
  butterfly::guests::Guests guests(argv[2]);
  for (std::string line; std::getline(std::cin, line);) {
    const std::string answer = guests.answer(line);
    if (answer.empty()) break;
    std::cout << answer << std::endl;
  }
  return 0;
}

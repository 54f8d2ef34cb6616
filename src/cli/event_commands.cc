// SPDX-License-Identifier: Apache-2.0
// butterfly events.
#include <cctype>

#include "cli/commands.h"

namespace butterfly {
namespace {

// "guest-connected".
std::string kind_word(v1::EventKind kind) {
  constexpr std::string_view kPrefix = "EVENT_KIND_";
  std::string word = v1::EventKind_Name(kind);
  if (word.empty()) return std::to_string(kind);  // of a newer daemon
  word = word.substr(kPrefix.size());
  for (char& c : word) c = c == '_' ? '-' : static_cast<char>(std::tolower(c));
  return word;
}

std::vector<std::string> kind_words() {
  std::vector<std::string> words;
  for (int kind = v1::EVENT_KIND_LOST; kind <= v1::EventKind_MAX; ++kind) {
    words.push_back(kind_word(static_cast<v1::EventKind>(kind)));
  }
  return words;
}

v1::EventKind kind_of(const std::string& word) {
  for (int kind = v1::EVENT_KIND_LOST; kind <= v1::EventKind_MAX; ++kind) {
    if (kind_word(static_cast<v1::EventKind>(kind)) == word)
      return static_cast<v1::EventKind>(kind);
  }
  return v1::EVENT_KIND_UNSPECIFIED;
}

std::string event_text(const v1::Event& event) {
  std::string text = clock_text(event.time_ms()) + " " + std::to_string(event.sequence()) + " " +
                     kind_word(event.kind());
  if (!event.nic().empty()) text += " nic " + event.nic();
  if (event.vni() != 0) text += " vni " + std::to_string(event.vni());
  if (!event.mac().empty()) text += " mac " + event.mac();
  if (!event.peer().empty()) text += " peer " + event.peer();
  if (event.revision() != 0) text += " revision " + std::to_string(event.revision());
  if (!event.limit().empty()) text += " limit " + event.limit();
  if (!event.member().empty()) text += " member " + event.member();
  if (event.kind() == v1::EVENT_KIND_LOST) {
    text += event.count() == 0 ? ": the daemon has been started anew"
                               : ": " + std::to_string(event.count()) + " events";
  } else if (event.count() != 0) {
    text += " (" + std::to_string(event.count()) + " more were not shown)";
  }
  return text + "\n";
}

}  // namespace

void add_event_commands(CLI::App& root, Command& command) {
  struct Options {
    std::vector<std::string> kinds;
    std::string nic;
    uint32_t vni = 0;
    uint64_t after = 0, count = 0;
    bool follow = false;
  };
  const auto options = std::make_shared<Options>();
  CLI::App* verb = root.add_subcommand("events", "Guests and peers that come and go, and the like");
  verb->callback([&command, options, verb] {
    command.action = [&command, options, verb] {
      v1::WatchEventsRequest request;
      for (const std::string& word : options->kinds) request.add_kinds(kind_of(word));
      request.set_nic(options->nic);
      if (verb->count("--vni") > 0) request.set_vni(options->vni);
      request.set_after(options->after);
      request.set_follow(options->follow);
      request.set_count(options->count);
      const Status status = command.client().watch_events(request, [&](const v1::Event& event) {
        std::cout << (command.json ? to_json(event, /*one_line=*/true) : event_text(event))
                  << std::flush;
      });
      return status.ok() ? kDone : command.fail(status);
    };
  });
  verb->add_flag("--follow", options->follow, "go on with what happens from now on");
  add_repeated(*verb, "--kind", options->kinds, "only these; repeatable")
      ->check(CLI::IsMember(kind_words()));
  verb->add_option("--nic", options->nic, "only what has to do with this nic");
  verb->add_option("--vni", options->vni, "only what has to do with this segment");
  verb->add_option("--after", options->after, "only what comes after the event of that number");
  verb->add_option("--count", options->count, "ends after so many")
      ->check(CLI::Range(uint64_t{1}, uint64_t{1'000'000'000}));
}

}  // namespace butterfly

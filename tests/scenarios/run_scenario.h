// SPDX-License-Identifier: Apache-2.0
// Plays a scenario: intent and packets in, packets and counters out compared with what the file
// says. README.md describes the language.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "scenarios/crowd.h"
#include "scenarios/intent_lines.h"
#include "scenarios/scenario_file.h"
#include "scenarios/scripted_host.h"

namespace butterfly::scenario {

class ScenarioRun {
 public:
  enum class Mode : uint8_t { check, update };

  // How a scenario is played: what must make no difference.
  struct Setting {
    size_t lcores = 1;
    bool is_far_remote = false;  // guests of `far` lines: nics of this host, or behind a tunnel
    bool shortcut = true;
    bool is_crowded = false;  // each packet that is sent shares a burst with unrelated ones
  };

  ScenarioRun(const ScenarioFile& file, Mode mode, const Setting& setting);

  // Ok when everything came as the file says, and the books close at the end.
  Status run();
  // Mode::update: the file's lines with expectations as they came.
  std::vector<std::string> updated() const;

 private:
  // Lines [first, last] of the file, to be replaced; inserted behind `last` when first > last.
  struct Change {
    int first;
    int last;
    std::vector<std::string> lines;
  };

  Status step(size_t& index);
  Status apply_intent();
  // Feeds the packet that begins at that word.
  Status send(const Line& line, size_t packet_word);
  // As a guest leaves it to its device.
  Status send_unfinished(const Line& line);
  Status pass_or_drop(const Line& line);
  Status burst(const Line& line);
  Status set_port(const Line& line);
  Status set_offloads(const Line& line);
  Status count(const Line& line);
  // Compares what came out with the expect lines that follow lines[index]; leaves `index` at the
  // last of them.
  Status expect(size_t& index);
  // What came out; at a far guest what its tunnel carried.
  std::vector<Sighting> take_sightings();
  StatusOr<ScriptedLink*> port(const std::string& name);
  Status fault(const Line& line, const std::string& message) const {
    return file_.fault(line, message);
  }

  const ScenarioFile& file_;
  const Mode mode_;
  const bool is_crowded_;
  Crowd crowd_;
  Wanted wanted_;
  bool is_applied_ = false;
  std::unique_ptr<ScriptedHost> host_;
  std::vector<Change> changes_;
};

}  // namespace butterfly::scenario

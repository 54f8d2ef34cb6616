// SPDX-License-Identifier: Apache-2.0
// A scenario as text: lines of words, variables put in, continued lines joined.
#pragma once

#include <string>
#include <vector>

#include "base/status.h"

namespace butterfly::scenario {

// One statement. It may span several lines of the file: a line that ends in '/' or ',' goes on.
struct Line {
  int first = 0;  // line numbers in the file, from 1
  int last = 0;
  std::string text;                // variables put in, comment and outer blanks cut
  std::vector<std::string> words;  // of `text`

  const std::string& verb() const { return words.front(); }
  // The word at `index`, or "" past the end.
  const std::string& word(size_t index) const;
  // The text from word `index` on.
  std::string from_word(size_t index) const;
};

struct ScenarioFile {
  std::string path;
  std::vector<std::string> raw;  // the file's lines as they are
  std::vector<Line> lines;       // statements; `let` and comments are gone

  // "name.scn:12: message"
  Status fault(const Line& line, const std::string& message) const;
};

StatusOr<ScenarioFile> read_scenario(const std::string& path);

}  // namespace butterfly::scenario

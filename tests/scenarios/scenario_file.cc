// SPDX-License-Identifier: Apache-2.0
#include "scenarios/scenario_file.h"

#include <cctype>
#include <filesystem>
#include <fstream>
#include <map>
#include <sstream>

namespace butterfly::scenario {
namespace {

using Variables = std::map<std::string, std::string>;

std::string trimmed(const std::string& text) {
  const size_t first = text.find_first_not_of(" \t\r");
  if (first == std::string::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t\r") - first + 1);
}

// A '#' begins a comment at the start of a line or behind a blank.
std::string without_comment(const std::string& text) {
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '#' && (i == 0 || text[i - 1] == ' ')) return trimmed(text.substr(0, i));
  }
  return trimmed(text);
}

bool is_name(char c) { return std::isalnum(static_cast<unsigned char>(c)) || c == '_'; }

StatusOr<std::string> substitute(const std::string& text, const Variables& variables) {
  std::string result;
  for (size_t i = 0; i < text.size();) {
    if (text[i] != '$') {
      result += text[i++];
      continue;
    }
    size_t end = i + 1;
    while (end < text.size() && is_name(text[end])) ++end;
    const auto it = variables.find(text.substr(i + 1, end - i - 1));
    if (it == variables.end()) {
      return invalid("variable " + text.substr(i, end - i) + " is not known (wanted: let " +
                     text.substr(i + 1, end - i - 1) + " = … before)");
    }
    result += it->second;
    i = end;
  }
  return result;
}

Status define(const std::string& text, Variables& variables) {
  const size_t equals = text.find('=');
  if (equals == std::string::npos) return invalid("'" + text + "' (wanted let NAME = TEXT)");
  variables[trimmed(text.substr(4, equals - 4))] = trimmed(text.substr(equals + 1));
  return ok_status();
}

bool goes_on(const std::string& text) {
  return !text.empty() && (text.back() == '/' || text.back() == ',');
}

// Joins continued lines, from raw[index] on; leaves `index` at the last one.
Line join(const std::vector<std::string>& raw, size_t& index) {
  Line line;
  line.first = static_cast<int>(index) + 1;
  line.text = without_comment(raw[index]);
  while (goes_on(line.text) && index + 1 < raw.size()) {
    line.text += (line.text.back() == ',' ? " " : "") + without_comment(raw[++index]);
  }
  line.last = static_cast<int>(index) + 1;
  return line;
}

}  // namespace

const std::string& Line::word(size_t index) const {
  static const std::string none;
  return index < words.size() ? words[index] : none;
}

std::string Line::from_word(size_t index) const {
  size_t at = 0;
  for (size_t i = 0; i < index && i < words.size(); ++i) {
    at = text.find(words[i], at) + words[i].size();
  }
  return trimmed(text.substr(at));
}

Status ScenarioFile::fault(const Line& line, const std::string& message) const {
  const std::string name = std::filesystem::path(path).filename().string();
  return invalid(name + ":" + std::to_string(line.first) + ": " + message);
}

StatusOr<ScenarioFile> read_scenario(const std::string& path) {
  ScenarioFile file{path, {}, {}};
  std::ifstream stream(path);
  if (!stream) return not_found(path + ": cannot be read");
  for (std::string text; std::getline(stream, text);) file.raw.push_back(text);
  Variables variables;
  for (size_t i = 0; i < file.raw.size(); ++i) {
    Line line = join(file.raw, i);
    if (line.text.empty()) continue;
    StatusOr<std::string> text = substitute(line.text, variables);
    if (!text.ok()) return file.fault(line, std::string(text.status().message()));
    line.text = *std::move(text);
    if (line.text.starts_with("let ")) {
      const Status status = define(line.text, variables);
      if (!status.ok()) return file.fault(line, std::string(status.message()));
      continue;
    }
    std::istringstream words(line.text);
    for (std::string word; words >> word;) line.words.push_back(word);
    file.lines.push_back(std::move(line));
  }
  return file;
}

}  // namespace butterfly::scenario

// SPDX-License-Identifier: Apache-2.0
// Completion: dist/completion has what shells need to ask for it.
#include "cli/manual.h"

namespace butterfly {
namespace {

std::vector<const CLI::App*> commands_of(const CLI::App& app) {
  return app.get_subcommands([](const CLI::App* command) { return !command->get_group().empty(); });
}

const CLI::App* find_command(const CLI::App& app, const std::string& name) {
  for (const CLI::App* command : commands_of(app)) {
    if (command->get_name() == name) return command;
  }
  return nullptr;
}

// Options of outer commands may stand behind inner ones.
const CLI::Option* find_option(const std::vector<const CLI::App*>& path, const std::string& name) {
  for (const CLI::App* app : path) {
    if (const CLI::Option* option = app->get_option_no_throw(name)) return option;
  }
  return nullptr;
}

// Of a type such as "TEXT:{table,json}".
std::vector<std::string> values_of(const CLI::Option& option) {
  std::vector<std::string> values;
  const std::string type = option.get_type_name();
  const size_t open = type.find('{');
  const size_t close = type.find('}', open);
  if (open == std::string::npos || close == std::string::npos) return values;
  std::istringstream list(type.substr(open + 1, close - open - 1));
  for (std::string value; std::getline(list, value, ',');) values.push_back(value);
  return values;
}

std::vector<std::string> options_of(const std::vector<const CLI::App*>& path) {
  std::vector<std::string> names;
  for (const CLI::App* app : path) {
    for (const CLI::Option* option : app->get_options()) {
      for (const std::string& name : option->get_lnames()) names.push_back("--" + name);
    }
  }
  return names;
}

}  // namespace

std::string completions(const CLI::App& app, const std::vector<std::string>& words) {
  std::vector<const CLI::App*> path{&app};
  const CLI::Option* waiting = nullptr;  // for its value
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (waiting != nullptr) {
      waiting = nullptr;
    } else if (word.starts_with("-")) {
      const CLI::Option* option = find_option(path, word);
      if (option != nullptr && option->get_items_expected_max() > 0) waiting = option;
    } else if (const CLI::App* command = find_command(*path.back(), word)) {
      path.push_back(command);
    }
  }
  const std::string begun = words.empty() ? "" : words.back();
  std::vector<std::string> candidates;
  if (waiting != nullptr) {
    candidates = values_of(*waiting);
  } else if (begun.starts_with("-")) {
    candidates = options_of(path);
  } else {
    for (const CLI::App* command : commands_of(*path.back())) {
      candidates.push_back(command->get_name());
    }
  }
  std::string text;
  for (const std::string& candidate : candidates) {
    if (candidate.starts_with(begun)) text += candidate + "\n";
  }
  return text;
}

}  // namespace butterfly

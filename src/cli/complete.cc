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

// What of the names the option, or the word at a place, stands for.
std::vector<std::string> names_for(const CLI::Option& option, const KnownNames& names) {
  const std::string place = option.nonpositional() ? "" : option.get_name(/*positional=*/true);
  if (option.check_lname("nic") || place == "NIC" || place == "ID") return names.nics();
  if (option.check_lname("sg") || place == "SG") return names.groups();
  return {};
}

// The word that stands at that place behind the command; the last one may be repeated.
const CLI::Option* find_place(const CLI::App& command, size_t place) {
  const CLI::Option* last = nullptr;
  for (const CLI::Option* option : command.get_options()) {
    if (option->nonpositional()) continue;
    last = option;
    if (place-- == 0) return option;
  }
  return last != nullptr && last->get_items_expected_max() > 1 ? last : nullptr;
}

// The words so far, as far as they decide what may follow.
struct Context {
  std::vector<const CLI::App*> path;
  const CLI::Option* waiting = nullptr;  // for its value
  size_t place = 0;                      // of the word that comes, behind the command
};

Context read(const CLI::App& app, const std::vector<std::string>& words) {
  Context context{{&app}};
  for (size_t i = 0; i + 1 < words.size(); ++i) {
    const std::string& word = words[i];
    if (context.waiting != nullptr) {
      context.waiting = nullptr;
    } else if (word.starts_with("-")) {
      const CLI::Option* option = find_option(context.path, word);
      if (option != nullptr && option->get_items_expected_max() > 0) context.waiting = option;
    } else if (const CLI::App* command = find_command(*context.path.back(), word)) {
      context.path.push_back(command);
    } else {
      ++context.place;
    }
  }
  return context;
}

std::vector<std::string> candidates_for(const Context& context, const std::string& begun,
                                        const KnownNames& names) {
  if (const CLI::Option* waiting = context.waiting) {
    const auto values = values_of(*waiting);
    return values.empty() ? names_for(*waiting, names) : values;
  }
  if (begun.starts_with("-")) return options_of(context.path);
  std::vector<std::string> commands;
  for (const CLI::App* command : commands_of(*context.path.back())) {
    commands.push_back(command->get_name());
  }
  const CLI::Option* place = find_place(*context.path.back(), context.place);
  return commands.empty() && place != nullptr ? names_for(*place, names) : commands;
}

}  // namespace

std::string completions(const CLI::App& app, const std::vector<std::string>& words,
                        const KnownNames& names) {
  const std::string begun = words.empty() ? "" : words.back();
  std::string text;
  for (const std::string& candidate : candidates_for(read(app, words), begun, names)) {
    if (candidate.starts_with(begun)) text += candidate + "\n";
  }
  return text;
}

}  // namespace butterfly

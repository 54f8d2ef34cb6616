// SPDX-License-Identifier: Apache-2.0
// butterfly config …: what the daemon was told by its file, and since.
#include "cli/commands.h"

namespace butterfly {
namespace {

using Words = std::vector<std::string>;

std::string origin_text(v1::ConfigOrigin origin) {
  switch (origin) {
    case v1::CONFIG_ORIGIN_FILE:
      return "file";
    case v1::CONFIG_ORIGIN_RUN_TIME:
      return "run time";
    default:
      return "default";
  }
}

std::string config_text(const v1::GetConfigResponse& response) {
  Table table({"KEY", "VALUE", "FROM", "CHANGES", "DEFAULT"});
  for (const v1::ConfigKey& key : response.keys()) {
    table.add({key.key(), key.value(), origin_text(key.origin()),
               key.start_only() ? "start" : "any time", key.standard()});
  }
  return table.to_string();
}

// "KEY=VALUE" words; what is no such word is said.
StatusOr<v1::SetConfigRequest> changes_of(const Words& words) {
  v1::SetConfigRequest request;
  for (const std::string& word : words) {
    const size_t equals = word.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return invalid("setting '" + word + "' is malformed (wanted KEY=VALUE)");
    }
    v1::ConfigChange& change = *request.add_changes();
    change.set_key(word.substr(0, equals));
    change.set_value(word.substr(equals + 1));
  }
  return request;
}

int change(Command& command, const Words& words) {
  const auto request = changes_of(words);
  if (!request.ok()) {
    command.fail(request.status());
    return kUsage;
  }
  return command.ask<v1::SetConfigResponse>(*request, [&words](const v1::SetConfigResponse&) {
    std::string text;
    for (const std::string& word : words) text += "set " + word + "\n";
    return text;
  });
}

}  // namespace

void add_config_commands(CLI::App& root, Command& command) {
  CLI::App& config = add_topic(root, "config", "The daemon's own configuration");
  add_verb(config, command, "show", "Every key, its value and where it is from", [&command] {
    return command.ask<v1::GetConfigResponse>(v1::GetConfigRequest(), config_text);
  });
  const auto words = std::make_shared<Words>();
  add_verb(config, command, "set", "Set keys until the daemon ends or reads its file again",
           [&command, words] { return change(command, *words); })
      .add_option("KEY=VALUE", *words, "what to set, all or none")
      ->required();
}

}  // namespace butterfly

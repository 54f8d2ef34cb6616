// SPDX-License-Identifier: Apache-2.0
// butterfly plan, butterfly apply, butterfly dump: the whole intent at once.
#include <google/protobuf/util/json_util.h>

#include "cli/commands.h"
#include "cli/text_file.h"

namespace butterfly {
namespace {

StatusOr<v1::Intent> read_intent(const std::string& name) {
  const auto text = read_text(name);
  if (!text.ok()) return text.status();
  v1::Intent intent;
  const auto status = google::protobuf::util::JsonStringToMessage(*text, &intent);
  if (status.ok()) return intent;
  std::string reason(status.message());
  for (char& c : reason) {
    if (c == '\n') c = ' ';
  }
  return invalid("file '" + name + "': no intent: " + reason + " (wanted JSON as dump prints it)");
}

struct ApplyOptions {
  std::string file;
  bool dry_run = false;
};

// Replaces the intent, or says what that would change, and prints it.
int replace(Command& command, const ApplyOptions& options, v1::ReplaceResponse& response) {
  auto intent = read_intent(options.file);
  if (!intent.ok()) {
    command.fail(intent.status());
    return kUsage;
  }
  v1::ReplaceRequest request;
  *request.mutable_intent() = *std::move(intent);
  request.set_dry_run(options.dry_run);
  const Status status = command.client().call(request, response);
  if (!status.ok()) return command.fail(status);
  std::cout << (command.json ? to_json(response) : actions_text(response)) << std::flush;
  return kDone;
}

int apply(Command& command, const ApplyOptions& options) {
  v1::ReplaceResponse response;
  return replace(command, options, response);
}

int plan(Command& command, const std::string& file) {
  v1::ReplaceResponse response;
  const int code = replace(command, {.file = file, .dry_run = true}, response);
  if (code != kDone) return code;
  return response.actions().empty() ? kDone : kWouldChange;
}

void add_plan(CLI::App& root, Command& command) {
  const auto file = std::make_shared<std::string>();
  CLI::App& verb = add_verb(root, command, "plan",
                            "What apply would change; exit code 4 when there is something",
                            [&command, file] { return plan(command, *file); });
  verb.add_option("FILE", *file, "as apply takes it; - for standard input")->required();
}

int dump(Command& command) {
  v1::GetIntentResponse response;
  const Status status = command.client().call(v1::GetIntentRequest(), response);
  if (!status.ok()) return command.fail(status);
  std::cout << to_json(response.intent()) << std::flush;
  return kDone;
}

}  // namespace

void add_intent_commands(CLI::App& root, Command& command) {
  add_plan(root, command);
  const auto options = std::make_shared<ApplyOptions>();
  CLI::App& verb =
      add_verb(root, command, "apply", "Replace the whole intent by a file's, all or nothing",
               [&command, options] { return apply(command, *options); });
  verb.add_option("FILE", options->file, "JSON as dump prints it; - for standard input")
      ->required();
  verb.add_flag("--dry-run", options->dry_run, "only say what would change");
  add_verb(root, command, "dump", "The whole intent as JSON, for apply",
           [&command] { return dump(command); });
}

}  // namespace butterfly

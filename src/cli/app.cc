// SPDX-License-Identifier: Apache-2.0
// The whole command line: global options, then a verb.
#include "cli/app.h"

#include <charconv>
#include <string_view>

#include "cli/commands.h"
#include "cli/manual.h"

namespace butterfly {
namespace {

// Strictly: a wrong or empty word that passed for a revision would let a change through.
uint64_t read_revision(const std::string& text) {
  uint64_t revision = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, revision);
  if (error == std::errc() && stop == end) return revision;
  throw CLI::ValidationError("--expect-revision", "'" + text +
                                                      "' is no revision (wanted a number as "
                                                      "status tells it)");
}

void add_global_options(CLI::App& app, Command& command) {
  app.add_option("--api", command.api, "where butterflyd listens")
      ->envname("BUTTERFLY_API")
      ->capture_default_str();
  app.add_option_function<std::string>(
         "-o,--output", [&command](const std::string& form) { command.json = form == "json"; },
         "table (default) or json")
      ->check(CLI::IsMember({"table", "json"}));
  app.add_option("--timeout", command.timeout_ms, "milliseconds to wait for an answer")
      ->check(CLI::Range(1, 3'600'000))
      ->capture_default_str();
  app.add_option_function<std::string>(
      "--expect-revision",
      [&command](const std::string& text) { command.expected_revision = read_revision(text); },
      "refuse to change the intent unless it is at this revision");
  app.set_version_flag("--version", "butterfly " BUTTERFLY_VERSION);
}

// One line, as every error.
int fail_usage(const CLI::App& app, const CLI::ParseError& error) {
  std::string text = error.what();
  // CLI11 misses what a misspelt word should have been before it sees the word itself.
  const auto unknown = app.remaining(/*recurse=*/true);
  if (error.get_exit_code() == static_cast<int>(CLI::ExitCodes::RequiredError) &&
      !unknown.empty()) {
    text = "unknown word '" + unknown.front() + "'";
  }
  for (char& c : text) {
    if (c == '\n') c = ' ';
  }
  std::cerr << "butterfly: " << text << " (--help after any word tells more)" << std::endl;
  return kUsage;
}

}  // namespace

int run_cli(int argc, char** argv) {
  Command command;
  CLI::App app(
      "Speaks to butterflyd, the virtual switch of this host.\n"
      "Exit codes: 0 done, 1 refused by the daemon, 2 usage, 3 no daemon answers,\n"
      "4 plan found something to do.",
      "butterfly");
  app.fallthrough();  // global options may stand anywhere
  app.require_subcommand(1);
  add_global_options(app, command);
  add_nic_commands(app, command);
  add_group_commands(app, command);
  add_guard_commands(app, command);
  add_procedure_commands(app, command);
  add_subnet_commands(app, command);
  add_peer_commands(app, command);
  add_fdb_commands(app, command);
  add_segment_commands(app, command);
  add_firewall_commands(app, command);
  add_switch_commands(app, command);
  add_connection_commands(app, command);
  add_host_commands(app, command);
  add_log_commands(app, command);
  add_capture_command(app, command);
  add_config_commands(app, command);
  add_intent_commands(app, command);
  // Not for people: shells and the package ask the tree itself.
  if (argc > 1 && std::string_view(argv[1]) == "--complete") {
    const std::vector<std::string> words(argv + 2, argv + argc);
    std::cout << completions(app, words, names_of_daemon(words)) << std::flush;
    return kDone;
  }
  if (argc == 2 && std::string_view(argv[1]) == "--manual") {
    std::cout << manual_page(app) << std::flush;
    return kDone;
  }
  // CLI11 reports by exceptions; they end here.
  try {
    app.parse(argc, argv);
  } catch (const CLI::Success& asked) {
    return app.exit(asked);  // --help, --version
  } catch (const CLI::ParseError& error) {
    return fail_usage(app, error);
  }
  return command.action();
}

}  // namespace butterfly

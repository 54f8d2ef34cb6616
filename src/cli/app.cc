// SPDX-License-Identifier: Apache-2.0
// The whole command line: global options, then a verb.
#include "cli/app.h"

#include <algorithm>
#include <charconv>
#include <string_view>

#include "cli/commands.h"
#include "cli/decimal.h"
#include "cli/manual.h"

namespace butterfly {
namespace {

// Strictly: a wrong or empty word that passed for a revision would let a change through.
uint64_t read_revision(const std::string& text) {
  uint64_t revision = 0;
  const char* const end = text.data() + text.size();
  const auto [stop, error] = std::from_chars(text.data(), end, revision);
  if (error == std::errc() && stop == end && is_decimal(text)) return revision;
  throw CLI::ValidationError("--expect-revision", "'" + text +
                                                      "' is no revision (wanted a number as "
                                                      "status tells it)");
}

// What holds for every command of a line, unless it says something else.
void take_over(const Command& from, Command& to) {
  to.endpoint = from.endpoint;
  to.json = from.json;
  to.timeout_ms = from.timeout_ms;
}

void add_global_options(CLI::App& app, Command& command) {
  app.add_option("--api,--endpoint", command.endpoint.address,
                 "where butterflyd listens: unix:/PATH or tcp:HOST:PORT (BUTTERFLY_API)")
      ->capture_default_str();
  PemFiles& files = command.endpoint.files;
  app.add_option("--ca", files.ca, "over tcp: PEM file of who signs for butterflyd (BUTTERFLY_CA)");
  app.add_option("--cert", files.certificate,
                 "over tcp: PEM file of our certificate (BUTTERFLY_CERT)");
  app.add_option("--cert-key", files.key, "over tcp: PEM file of its key (BUTTERFLY_KEY)");
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
int fail_usage(const std::string& where, const CLI::App& app, const CLI::ParseError& error) {
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
  std::cerr << "butterfly: " << where << text << " (--help after any word tells more)" << std::endl;
  return kUsage;
}

// One command of a line, from its words to its exit code.
class Run {
 public:
  // `where` begins its errors: empty, or "command 2 of 3: ".
  explicit Run(std::string where) : where_(std::move(where)) {
    command_.where = where_;
    app_.fallthrough();  // global options may stand anywhere
    app_.require_subcommand(1);
    add_global_options(app_, command_);
    add_nic_commands(app_, command_);
    add_group_commands(app_, command_);
    add_guard_commands(app_, command_);
    add_procedure_commands(app_, command_);
    add_subnet_commands(app_, command_);
    add_peer_commands(app_, command_);
    add_fdb_commands(app_, command_);
    add_segment_commands(app_, command_);
    add_firewall_commands(app_, command_);
    add_switch_commands(app_, command_);
    add_connection_commands(app_, command_);
    add_host_commands(app_, command_);
    add_log_commands(app_, command_);
    add_capture_command(app_, command_);
    add_event_commands(app_, command_);
    add_config_commands(app_, command_);
    add_intent_commands(app_, command_);
    add_request_command(app_, command_);
    want_decimals(app_);
  }
  Command& command() { return command_; }
  CLI::App& app() { return app_; }

  // An exit code when there is nothing to carry out. CLI11 reports by exceptions; they end here.
  std::optional<int> parse(std::vector<std::string> words) {
    std::ranges::reverse(words);  // as CLI11 wants them
    try {
      app_.parse(std::move(words));
    } catch (const CLI::Success& asked) {
      return app_.exit(asked);  // --help, --version
    } catch (const CLI::ParseError& error) {
      return fail_usage(where_, app_, error);
    }
    if (const Status status = command_.connect(); !status.ok()) {
      command_.fail(status);
      return kUsage;
    }
    return std::nullopt;
  }
  // Carries it out; one that fails says which it is.
  int act() {
    const int code = command_.action();
    if (code != kDone && !where_.empty() && !command_.has_told) {
      std::cerr << "butterfly: " << where_ << "ended with " << code << std::endl;
    }
    return code;
  }

 private:
  std::string where_;
  Command command_;
  CLI::App app_{
      "Speaks to butterflyd, the virtual switch of this host. Several commands may stand in one\n"
      "line, with + between them: they are carried out in order, up to the first that fails.\n"
      "Exit codes: 0 done, 1 refused by the daemon, 2 usage, 3 no daemon answers,\n"
      "4 plan found something to do.",
      "butterfly"};
};

// The words between the `+`.
std::vector<std::vector<std::string>> commands_of(int argc, char** argv) {
  std::vector<std::vector<std::string>> commands(1);
  for (int i = 1; i < argc; ++i) {
    if (std::string_view(argv[i]) == "+") {
      commands.emplace_back();
    } else {
      commands.back().emplace_back(argv[i]);
    }
  }
  return commands;
}

}  // namespace

int run_cli(int argc, char** argv) {
  // Not for people: shells and the package ask the tree itself.
  if (argc > 1 && std::string_view(argv[1]) == "--complete") {
    const std::vector<std::string> words(argv + 2, argv + argc);
    Run run("");
    // Of the last of several commands.
    std::cout << completions(run.app(), commands_of(argc - 1, argv + 1).back(),
                             names_of_daemon(words))
              << std::flush;
    return kDone;
  }
  if (argc == 2 && std::string_view(argv[1]) == "--manual") {
    Run run("");
    std::cout << manual_page(run.app()) << std::flush;
    return kDone;
  }
  const auto commands = commands_of(argc, argv);
  std::vector<std::unique_ptr<Run>> runs;
  // All are understood before the first is carried out.
  for (const auto& words : commands) {
    const std::string where = commands.size() == 1
                                  ? ""
                                  : "command " + std::to_string(runs.size() + 1) + " of " +
                                        std::to_string(commands.size()) + ": ";
    auto run = std::make_unique<Run>(where);
    if (runs.empty()) {
      run->command().endpoint = endpoint_of_environment();
    } else {
      take_over(runs.back()->command(), run->command());
    }
    if (const auto code = run->parse(words)) return *code;
    runs.push_back(std::move(run));
  }
  for (const auto& run : runs) {
    if (const int code = run->act(); code != kDone) return code;
  }
  return kDone;
}

}  // namespace butterfly

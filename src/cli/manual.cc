// SPDX-License-Identifier: Apache-2.0
// The manual page.
#include "cli/manual.h"

#include "base/roff.h"

namespace butterfly {
namespace {

bool is_hidden(const CLI::Option& option) { return option.get_group().empty(); }

// Of "UINT:INT in [1 - 9]" what is behind the colon.
std::string value_of(const CLI::Option& option) {
  const std::string type = option.get_type_name();
  return type.substr(type.find(':') + 1);
}

// "\fB-o\fR, \fB--output\fR \fITEXT\fR"
std::string names_of(const CLI::Option& option) {
  std::string text;
  for (const std::string& name : option.get_snames()) text += roff_bold("-" + name) + ", ";
  for (const std::string& name : option.get_lnames()) text += roff_bold("--" + name) + ", ";
  text.resize(text.size() - 2);
  if (option.get_items_expected_max() == 0) return text;
  std::string value = roff_italic(value_of(option));
  // A long list of words may end its line behind any of them.
  for (size_t at = 0; (at = value.find(',', at)) != std::string::npos; at += 3) {
    value.insert(at + 1, "\\:");
  }
  return text + " " + value;
}

std::string entry(const std::string& term, const CLI::Option& option) {
  const std::string standard = option.get_default_str();
  std::string text = ".TP\n" + term + "\n" + roff(option.get_description());
  if (option.get_required()) text += " (must be given)";
  if (!standard.empty()) text += " (default: " + roff(standard) + ")";
  return text + "\n";
}

// --help and --version come first of what has them, and are the same everywhere.
bool is_everywhere(const CLI::Option& option) { return option.check_lname("help"); }

std::string options_text(const CLI::App& app) {
  std::string text;
  for (const CLI::Option* option : app.get_options()) {
    if (is_hidden(*option) || is_everywhere(*option)) continue;
    text += option->nonpositional() ? entry(names_of(*option), *option)
                                    : entry(roff_italic(option->get_name(true)), *option);
  }
  return text;
}

std::string usage_of(const CLI::App& app, const std::string& path) {
  std::string text = roff_bold(path);
  bool has_more = false;
  for (const CLI::Option* option : app.get_options()) {
    if (is_hidden(*option) || is_everywhere(*option)) continue;
    if (!option->nonpositional()) {
      const std::string name = roff_italic(option->get_name(true));
      const std::string more = option->get_items_expected_max() > 1 ? "..." : "";
      text += option->get_required() ? " " + name + more : " [" + name + more + "]";
    } else if (option->get_required()) {
      text += " " + names_of(*option);
    } else {
      has_more = true;
    }
  }
  return text + (has_more ? " [" + roff_italic("OPTIONS") + "]" : "");
}

std::string commands_text(const CLI::App& app, const std::string& path) {
  std::string text;
  for (const CLI::App* command : app.get_subcommands([](const CLI::App*) { return true; })) {
    if (command->get_group().empty()) continue;
    const std::string name = path + (path.empty() ? "" : " ") + command->get_name();
    const std::string inner = commands_text(*command, name);
    if (inner.empty()) {
      text += ".SS " + roff(name) + "\n" + roff(command->get_description()) + ".\n.P\n" +
              usage_of(*command, name) + "\n" + options_text(*command);
    } else {
      text += inner;
    }
  }
  return text;
}

}  // namespace

// Lines are not stretched: a list of an option's words without a space cannot be.
std::string manual_page(const CLI::App& app) {
  return ".TH BUTTERFLY 1 \"\" \"butterfly " BUTTERFLY_VERSION
         "\" \"User Commands\"\n.ad l\n"
         ".SH NAME\nbutterfly \\- configures butterflyd, the virtual switch of this host\n"
         ".SH SYNOPSIS\n.B butterfly\n[" +
         roff_italic("OPTIONS") + "] " + roff_italic("COMMAND") +
         " ...\n"
         ".SH DESCRIPTION\n" +
         roff(app.get_description()) + "\n.SH OPTIONS\nThey may stand anywhere.\n" +
         options_text(app) + ".SH COMMANDS\n" + commands_text(app, "") +
         ".SH FILES\n.TP\n.I /run/butterfly/api.sock\n"
         "Where the daemon listens. Whoever may write to it may configure the switch.\n"
         ".SH SEE ALSO\n.BR butterflyd (8),\n.BR butterflyd.toml (5)\n";
}

}  // namespace butterfly

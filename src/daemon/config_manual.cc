// SPDX-License-Identifier: Apache-2.0
#include "daemon/config_manual.h"

#include <sstream>

#include "base/roff.h"
#include "daemon/config_keys.h"

namespace butterfly {
namespace {

constexpr size_t kColumns = 100;

// Words in lines that begin with "# " and are at most kColumns bytes long.
std::string comment(const std::string& text) {
  std::string result;
  std::string line = "#";
  std::istringstream words(text);
  for (std::string word; words >> word;) {
    if (line.size() + 1 + word.size() > kColumns) {
      result += line + "\n";
      line = "#";
    }
    line += " " + word;
  }
  return result + line + "\n";
}

std::string standard_of(const ConfigKey& key) {
  return key.standard_in_words.empty() ? key.standard() : key.standard_in_words;
}

std::string sample_of(const ConfigKey& key, bool is_optional) {
  const bool is_shown = !is_optional && key.standard_in_words.empty();
  std::string facts = key.sentence + " Wanted: " + key.access.wanted + ".";
  if (!is_shown) facts += " Default: " + standard_of(key) + ".";
  if (key.change == Change::any_time) facts += " Counts after a reload, too.";
  const std::string value = key.example.empty() ? key.standard() : key.example;
  return comment(facts) + (is_shown ? "" : "# ") + key.name + " = " + value + "\n";
}

// Of a cell of a table in Markdown.
std::string cell(const std::string& text) {
  std::string result;
  for (const char c : text) {
    if (c == '|') result += '\\';
    result += c;
  }
  return result;
}

std::string row_of(const ConfigKey& key) {
  const std::string standard =
      key.standard_in_words.empty() ? "`" + key.standard() + "`" : key.standard_in_words;
  return "| `" + key.name + "` | " + key.access.type + " | " + cell(standard) + " | " +
         cell(key.access.wanted) + " | " + (key.change == Change::any_time ? "any time" : "start") +
         " | " + cell(key.sentence) + " |\n";
}

std::string page_entry(const ConfigKey& key) {
  return ".TP\n" + roff_bold(key.name) + " = " + roff_italic(key.access.type) + "\n" +
         roff(key.sentence) + "\nWanted: " + roff(key.access.wanted) +
         ".\nDefault: " + roff(standard_of(key)) + ".\n" +
         (key.change == Change::any_time ? "Counts after a reload, too.\n" : "");
}

}  // namespace

std::string sample_config() {
  std::string text =
      "# Settings of butterflyd. Every key is shown with its default; what is not given keeps it.\n"
      "# `butterflyd --config FILE --check` says what is wrong with a file, with its lines;\n"
      "# `butterfly config show` says what a running daemon goes by. Made by tools/config.\n";
  for (const ConfigTable& table : config_tables()) {
    const bool is_optional = table.is_there != nullptr;
    text += "\n" + comment(table.sentence) + (is_optional ? "# [" : "[") + table.name + "]\n";
    for (const ConfigKey& key : config_keys()) {
      if (key.table == table.name) text += sample_of(key, is_optional);
    }
  }
  return text;
}

std::string config_manual() {
  std::string text =
      "# Configuration\n\n"
      "`butterflyd` reads one TOML file, by default `/etc/butterfly/butterflyd.toml`; "
      "[dist/butterflyd.toml](../../dist/butterflyd.toml) is one that says every default. A key "
      "that is not given has its default; a key that does not exist, a wrong type or a value out "
      "of bounds is refused with its line, all faults at once. `butterflyd --check` only "
      "checks.\n\n"
      "Keys that change *any time* are set in a running daemon by `butterfly config set "
      "KEY=VALUE`, until it ends or reads its file again, and by the file: `systemctl reload "
      "butterflyd`, or SIGHUP, reads it. A file with a fault then changes nothing, and the log has "
      "its lines; keys that count from the next start on are named there when they differ. A "
      "restart leaves guests running. `butterfly config show` says what "
      "a daemon goes by, and from where it has each value: default, file or run time.\n\n"
      "This page is made from the code that reads the file (`tools/config`).\n";
  for (const ConfigTable& table : config_tables()) {
    text += "\n## [" + table.name + "]\n\n" + table.sentence + "\n\n" +
            "| key | type | default | wanted | changes | meaning |\n|---|---|---|---|---|---|\n";
    for (const ConfigKey& key : config_keys()) {
      if (key.table == table.name) text += row_of(key);
    }
  }
  return text;
}

std::string config_page() {
  std::string text =
      ".\\\" SPDX-License-Identifier: Apache-2.0\n.\\\" Made by tools/config.\n"
      ".TH BUTTERFLYD.TOML 5 \"\" butterfly \"File Formats\"\n"
      ".SH NAME\nbutterflyd.toml \\- settings of butterflyd, the virtual switch of a host\n"
      ".SH SYNOPSIS\n.I /etc/butterfly/butterflyd.toml\n"
      ".SH DESCRIPTION\nOne TOML file. A key that is not given has its default; a key that does "
      "not exist, a wrong type or a value out of bounds is refused with its line, all faults at "
      "once.\n.B butterflyd \\-\\-check\nsays whether a start with it would succeed.\n.P\n"
      "Keys that count after a reload are read again by\n.BR \"systemctl reload butterflyd\" ,\n"
      "and can be set in a running daemon by\n.BR \"butterfly config set\" .\n";
  for (const ConfigTable& table : config_tables()) {
    text += ".SH [" + table.name + "]\n" + roff(table.sentence) + "\n";
    for (const ConfigKey& key : config_keys()) {
      if (key.table == table.name) text += page_entry(key);
    }
  }
  return text + ".SH SEE ALSO\n.BR butterflyd (8),\n.BR butterfly (1)\n";
}

}  // namespace butterfly

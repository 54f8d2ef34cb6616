// SPDX-License-Identifier: Apache-2.0
// Runs scenarios: `scenario_test FILE…`, or `scenario_test all`. UPDATE=1 in the environment
// rewrites expect and count lines as things came, for review.
#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <set>

#include "scenarios/run_scenario.h"
#include "support/eal.h"

namespace butterfly::scenario {
namespace {

// With several lcores flows are handed over between them, the other side may be on this host or
// behind a tunnel, and packets may walk every brick; what comes out must be the same.
constexpr ScenarioRun::Setting kSettings[] = {
    {.lcores = 1},
    {.lcores = 3},
    {.lcores = 1, .shortcut = false},
    {.lcores = 1, .is_far_remote = true},
    {.lcores = 3, .is_far_remote = true},
    {.lcores = 1, .is_far_remote = true, .shortcut = false},
    {.lcores = 1, .is_crowded = true},
    {.lcores = 1, .shortcut = false, .is_crowded = true},
    {.lcores = 1, .is_far_remote = true, .is_crowded = true},
    {.lcores = 1, .is_far_remote = true, .shortcut = false, .is_crowded = true},
};

bool has_far_guest(const ScenarioFile& file) {
  return std::ranges::any_of(file.lines, [](const Line& line) { return line.verb() == "far"; });
}

// Where how many there are, or how much time passes with each, is what the scenario is about.
bool may_be_crowded(const ScenarioFile& file) {
  return std::ranges::none_of(file.lines, [](const Line& line) {
    static const std::set<std::string> verbs{"burst",  "ring",       "longest",     "queue",
                                             "option", "unfinished", "unsegmented", "connected"};
    return verbs.contains(line.verb());
  });
}

Status check(const ScenarioFile& file) {
  for (const ScenarioRun::Setting& setting : kSettings) {
    if (setting.is_far_remote && !has_far_guest(file)) continue;
    if (setting.is_crowded && !may_be_crowded(file)) continue;
    const Status status = ScenarioRun(file, ScenarioRun::Mode::check, setting).run();
    if (status.ok()) continue;
    return invalid(std::string(status.message()) + "\n  (with " + std::to_string(setting.lcores) +
                   " lcores" + (setting.is_far_remote ? ", far guests behind a tunnel" : "") +
                   (setting.is_crowded ? ", in a crowd" : "") +
                   (setting.shortcut ? ")" : ", no shortcut)"));
  }
  return ok_status();
}

Status update(const ScenarioFile& file) {
  ScenarioRun run(file, ScenarioRun::Mode::update, {});
  RETURN_IF_ERROR(run.run());
  const std::vector<std::string> lines = run.updated();
  if (lines == file.raw) return ok_status();
  std::ofstream stream(file.path, std::ios::trunc);
  for (const std::string& line : lines) stream << line << '\n';
  std::printf("rewrote %s: review it\n", file.path.c_str());
  return stream ? ok_status() : invalid(file.path + ": cannot be written");
}

Status run_file(const std::string& path) {
  const StatusOr<ScenarioFile> file = read_scenario(path);
  if (!file.ok()) return file.status();
  return std::getenv("UPDATE") ? update(*file) : check(*file);
}

std::vector<std::string> all_files() {
  std::vector<std::string> paths;
  for (const auto& entry : std::filesystem::directory_iterator(SCENARIO_DIRECTORY)) {
    if (entry.path().extension() == ".scn") paths.push_back(entry.path());
  }
  std::ranges::sort(paths);
  return paths;
}

int run_files(const std::vector<std::string>& paths) {
  int failed = 0;
  for (const std::string& path : paths) {
    const Status status = run_file(path);
    if (status.ok()) continue;
    ++failed;
    const std::string name = std::filesystem::path(path).stem();
    std::printf("FAILED %s\n  %s\n", name.c_str(), std::string(status.message()).c_str());
  }
  std::printf("%zu scenarios, %d failed\n", paths.size(), failed);
  return failed == 0 && !paths.empty() ? 0 : 1;
}

}  // namespace
}  // namespace butterfly::scenario

int main(int argc, char** argv) {
  using namespace butterfly;
  std::vector<std::string> paths(argv + 1, argv + argc);
  if (paths.empty()) {
    std::fprintf(stderr, "usage: scenario_test all | FILE.scn…\n");
    return 2;
  }
  if (paths.front() == "all") paths = scenario::all_files();
  test::start_eal();
  return scenario::run_files(paths);
}

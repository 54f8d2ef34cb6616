// SPDX-License-Identifier: Apache-2.0
// A directory that a test may fill; gone with it.
#pragma once

#include <cstdlib>
#include <filesystem>
#include <string>

namespace butterfly {

class TestDirectory {
 public:
  TestDirectory() {
    char name[] = "/tmp/butterfly-test-XXXXXX";
    if (mkdtemp(name) == nullptr) std::abort();
    path_ = name;
  }
  ~TestDirectory() { std::filesystem::remove_all(path_); }
  TestDirectory(const TestDirectory&) = delete;
  TestDirectory& operator=(const TestDirectory&) = delete;
  std::string file(const std::string& name) const { return path_ + "/" + name; }

 private:
  std::string path_;
};

}  // namespace butterfly

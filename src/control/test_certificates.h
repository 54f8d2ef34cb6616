// SPDX-License-Identifier: Apache-2.0
// A certificate authority of a test's own, by the openssl command.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <fstream>
#include <string>

#include "base/pem_files.h"
#include "control/test_directory.h"

namespace butterfly {

class TestCa {
 public:
  explicit TestCa(const std::string& name) : name_(name) {
    run("req -x509 " + kNewKey + " -keyout " + key() + " -out " + file() +
        " -days 10 -subj /CN=" + name);
  }

  std::string file() const { return directory_.file(name_ + ".pem"); }

  // Files of a certificate that it signs. `names` as openssl's subjectAltName has them, empty:
  // none; not valid any more with `days` below zero. The CA to trust in is this one.
  PemFiles sign(const std::string& common_name, const std::string& names, int days = 10) {
    const std::string stem = directory_.file(std::to_string(++signed_));
    std::ofstream(stem + ".ext") << (names.empty() ? "" : "subjectAltName=" + names + "\n");
    run("req " + kNewKey + " -keyout " + stem + ".key -out " + stem +
        ".csr -subj /CN=" + common_name);
    run("x509 -req -in " + stem + ".csr -CA " + file() + " -CAkey " + key() +
        " -CAcreateserial -out " + stem + ".pem -days " + std::to_string(days) + " -extfile " +
        stem + ".ext");
    return {stem + ".pem", stem + ".key", file()};
  }

 private:
  static void run(const std::string& arguments) {
    ASSERT_EQ(std::system(("openssl " + arguments + " 2>/dev/null >&2").c_str()), 0) << arguments;
  }
  std::string key() const { return directory_.file(name_ + ".key"); }

  inline static const std::string kNewKey = "-newkey ec -pkeyopt ec_paramgen_curve:P-256 -nodes";
  TestDirectory directory_;
  std::string name_;
  int signed_ = 0;
};

}  // namespace butterfly

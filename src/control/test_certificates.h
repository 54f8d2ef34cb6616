// SPDX-License-Identifier: Apache-2.0
// A certificate authority of a test's own, by the openssl command.
#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "base/pem_files.h"
#include "control/test_directory.h"

namespace butterfly {

class TestCa {
 public:
  explicit TestCa(const std::string& name) : name_(name) {
    run("req -x509 " + kNewKey + " -keyout " + key() + " -out " + file() +
        " -days 10 -subj /CN=" + name);
  }
  // One that `above` vouches for.
  TestCa(const std::string& name, TestCa& above) : name_(name) {
    const PemFiles files = above.sign_with("basicConstraints=critical,CA:TRUE", name, 10);
    std::filesystem::rename(files.certificate, file());
    std::filesystem::rename(files.key, key());
  }

  std::string file() const { return directory_.file(name_ + ".pem"); }

  // Files of a certificate that it signs. `names` as openssl's subjectAltName has them, empty:
  // none; not valid any more with `days` below zero. The CA to trust in is this one.
  PemFiles sign(const std::string& common_name, const std::string& names, int days = 10) {
    return sign_with(names.empty() ? "" : "subjectAltName=" + names, common_name, days);
  }

  enum class List : uint8_t { current, overdue, partial };
  // Writes to `path` the list of all that it has revoked, these now among it (RFC 5280 §5).
  void revoke(const std::vector<PemFiles>& certificates, const std::string& path,
              List list = List::current) {
    const std::string database = directory_.file("index");
    const std::string settings = directory_.file("ca.cnf");
    std::ofstream(database, std::ios::app);
    std::ofstream(settings) << "[ca]\ndefault_ca = it\n[it]\ndefault_md = sha256\ndatabase = "
                            << database << (list == List::partial ? "\ncrl_extensions = x" : "")
                            << "\n[x]\nissuingDistributionPoint = critical,@y\n"
                            << "[y]\nonlyuser = TRUE\n";
    const std::string by = "ca -config " + settings + " -cert " + file() + " -keyfile " + key();
    for (const PemFiles& files : certificates) run(by + " -revoke " + files.certificate);
    run(by + " -gencrl -out " + path +
        (list == List::overdue ? " -crl_lastupdate 20200101000000Z -crl_nextupdate 20200201000000Z"
                               : " -crldays 10"));
  }

 private:
  PemFiles sign_with(const std::string& extension, const std::string& common_name, int days) {
    const std::string stem = directory_.file(std::to_string(++signed_));
    std::ofstream(stem + ".ext") << extension << "\n";
    run("req " + kNewKey + " -keyout " + stem + ".key -out " + stem +
        ".csr -subj /CN=" + common_name);
    run("x509 -req -in " + stem + ".csr -CA " + file() + " -CAkey " + key() +
        " -CAcreateserial -out " + stem + ".pem -days " + std::to_string(days) + " -extfile " +
        stem + ".ext");
    return {stem + ".pem", stem + ".key", file()};
  }
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

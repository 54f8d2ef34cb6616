// SPDX-License-Identifier: Apache-2.0
// Certificates that count no more before their time: revocation lists (RFC 5280 §5).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "base/status.h"

namespace butterfly {

// What the CAs of one file say about certificates, as of when their lists were read. A CA without a
// list revokes nothing. A list whose next one is overdue goes on counting: what it names stays
// revoked. Does not change; any thread.
class Revocations {
 public:
  // Files in PEM with any number of CAs and of lists. failed_precondition: a file cannot be read or
  // holds no such thing, or a list is not a whole one that one of the CAs has signed.
  static StatusOr<Revocations> read(const std::string& ca_file, const std::string& crl_file);

  // `certificate` and what its bearer sent with it, both in PEM; the latter may be empty. Fails
  // with what is wrong about it, as OpenSSL names it: "certificate revoked". Costs the checking of
  // a signature for each certificate and list on the way to the CA, some 0.1 ms each.
  Status check(const std::string& certificate, const std::string& others) const;

  // "CRL '/x.pem': the next one was due at …" when it was.
  std::optional<std::string> out_of_date() const;

 private:
  struct Lists;
  explicit Revocations(std::shared_ptr<const Lists> lists) : lists_(std::move(lists)) {}

  std::shared_ptr<const Lists> lists_;
};

}  // namespace butterfly

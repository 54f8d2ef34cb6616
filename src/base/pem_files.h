// SPDX-License-Identifier: Apache-2.0
// Certificates and keys in PEM files (RFC 7468), looked at before they are used.
#pragma once

#include <optional>
#include <string>

#include "base/status.h"

namespace butterfly {

// Paths; all three are wanted.
struct PemFiles {
  std::string certificate;  // ours, then those between it and its CA
  std::string key;          // of ours, without a passphrase
  std::string ca;           // who signs for the other side
};

struct PemTexts {
  std::string certificate;
  std::string key;
  std::string ca;
  // "certificate '/x.pem': has expired at …" when the time of now is not within its validity.
  std::optional<std::string> out_of_date;
};

// failed_precondition: a file cannot be read, holds no such thing, or the key is not the
// certificate's.
StatusOr<PemTexts> read_pem_files(const PemFiles& files);

}  // namespace butterfly

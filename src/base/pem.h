// SPDX-License-Identifier: Apache-2.0
// What is in PEM files (RFC 7468), as OpenSSL has it. Only for src/base.
#pragma once

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <memory>
#include <string>
#include <vector>

#include "base/status.h"

namespace butterfly::pem {

template <auto free>
struct Freer {
  template <typename T>
  void operator()(T* object) const {
    free(object);
  }
};
using Certificate = std::unique_ptr<X509, Freer<X509_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freer<EVP_PKEY_free>>;
using Bytes = std::unique_ptr<BIO, Freer<BIO_free_all>>;

// `what` begins the message: "CA '/x.pem'". failed_precondition: it cannot be read.
StatusOr<std::string> read_text(const std::string& what, const std::string& path);
// To read from; `text` must outlive it.
Bytes bytes_of(const std::string& text);
// The first of them. failed_precondition: there is none.
StatusOr<Certificate> parse_certificate(const std::string& what, const std::string& text);
// All of them, by OpenSSL's function for one. failed_precondition: there is none, or something
// between BEGIN and END is none; `kind` says of what: "certificate".
template <typename T, auto read_one>
StatusOr<std::vector<T>> parse_all(const std::string& what, const std::string& text,
                                   const std::string& kind) {
  const Bytes bytes = bytes_of(text);
  std::vector<T> all;
  while (auto* one = read_one(bytes.get(), nullptr, nullptr, nullptr)) all.emplace_back(one);
  const bool is_end = ERR_GET_REASON(ERR_peek_last_error()) == PEM_R_NO_START_LINE;
  ERR_clear_error();
  if (all.empty()) return precondition(what + ": no " + kind + " in it (wanted one in PEM)");
  if (!is_end) {
    return precondition(what + ": " + kind + " " + std::to_string(all.size() + 1) +
                        " is damaged (wanted nothing but whole ones in PEM)");
  }
  return all;
}

// What was written to it.
std::string text_of(BIO& bytes);
std::string time_text(const ASN1_TIME* time);

}  // namespace butterfly::pem

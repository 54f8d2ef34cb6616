// SPDX-License-Identifier: Apache-2.0
#include "base/pem_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <cerrno>
#include <cstring>
#include <fstream>
#include <memory>
#include <sstream>

namespace butterfly {
namespace {

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

StatusOr<std::string> read_text(const std::string& what, const std::string& path) {
  std::ifstream file(path);
  std::ostringstream text;
  if (file) text << file.rdbuf();
  if (file && !file.bad()) return text.str();
  return precondition(what + ": cannot be read: " + std::strerror(errno) + " (wanted a PEM file)");
}

Bytes bytes_of(const std::string& text) {
  return Bytes(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

// No passphrase is asked for: nobody sits at a daemon.
int refuse_passphrase(char*, int, int, void*) { return 0; }

StatusOr<Certificate> parse_certificate(const std::string& what, const std::string& text) {
  Certificate certificate(PEM_read_bio_X509(bytes_of(text).get(), nullptr, nullptr, nullptr));
  if (certificate) return certificate;
  ERR_clear_error();
  return precondition(what + ": no certificate in it (wanted one in PEM)");
}

StatusOr<Key> parse_key(const std::string& what, const std::string& text) {
  Key key(PEM_read_bio_PrivateKey(bytes_of(text).get(), nullptr, refuse_passphrase, nullptr));
  if (key) return key;
  ERR_clear_error();
  return precondition(what + ": no private key in it (wanted one in PEM, without a passphrase)");
}

std::string time_text(const ASN1_TIME* time) {
  const Bytes sink(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(sink.get(), time);
  char* text = nullptr;
  const auto length = static_cast<size_t>(BIO_get_mem_data(sink.get(), &text));
  return std::string(text, length);
}

std::optional<std::string> out_of_date(const std::string& what, const X509& certificate) {
  const ASN1_TIME* const from = X509_get0_notBefore(&certificate);
  const ASN1_TIME* const until = X509_get0_notAfter(&certificate);
  if (X509_cmp_current_time(from) > 0) {
    return what + ": counts from " + time_text(from) + " on (wanted one that counts now)";
  }
  if (X509_cmp_current_time(until) < 0) {
    return what + ": has expired at " + time_text(until) + " (wanted one that counts now)";
  }
  return std::nullopt;
}

}  // namespace

StatusOr<PemTexts> read_pem_files(const PemFiles& files) {
  const std::string certificate_is = "certificate '" + files.certificate + "'";
  const std::string key_is = "key '" + files.key + "'";
  const std::string ca_is = "CA '" + files.ca + "'";
  auto certificate_text = read_text(certificate_is, files.certificate);
  if (!certificate_text.ok()) return certificate_text.status();
  auto key_text = read_text(key_is, files.key);
  if (!key_text.ok()) return key_text.status();
  auto ca_text = read_text(ca_is, files.ca);
  if (!ca_text.ok()) return ca_text.status();

  const auto certificate = parse_certificate(certificate_is, *certificate_text);
  if (!certificate.ok()) return certificate.status();
  const auto key = parse_key(key_is, *key_text);
  if (!key.ok()) return key.status();
  if (const auto ca = parse_certificate(ca_is, *ca_text); !ca.ok()) return ca.status();
  if (X509_check_private_key(certificate->get(), key->get()) != 1) {
    ERR_clear_error();
    return precondition(key_is + ": is not that of " + certificate_is +
                        " (wanted the one that it was made with)");
  }
  auto dates = out_of_date(certificate_is, **certificate);
  return PemTexts{*std::move(certificate_text), *std::move(key_text), *std::move(ca_text),
                  std::move(dates)};
}

}  // namespace butterfly

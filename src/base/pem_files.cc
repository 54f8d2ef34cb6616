// SPDX-License-Identifier: Apache-2.0
#include "base/pem_files.h"

#include "base/pem.h"

namespace butterfly {
namespace {

// No passphrase is asked for: nobody sits at a daemon.
int refuse_passphrase(char*, int, int, void*) { return 0; }

StatusOr<pem::Key> parse_key(const std::string& what, const std::string& text) {
  pem::Key key(
      PEM_read_bio_PrivateKey(pem::bytes_of(text).get(), nullptr, refuse_passphrase, nullptr));
  if (key) return key;
  ERR_clear_error();
  return precondition(what + ": no private key in it (wanted one in PEM, without a passphrase)");
}

std::optional<std::string> out_of_date(const std::string& what, const X509& certificate) {
  const ASN1_TIME* const from = X509_get0_notBefore(&certificate);
  const ASN1_TIME* const until = X509_get0_notAfter(&certificate);
  if (X509_cmp_current_time(from) > 0) {
    return what + ": counts from " + pem::time_text(from) + " on (wanted one that counts now)";
  }
  if (X509_cmp_current_time(until) < 0) {
    return what + ": has expired at " + pem::time_text(until) + " (wanted one that counts now)";
  }
  return std::nullopt;
}

}  // namespace

StatusOr<PemTexts> read_pem_files(const PemFiles& files) {
  const std::string certificate_is = "certificate '" + files.certificate + "'";
  const std::string key_is = "key '" + files.key + "'";
  const std::string ca_is = "CA '" + files.ca + "'";
  auto certificate_text = pem::read_text(certificate_is, files.certificate);
  if (!certificate_text.ok()) return certificate_text.status();
  auto key_text = pem::read_text(key_is, files.key);
  if (!key_text.ok()) return key_text.status();
  auto ca_text = pem::read_text(ca_is, files.ca);
  if (!ca_text.ok()) return ca_text.status();

  const auto certificate = pem::parse_certificate(certificate_is, *certificate_text);
  if (!certificate.ok()) return certificate.status();
  const auto key = parse_key(key_is, *key_text);
  if (!key.ok()) return key.status();
  if (const auto ca = pem::parse_certificate(ca_is, *ca_text); !ca.ok()) return ca.status();
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

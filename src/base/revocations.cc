// SPDX-License-Identifier: Apache-2.0
#include "base/revocations.h"

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509_vfy.h>
#include <openssl/x509v3.h>

#include <utility>
#include <vector>

#include "base/pem.h"

namespace butterfly {
namespace {

using List = std::unique_ptr<X509_CRL, pem::Freer<X509_CRL_free>>;
using Store = std::unique_ptr<X509_STORE, pem::Freer<X509_STORE_free>>;
using Context = std::unique_ptr<X509_STORE_CTX, pem::Freer<X509_STORE_CTX_free>>;
// Owns itself, not what is on it.
using Stack =
    std::unique_ptr<STACK_OF(X509), decltype([](STACK_OF(X509) * stack) { sk_X509_free(stack); })>;

std::string name_text(const X509_NAME* name) {
  const pem::Bytes sink(BIO_new(BIO_s_mem()));
  X509_NAME_print_ex(sink.get(), name, 0, XN_FLAG_ONELINE);
  return pem::text_of(*sink);
}

// A list of some reasons or certificates only, or of what has changed, says so in an extension that
// is critical (RFC 5280 §5.2); OpenSSL would pass over it in silence.
Status check_list(const std::string& what, X509_CRL* list, const std::string& ca_is,
                  const std::vector<pem::Certificate>& cas) {
  const X509_NAME* const issuer = X509_CRL_get_issuer(list);
  const std::string of = what + ": list of '" + name_text(issuer) + "': ";
  if (X509_CRL_get_ext_by_critical(list, /*crit=*/1, /*lastpos=*/-1) >= 0) {
    return precondition(of + "is a part of one (wanted a whole list, without critical extensions)");
  }
  bool is_known = false;
  for (const pem::Certificate& ca : cas) {
    if (X509_NAME_cmp(X509_get_subject_name(ca.get()), issuer) != 0) continue;
    is_known = true;
    if ((X509_get_key_usage(ca.get()) & KU_CRL_SIGN) == 0) continue;
    if (X509_CRL_verify(list, X509_get0_pubkey(ca.get())) == 1) return ok_status();
    ERR_clear_error();
  }
  if (!is_known) return precondition(of + "no such CA (wanted one of " + ca_is + ")");
  return precondition(of + "not signed by that CA of " + ca_is + " (wanted a list as it was made " +
                      "by the key of a CA that may sign lists)");
}

// Called for each fault that OpenSSL finds, to say whether it is one.
int accept_what_a_list_may_lack(int is_fine, X509_STORE_CTX* context) {
  if (is_fine != 0) return is_fine;
  switch (X509_STORE_CTX_get_error(context)) {
    case X509_V_ERR_UNABLE_TO_GET_CRL:
    case X509_V_ERR_CRL_HAS_EXPIRED:
    case X509_V_ERR_CRL_NOT_YET_VALID:
      X509_STORE_CTX_set_error(context, X509_V_OK);
      return 1;
    default:
      return 0;
  }
}

}  // namespace

struct Revocations::Lists {
  std::string what;
  std::vector<List> lists;
  Store store{X509_STORE_new()};
};

StatusOr<Revocations> Revocations::read(const std::string& ca_file, const std::string& crl_file) {
  const std::string ca_is = "CA '" + ca_file + "'";
  auto result = std::make_shared<Lists>();
  result->what = "CRL '" + crl_file + "'";
  const std::string& what = result->what;
  const auto ca_text = pem::read_text(ca_is, ca_file);
  if (!ca_text.ok()) return ca_text.status();
  const auto crl_text = pem::read_text(what, crl_file);
  if (!crl_text.ok()) return crl_text.status();
  const auto cas =
      pem::parse_all<pem::Certificate, PEM_read_bio_X509>(ca_is, *ca_text, "certificate");
  if (!cas.ok()) return cas.status();
  auto lists = pem::parse_all<List, PEM_read_bio_X509_CRL>(what, *crl_text, "revocation list");
  if (!lists.ok()) return lists.status();
  X509_STORE* const store = result->store.get();
  for (const pem::Certificate& ca : *cas) X509_STORE_add_cert(store, ca.get());
  for (const List& list : *lists) {
    RETURN_IF_ERROR(check_list(what, list.get(), ca_is, *cas));
    X509_STORE_add_crl(store, list.get());
  }
  X509_STORE_set_flags(store, X509_V_FLAG_CRL_CHECK | X509_V_FLAG_CRL_CHECK_ALL);
  X509_STORE_set_verify_cb(store, accept_what_a_list_may_lack);
  result->lists = *std::move(lists);
  return Revocations(std::move(result));
}

Status Revocations::check(const std::string& certificate, const std::string& others) const {
  const auto leaf = pem::parse_certificate("certificate", certificate);
  if (!leaf.ok()) return leaf.status();
  std::vector<pem::Certificate> sent;
  if (!others.empty()) {
    auto parsed =
        pem::parse_all<pem::Certificate, PEM_read_bio_X509>("chain", others, "certificate");
    if (!parsed.ok()) return parsed.status();
    sent = *std::move(parsed);
  }
  const Stack between(sk_X509_new_null());
  for (const pem::Certificate& one : sent) sk_X509_push(between.get(), one.get());
  const Context context(X509_STORE_CTX_new());
  X509_STORE_CTX_init(context.get(), lists_->store.get(), leaf->get(), between.get());
  if (X509_verify_cert(context.get()) == 1) return ok_status();
  ERR_clear_error();
  return precondition(X509_verify_cert_error_string(X509_STORE_CTX_get_error(context.get())));
}

std::optional<std::string> Revocations::out_of_date() const {
  for (const List& list : lists_->lists) {
    const ASN1_TIME* const next = X509_CRL_get0_nextUpdate(list.get());
    if (next == nullptr || X509_cmp_current_time(next) > 0) continue;
    return lists_->what + ": list of '" + name_text(X509_CRL_get_issuer(list.get())) +
           "': the next one was due at " + pem::time_text(next) +
           " (wanted that one; this one counts on)";
  }
  return std::nullopt;
}

}  // namespace butterfly

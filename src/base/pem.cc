// SPDX-License-Identifier: Apache-2.0
#include "base/pem.h"

#include <cerrno>
#include <cstring>
#include <fstream>
#include <sstream>

namespace butterfly::pem {

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

StatusOr<Certificate> parse_certificate(const std::string& what, const std::string& text) {
  Certificate certificate(PEM_read_bio_X509(bytes_of(text).get(), nullptr, nullptr, nullptr));
  if (certificate) return certificate;
  ERR_clear_error();
  return precondition(what + ": no certificate in it (wanted one in PEM)");
}

std::string text_of(BIO& bytes) {
  char* text = nullptr;
  const auto length = static_cast<size_t>(BIO_get_mem_data(&bytes, &text));
  return std::string(text, length);
}

std::string time_text(const ASN1_TIME* time) {
  const Bytes sink(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(sink.get(), time);
  return text_of(*sink);
}

}  // namespace butterfly::pem

#include "control/model/certificates.hpp"

#include <ctime>
#include <memory>

#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include "control/model/yaml.hpp"

namespace sluice::model {
namespace {

template <class T, void (*Free)(T*)>
struct Freed {
  void operator()(T* value) const { Free(value); }
};
using Bio = std::unique_ptr<BIO, Freed<BIO, BIO_free_all>>;
using X509Ptr = std::unique_ptr<X509, Freed<X509, X509_free>>;
using KeyPtr = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY, EVP_PKEY_free>>;

Bio open(const std::string& text) {
  return Bio(BIO_new_mem_buf(text.data(), static_cast<int>(text.size())));
}

/// The first certificate of a text; null, with OpenSSL's errors forgotten, if there is none.
X509Ptr first_certificate(const std::string& text) {
  const Bio bio = open(text);
  X509Ptr certificate(PEM_read_bio_X509(bio.get(), nullptr, nullptr, nullptr));
  ERR_clear_error();
  return certificate;
}

std::string text_of(const ASN1_TIME* time) {
  const Bio bio(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(bio.get(), time);
  char* text = nullptr;
  const auto size = static_cast<std::size_t>(BIO_get_mem_data(bio.get(), &text));
  return {text, size};
}

Result<void> check_validity(const X509& certificate, const std::string& path, std::int64_t now) {
  auto seconds = static_cast<std::time_t>(now);
  if (X509_cmp_time(X509_get0_notAfter(&certificate), &seconds) < 0) {
    return fail("the certificate has expired on " + text_of(X509_get0_notAfter(&certificate)), path,
                "renew it");
  }
  if (X509_cmp_time(X509_get0_notBefore(&certificate), &seconds) > 0) {
    return fail("the certificate is not valid before " + text_of(X509_get0_notBefore(&certificate)),
                path, "check this machine's clock, or wait");
  }
  return {};
}

Result<void> check_key(const X509& certificate, const Certificates& texts,
                       const CertificateFiles& files) {
  // An encrypted key would be asked for on the terminal; the empty password makes it an error.
  std::string none;
  const Bio bio = open(texts.key);
  const KeyPtr key(PEM_read_bio_PrivateKey(bio.get(), nullptr, nullptr, none.data()));
  const bool fits = key != nullptr && X509_check_private_key(&certificate, key.get()) == 1;
  ERR_clear_error();
  if (key == nullptr) {
    return fail("no private key in PEM is in the file", files.key, "give one without a password");
  }
  if (!fits) {
    return fail("the key is not that of the certificate", files.key,
                "give the key that belongs to " + files.certificate);
  }
  return {};
}

}  // namespace

Result<Certificates> read_certificates(const CertificateFiles& files, std::int64_t now) {
  Certificates texts;
  const std::pair<const std::string&, std::string&> parts[] = {
      {files.certificate, texts.certificate},
      {files.key, texts.key},
      {files.authority, texts.authority}};
  for (const auto& [path, text] : parts) {
    auto read = read_file(path);
    if (!read) return tl::unexpected(read.error());
    text = *std::move(read);
  }
  for (const auto& [path, text] : {parts[0], parts[2]}) {
    if (first_certificate(text) == nullptr) {
      return fail("no certificate in PEM is in the file", path, "check its path");
    }
  }
  const X509Ptr own = first_certificate(texts.certificate);
  if (auto good = check_validity(*own, files.certificate, now); !good) {
    return tl::unexpected(good.error());
  }
  if (auto good = check_key(*own, texts, files); !good) return tl::unexpected(good.error());
  return texts;
}

}  // namespace sluice::model

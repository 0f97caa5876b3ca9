/// The files of mutual TLS, read and checked before a connection is tried: afterwards the library
/// says only that it did not succeed.
#pragma once

#include <cstdint>
#include <string>

#include "dataplane/runtime/result.hpp"

namespace sluice::model {

/// Paths of PEM files.
struct CertificateFiles {
  std::string certificate;  ///< one's own, with the chain behind it
  std::string key;          ///< of `certificate`
  std::string authority;    ///< those that the other side's certificate may come from
};

/// Their texts.
struct Certificates {
  std::string certificate;
  std::string key;
  std::string authority;
};

/// Error, naming the file: it cannot be read, is not PEM, the key is another certificate's, or the
/// certificate is not valid at `now` (seconds since 1970).
[[nodiscard]] Result<Certificates> read_certificates(const CertificateFiles& files,
                                                     std::int64_t now);

/// What to do when the other side ends the handshake: it does not say why.
inline constexpr const char* kHandshakeFix =
    "see that each certificate is from the authority that the other side trusts (openssl verify "
    "-CAfile AUTHORITY CERTIFICATE)";

}  // namespace sluice::model

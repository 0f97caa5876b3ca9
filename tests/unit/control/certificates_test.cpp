// The files of mutual TLS: what is wrong with them is said before a connection is tried.
#include "control/model/certificates.hpp"

#include <ctime>
#include <fstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_folder.hpp"

namespace sluice::model {
namespace {

class CertificatesTest : public testing::Test {
 protected:
  void SetUp() override { issue("own"); }
  /// A certificate of its own authority, and its key; valid for a day from now.
  void issue(const std::string& name) {
    const std::string made = "cd " + folder_.path() +
                             " && openssl req -x509 -newkey ec -nodes -days 1 -subj /CN=" + name +
                             " -pkeyopt ec_paramgen_curve:prime256v1 -keyout " + name +
                             ".key -out " + name + ".pem 2>/dev/null";
    ASSERT_EQ(0, std::system(made.c_str()));
  }
  [[nodiscard]] std::string path(const std::string& name) const {
    return folder_.path() + "/" + name;
  }
  [[nodiscard]] std::string trouble(const CertificateFiles& files, std::int64_t later = 0) const {
    const auto read = read_certificates(files, std::time(nullptr) + later);
    return read ? std::string() : read.error().text();
  }
  test::TemporaryFolder folder_;
};

TEST_F(CertificatesTest, GoodOnesAreReadWhole) {
  const auto read =
      read_certificates({path("own.pem"), path("own.key"), path("own.pem")}, std::time(nullptr));
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_THAT(read->certificate, testing::StartsWith("-----BEGIN CERTIFICATE"));
  EXPECT_THAT(read->key, testing::StartsWith("-----BEGIN PRIVATE KEY"));
  EXPECT_EQ(read->certificate, read->authority);
}

TEST_F(CertificatesTest, WhatIsWrongNamesTheFile) {
  const std::string pem = path("own.pem");
  const std::string key = path("own.key");
  EXPECT_THAT(trouble({path("none.pem"), key, pem}),
              testing::AllOf(testing::HasSubstr("none.pem"), testing::HasSubstr("cannot read")));
  std::ofstream(path("noise")) << "noise";
  EXPECT_EQ(path("noise") + ": no certificate in PEM is in the file; check its path",
            trouble({path("noise"), key, pem}));
  EXPECT_EQ(path("noise") + ": no certificate in PEM is in the file; check its path",
            trouble({pem, key, path("noise")}));
  EXPECT_EQ(path("noise") + ": no private key in PEM is in the file; give one without a password",
            trouble({pem, path("noise"), pem}));
  issue("other");
  EXPECT_EQ(path("other.key") +
                ": the key is not that of the certificate; give the key that belongs "
                "to " +
                pem,
            trouble({pem, path("other.key"), pem}));
}

TEST_F(CertificatesTest, ItsTimeMustHaveComeAndNotGone) {
  const CertificateFiles files{path("own.pem"), path("own.key"), path("own.pem")};
  EXPECT_EQ("", trouble(files, 3600));
  EXPECT_THAT(
      trouble(files, 2 * 86400),
      testing::AllOf(testing::StartsWith(path("own.pem") + ": the certificate has expired on"),
                     testing::EndsWith("; renew it")));
  EXPECT_THAT(trouble(files, -3600),
              testing::AllOf(testing::HasSubstr("is not valid before"),
                             testing::EndsWith("check this machine's clock, or wait")));
}

TEST_F(CertificatesTest, AKeyWithAPasswordIsRefusedAndNotAskedFor) {
  const std::string locked = "openssl ec -in " + path("own.key") +
                             " -aes256 -passout pass:secret -out " + path("locked.key") +
                             " 2>/dev/null";
  ASSERT_EQ(0, std::system(locked.c_str()));
  EXPECT_THAT(trouble({path("own.pem"), path("locked.key"), path("own.pem")}),
              testing::HasSubstr("give one without a password"));
}

}  // namespace
}  // namespace sluice::model

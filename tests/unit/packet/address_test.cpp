#include "dataplane/packet/address.hpp"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(IpAddress, RoundTripsText) {
  for (const char* text :
       {"0.0.0.0", "198.18.0.1", "255.255.255.255", "::", "::1", "2001:2:0:100::80"}) {
    const auto address = IpAddress::parse(text);
    ASSERT_TRUE(address) << text;
    EXPECT_EQ(text, address->text());
  }
}

TEST(IpAddress, RefusesWhatIsNotOne) {
  for (const char* text :
       {"", "198.18.0", "198.18.0.256", "198.18.0.1 ", "2001:::1", "host", "010.1.1.1x"}) {
    EXPECT_FALSE(IpAddress::parse(text)) << text;
  }
}

TEST(IpAddress, KnowsItsKinds) {
  EXPECT_TRUE(IpAddress::parse("224.0.0.1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("ff02::1")->is_multicast());
  EXPECT_TRUE(IpAddress::parse("127.1.2.3")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("::1")->is_loopback());
  EXPECT_TRUE(IpAddress::parse("169.254.1.1")->is_link_local());
  EXPECT_TRUE(IpAddress::parse("fe80::1")->is_link_local());
  EXPECT_TRUE(IpAddress::parse("0.0.0.0")->is_unspecified());
  EXPECT_TRUE(IpAddress::parse("::")->is_unspecified());
  EXPECT_FALSE(IpAddress::parse("198.18.0.1")->is_multicast());
}

TEST(Prefix, ContainsByItsLength) {
  const auto prefix = Prefix::parse("198.18.1.11/24").value();
  EXPECT_EQ("198.18.1.0/24", prefix.network().text());
  EXPECT_TRUE(prefix.contains(IpAddress::parse("198.18.1.255").value()));
  EXPECT_FALSE(prefix.contains(IpAddress::parse("198.18.2.1").value()));
  EXPECT_FALSE(prefix.contains(IpAddress::parse("::1").value()));
  EXPECT_TRUE(Prefix::parse("0.0.0.0/0")->contains(IpAddress::parse("1.2.3.4").value()));
  EXPECT_FALSE(Prefix::parse("::/0")->contains(IpAddress::parse("1.2.3.4").value()));
  EXPECT_EQ("2001:2::/33", Prefix::parse("2001:2::1/33")->network().text());
}

TEST(Prefix, RefusesBadLengths) {
  for (const char* text : {"1.2.3.4/33", "::/129", "1.2.3.4/", "1.2.3.4/a", "1.2.3.4/-1", "/8"}) {
    EXPECT_FALSE(Prefix::parse(text)) << text;
  }
}

TEST(MacAddress, RoundTripsAndRefuses) {
  EXPECT_EQ("02:00:00:00:00:01", MacAddress::parse("02:00:00:00:00:01")->text());
  for (const char* text :
       {"", "02:00:00:00:00", "02-00-00-00-00-01", "02:00:00:00:00:0g", "2:0:0:0:0:1"}) {
    EXPECT_FALSE(MacAddress::parse(text)) << text;
  }
}

}  // namespace
}  // namespace sluice

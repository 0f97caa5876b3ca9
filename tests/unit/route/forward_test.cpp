#include "dataplane/packet/bytes.hpp"
#include "tests/unit/route/fixture.hpp"

namespace sluice::route::test {
namespace {

class Forward : public RouteTest {};

TEST_F(Forward, SendsToConnectedNeighbour) {
  learn(kLan, "198.18.1.11", kBackendMac);
  TestBurst burst(harness, {packet().ip("198.18.0.2", "198.18.1.11").udp(5000, 7).build()});
  run(burst);
  EXPECT_EQ(Verdict::sent, burst[0].verdict);
  EXPECT_EQ(kLan, burst[0].out_port);
  Bytes frame = burst.bytes(0);
  EXPECT_EQ(kBackendMac, to(frame));
  EXPECT_EQ(kLanMac, from(frame));
  EXPECT_EQ(63, parsed(frame).ttl);
}

TEST_F(Forward, SendsToGateway) {
  learn(kLan, "198.18.1.13", kBackendMac);
  learn(kLan, "2001:2:0:1::13", kTheirMac);
  TestBurst burst(harness, {packet().ip("198.18.0.2", "203.0.113.9").tcp(5000, 80).build(),
                            packet().ip("2001:2::2", "2001:db8:13::9").tcp(5000, 80).build()});
  run(burst);
  EXPECT_EQ(Verdict::sent, burst[0].verdict);
  EXPECT_EQ(Verdict::sent, burst[1].verdict);
  Bytes v4 = burst.bytes(0);
  Bytes v6 = burst.bytes(1);
  EXPECT_EQ(kBackendMac, to(v4));
  EXPECT_EQ(kTheirMac, to(v6));
  EXPECT_EQ(63, parsed(v4).ttl);
  EXPECT_EQ(63, parsed(v6).ttl);
}

}  // namespace
}  // namespace sluice::route::test

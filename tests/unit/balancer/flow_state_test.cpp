#include "dataplane/balancer/flow_state.hpp"

#include <gtest/gtest.h>

namespace sluice::balancer {
namespace {

using enum FlowState;
using namespace tcp_flag;

/// Packets of a connection: upper case from the client, lower case from the backend.
FlowState after(std::string_view packets, bool direct = false) {
  FlowState state = unused;
  for (const char c : packets) {
    std::uint8_t flags = kAck;
    if (c == 'S') flags = kSyn;
    if (c == 's') flags = kSyn | kAck;
    if (c == 'F' || c == 'f') flags = kFin | kAck;
    if (c == 'R' || c == 'r') flags = kRst;
    if (state == unused)
      state = first_state(ip_protocol::kTcp, flags);
    else
      state = std::isupper(static_cast<unsigned char>(c)) ? after_client(state, flags, direct)
                                                          : after_backend(state, flags);
  }
  return state;
}

TEST(FlowState, FollowsTcp) {
  EXPECT_EQ(opening, after("S"));
  EXPECT_EQ(opening, after("SS"));
  EXPECT_EQ(answered, after("Ss"));
  EXPECT_EQ(answered, after("Sss"));
  EXPECT_EQ(established, after("SsA"));
  EXPECT_EQ(half_closed_by_client, after("SsAF"));
  EXPECT_EQ(half_closed_by_client, after("SsF"));
  EXPECT_EQ(half_closed_by_backend, after("SsAf"));
  EXPECT_EQ(closed, after("SsAFf"));
  EXPECT_EQ(closed, after("SsAfF"));
  EXPECT_EQ(closed, after("SsAfFA"));
  EXPECT_EQ(closed, after("Sr"));
  EXPECT_EQ(closed, after("SsAr"));
}

TEST(FlowState, AForgedResetOfTheClientIsProvisional) {
  EXPECT_EQ(reset_by_client, after("SsAR"));
  EXPECT_EQ(reset_by_client, after("SsARA"));
  EXPECT_EQ(established, after("SsARa"));
}

TEST(FlowState, MidStreamNeedsTheBackendsWord) {
  EXPECT_EQ(picked_up, after("A"));
  EXPECT_EQ(picked_up, after("AA"));
  EXPECT_EQ(established, after("Aa"));
  EXPECT_EQ(closed, after("Ar"));
}

TEST(FlowState, DirectReturnSeesOneSide) {
  EXPECT_EQ(opening, after("S", true));
  EXPECT_EQ(established, after("SA", true));
  EXPECT_EQ(half_closed_by_client, after("SAF", true));
  EXPECT_EQ(established, after("AA", true));
}

TEST(FlowState, UdpIsFreshUntilAnswered) {
  EXPECT_EQ(fresh, first_state(ip_protocol::kUdp, 0));
  EXPECT_EQ(fresh, after_client(fresh, 0, false));
  EXPECT_EQ(assured, after_backend(fresh, 0));
  EXPECT_EQ(assured, after_client(fresh, 0, true));
}

TEST(FlowState, OnlyUnconfirmedAndFinishedFlowsMakeRoom) {
  for (const FlowState state :
       {established, half_closed_by_client, half_closed_by_backend, assured, unused})
    EXPECT_FALSE(evictable(state));
  for (const FlowState state : {opening, answered, picked_up, reset_by_client, closed, fresh})
    EXPECT_TRUE(evictable(state));
}

TEST(FlowState, TicksWrap) {  // clock_wrap
  EXPECT_TRUE(reached(5, 0xfffffff0U));
  EXPECT_FALSE(reached(0xfffffff0U, 5));
  EXPECT_TRUE(reached(7, 7));
}

}  // namespace
}  // namespace sluice::balancer

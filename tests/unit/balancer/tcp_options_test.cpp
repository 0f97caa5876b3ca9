#include "dataplane/balancer/tcp_options.hpp"

#include <gtest/gtest.h>

#include "tests/support/stage_harness.hpp"

namespace sluice::balancer {
namespace {

using test::Bytes;
using test::packet;

Bytes frame(const Bytes& options) {
  return packet()
      .ip("198.18.0.2", "198.18.100.80")
      .tcp(5000, 80, tcp_flag::kSyn, 100)
      .tcp_options(options)
      .payload("odd")
      .build();
}

/// The options of a frame after an edit, whose checksum has to be right.
template <class F>
Bytes after(const Bytes& options, F&& change) {
  test::StageHarness harness;
  test::TestBurst burst(harness, {frame(options)});
  {
    TcpEdit edit(burst[0]);
    change(edit);
  }
  EXPECT_EQ(test::with_checksums(burst.bytes(0)), burst.bytes(0));
  const Bytes all = burst.bytes(0);
  return {all.begin() + burst[0].l4 + kTcpSize, all.begin() + burst[0].payload};
}

TEST(TcpOptions, AreBlankedWhereverTheyStand) {
  const auto no_stamps = [](TcpEdit& edit) { edit.blank({tcp_option::kTimestamps}); };
  EXPECT_EQ((Bytes{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, 0}),
            after({8, 10, 1, 2, 3, 4, 5, 6, 7, 8}, no_stamps));
  EXPECT_EQ((Bytes{1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 2, 4, 5, 180, 0}),
            after({1, 8, 10, 1, 2, 3, 4, 5, 6, 7, 8, 2, 4, 5, 180}, no_stamps));
  const Bytes others{2, 4, 5, 180, 4, 2, 3, 3, 7, 0, 0, 0};
  EXPECT_EQ(others, after(others, no_stamps));
}

TEST(TcpOptions, MalformedListsAreLeftFromThere) {
  const auto all = [](TcpEdit& edit) {
    edit.blank({tcp_option::kTimestamps});
    edit.move_sack_down(10);
  };
  for (const Bytes& bad : {Bytes{8, 0, 1, 1}, Bytes{8, 1, 1, 1}, Bytes{8, 40, 1, 1},
                           Bytes{1, 1, 1, 8}, Bytes{0, 8, 2, 1}})
    EXPECT_EQ(bad, after(bad, all));
}

TEST(TcpOptions, EdgesOfBlocksMoveModulo) {
  EXPECT_EQ((Bytes{5, 10, 0, 0, 0, 6, 0xff, 0xff, 0xff, 0xfb, 0, 0}),
            after({5, 10, 0, 0, 0, 16, 0, 0, 0, 5}, [](TcpEdit& e) { e.move_sack_down(10); }));
}

TEST(TcpOptions, TellTheSegmentSize) {
  test::StageHarness harness;
  test::TestBurst burst(harness, {frame({1, 2, 4, 5, 180}), frame({4, 2}), frame({2, 3, 1})});
  EXPECT_EQ(1460, segment_size_of(burst[0]));
  EXPECT_EQ(0, segment_size_of(burst[1]));
  EXPECT_EQ(0, segment_size_of(burst[2]));
}

}  // namespace
}  // namespace sluice::balancer

// How decisions reach data planes.
#include "control/daemon/fleet.hpp"

#include <gtest/gtest.h>

#include "dataplane/runtime/monotonic_clock.hpp"

namespace sluice::control {
namespace {

v1::Health health(std::initializer_list<std::pair<std::string, bool>> backends) {
  v1::Health out;
  for (const auto& [name, healthy] : backends) {
    v1::BackendHealth& one = *out.add_backends();
    one.set_service("web");
    one.set_backend(name);
    one.set_address("198.18.1.11");
    one.set_healthy(healthy);
  }
  return out;
}

std::string text_of(const NodeLink::Message& message) {
  std::string out;
  for (const v1::BackendHealth& one : message->health().backends()) {
    out += (one.healthy() ? '+' : '-') + one.backend() + ' ';
  }
  return out;
}

v1::Hello hello(const std::string& node) {
  v1::Hello out;
  out.set_node(node);
  return out;
}

class FleetHealth : public testing::Test {
 protected:
  MonotonicClock clock_;
  Fleet fleet_{clock_};
};

TEST_F(FleetHealth, WhoIsConnectedIsToldWhatChanges) {
  const auto link = *fleet_.connect(hello("one"));
  fleet_.tell_health(health({{"be1", false}}));
  EXPECT_EQ("-be1 ", text_of(link->take()));
}

TEST_F(FleetHealth, WhoConnectsIsToldAllAfterTheSnapshot) {
  fleet_.steer(3, {});
  fleet_.tell_health(health({{"be1", false}, {"be2", true}}));
  fleet_.tell_health(health({{"be3", false}}));
  fleet_.forget_health(health({{"be2", true}}));
  const auto link = *fleet_.connect(hello("one"));
  EXPECT_EQ(3U, link->take()->snapshot().revision());
  EXPECT_EQ("-be1 -be3 ", text_of(link->take()));
}

TEST_F(FleetHealth, WhatASlowNodeHasNotTakenIsOneMessageWithTheLastWord) {
  const auto link = *fleet_.connect(hello("one"));
  for (int i = 0; i < 1'000; ++i) fleet_.tell_health(health({{"be1", i % 2 == 0}, {"be2", true}}));
  EXPECT_EQ("-be1 +be2 ", text_of(link->take()));
  link->close();
  EXPECT_EQ(nullptr, link->take());
}

TEST_F(FleetHealth, ReportsTellWhetherTheWayToTheHostIsLossy) {
  const auto link = *fleet_.connect(hello("one"));
  const auto report = [&](double drops) {
    v1::FromDataplane message;
    v1::Sample& sample = *message.mutable_report()->add_samples();
    sample.set_name("packets_dropped_total");
    v1::Label& label = *sample.add_labels();
    label.set_name("reason");
    label.set_value("punt_rate");
    sample.set_value(drops);
    fleet_.receive("one", link, message);
  };
  report(0);
  EXPECT_FALSE(fleet_.drops_to_host());
  report(7);
  EXPECT_TRUE(fleet_.drops_to_host());
  report(7);
  EXPECT_TRUE(fleet_.drops_to_host()) << "for a while";
}

TEST_F(FleetHealth, ASnapshotThatWaitsGoesBeforeWhatIsSaidOfIt) {
  const auto link = *fleet_.connect(hello("one"));
  fleet_.tell_health(health({{"be1", false}}));
  fleet_.steer(4, {});
  EXPECT_TRUE(link->take()->has_snapshot());
  EXPECT_EQ("-be1 ", text_of(link->take()));
}

}  // namespace
}  // namespace sluice::control

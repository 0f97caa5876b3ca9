// What checks decided goes into force beside the live snapshot, and outlives it.
#include <gtest/gtest.h>

#include "control/model/yaml.hpp"
#include "dataplane/agent/applier.hpp"
#include "dataplane/balancer/service_table.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"

namespace sluice::agent {
namespace {

v1::Snapshot snapshot(std::uint64_t revision, const std::string& more_of_web = "") {
  const auto loaded = model::load_state({{"s.yaml", "", R"(kind: Service
name: web
spec:
  addresses: [198.18.100.80, "2001:2:0:100::80"]
  port: 80
  table_size: 1021
  backends:
    - {name: be1, addresses: [198.18.1.11, "2001:2:0:1::11"]}
    - {name: be2, addresses: [198.18.1.12]}
)" + more_of_web + R"(---
kind: Service
name: other
spec:
  addresses: [198.18.100.81]
  port: 80
  table_size: 1021
  backends: [{name: be1, addresses: [198.18.1.11]}]
)"}});
  for (const auto& problem : loaded.problems.list()) ADD_FAILURE() << model::text_of(problem);
  v1::Snapshot out;
  out.set_revision(revision);
  *out.mutable_state() = loaded.state;
  return out;
}
constexpr const char* kChecked = "  health_check: {tcp: {}}\n";

v1::Health said(const std::string& service, const std::string& backend, const std::string& address,
                bool healthy) {
  v1::Health out;
  v1::BackendHealth& one = *out.add_backends();
  one.set_service(service);
  one.set_backend(backend);
  one.set_address(address);
  one.set_healthy(healthy);
  return out;
}

class ApplierHealth : public testing::Test {
 protected:
  ApplierHealth() : reader_(publisher_, 0) {
    EXPECT_TRUE(applier_.apply(snapshot(1, kChecked)).empty());
  }
  /// Of a backend of web; by family whether it lives and whether its table has it.
  std::string of_backend(std::size_t index) {
    const balancer::ServiceTable& table = *publisher_.live()->balancer;
    std::string out;
    for (unsigned family = 0; family < 2; ++family) {
      const auto& slots = table.services()[0].tables[family]->slots();
      out += family == 0 ? "" : ", ";
      out += table.backends()[index].alive[family] ? "alive" : "dead";
      out += std::find(slots.begin(), slots.end(), index) == slots.end() ? " out" : " in";
    }
    return out;
  }

  Publisher<Snapshot> publisher_{1};
  Publisher<Snapshot>::Reader reader_;
  SlotRegistry slots_{1024};
  MonotonicClock clock_;
  int followed_ = 0;
  Applier applier_{publisher_, slots_, clock_, {}, [this](const Sources&) { ++followed_; }};
};

TEST_F(ApplierHealth, IsInForceAtOnceAndOnlyWhereItIsSaid) {
  const auto before = publisher_.live();
  EXPECT_EQ("alive in, alive in", of_backend(0));
  EXPECT_EQ(1U, applier_.set_health(said("web", "be1", "198.18.1.11", false)));
  EXPECT_EQ("dead out, alive in", of_backend(0));
  EXPECT_EQ(1U, applier_.set_health(said("web", "be1", "2001:2:0:1:0::11", false)));
  EXPECT_EQ("dead out, dead out", of_backend(0));
  EXPECT_EQ(before->route, publisher_.live()->route);
  EXPECT_EQ(before->revision, publisher_.live()->revision);
  EXPECT_EQ(1, followed_) << "nothing outside the workers depends on it";
  EXPECT_EQ(1U, applier_.set_health(said("web", "be1", "198.18.1.11", true)));
  EXPECT_EQ("alive in, dead out", of_backend(0));
}

TEST_F(ApplierHealth, WhatIsKnownOrOfNobodyChangesNothing) {
  const auto before = publisher_.live();
  EXPECT_EQ(0U, applier_.set_health(said("web", "be1", "198.18.1.11", true)));
  EXPECT_EQ(0U, applier_.set_health(said("web", "be9", "198.18.1.11", false)));
  EXPECT_EQ(0U, applier_.set_health(said("web", "be1", "198.18.1.99", false)));
  EXPECT_EQ(0U, applier_.set_health(said("web", "be1", "nonsense", false)));
  EXPECT_EQ(0U, applier_.set_health(said("other", "be1", "198.18.1.11", false))) << "not checked";
  EXPECT_EQ(before, publisher_.live());
}

TEST_F(ApplierHealth, ANewSnapshotKeepsIt) {
  applier_.set_health(said("web", "be2", "198.18.1.12", false));
  EXPECT_TRUE(applier_.apply(snapshot(2, "  health_check: {http: {}}\n")).empty());
  EXPECT_EQ("dead out, dead out", of_backend(1));
  EXPECT_EQ(3, applier_.health().backends_size());
}

TEST_F(ApplierHealth, ARefusedSnapshotKeepsItToo) {
  applier_.set_health(said("web", "be2", "198.18.1.12", false));
  v1::Snapshot bad = snapshot(2);
  bad.mutable_state()->mutable_documents(0)->mutable_service()->set_table_size(7);
  EXPECT_FALSE(applier_.apply(bad).empty());
  EXPECT_EQ(3, applier_.health().backends_size());
  EXPECT_EQ("dead out, dead out", of_backend(1));
}

TEST_F(ApplierHealth, WhoIsCheckedNoMoreLives) {
  applier_.set_health(said("web", "be2", "198.18.1.12", false));
  EXPECT_TRUE(applier_.apply(snapshot(2)).empty());
  EXPECT_EQ("alive in, dead out", of_backend(1));
  EXPECT_TRUE(applier_.apply(snapshot(3, kChecked)).empty());
  EXPECT_EQ("alive in, dead out", of_backend(1)) << "what was known before is forgotten";
}

}  // namespace
}  // namespace sluice::agent

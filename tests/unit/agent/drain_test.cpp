// From when a backend drains, over the states that come into force.
#include <gtest/gtest.h>

#include "control/model/yaml.hpp"
#include "dataplane/agent/applier.hpp"
#include "dataplane/balancer/service_table.hpp"

namespace sluice::agent {
namespace {

/// Time that moves only when told to.
class HandClock final : public Clock {
 public:
  [[nodiscard]] Nanoseconds now() override { return time; }
  Nanoseconds time = 100 * kSecond;
};

v1::Snapshot snapshot(int weight, const std::string& more = "  drain_timeout: 60s\n") {
  const auto loaded = model::load_state({{"s.yaml", "",
                                          R"(kind: Service
name: web
spec:
  addresses: [198.18.100.80]
  port: 80
  table_size: 1021
  backends:
    - {name: be1, addresses: [198.18.1.11]}
    - {name: be2, addresses: [198.18.1.12], weight: )" +
                                              std::to_string(weight) + "}\n" + more}});
  for (const auto& problem : loaded.problems.list()) ADD_FAILURE() << model::text_of(problem);
  v1::Snapshot out;
  out.set_revision(1);
  *out.mutable_state() = loaded.state;
  return out;
}

class ApplierDrain : public testing::Test {
 protected:
  ApplierDrain() : reader_(publisher_, 0) {}
  void apply(const v1::Snapshot& snapshot) { EXPECT_TRUE(applier_.apply(snapshot).empty()); }
  /// Whether the second backend has drained.
  bool drained() {
    const balancer::ServiceTable& table = *publisher_.live()->balancer;
    const balancer::Backend& backend = table.backends()[1];
    return backend.ends && table.has_drained(backend, clock_.time);
  }
  void wait(Nanoseconds time) { clock_.time += time; }

  Publisher<Snapshot> publisher_{1};
  Publisher<Snapshot>::Reader reader_;
  SlotRegistry slots_{1024};
  HandClock clock_;
  Applier applier_{publisher_, slots_, clock_, {}, [](const Sources&) {}};
};

TEST_F(ApplierDrain, AnotherStateThatDrainsDoesNotBeginAnew) {
  apply(snapshot(1));
  wait(100 * kSecond);
  apply(snapshot(0));
  EXPECT_FALSE(drained());
  for (int n = 0; n < 5; ++n) {
    wait(10 * kSecond);
    apply(snapshot(0, "  drain_timeout: 60s\n  scheduler: RANDOM_OF_TWO\n"));
  }
  wait(9 * kSecond);
  EXPECT_FALSE(drained());
  wait(2 * kSecond);
  EXPECT_TRUE(drained());
  // The time-out may be changed meanwhile.
  apply(snapshot(0, "  drain_timeout: 5m\n"));
  EXPECT_FALSE(drained());
  apply(snapshot(0, ""));
  wait(3600 * kSecond);
  EXPECT_FALSE(drained());
}

TEST_F(ApplierDrain, WeightEndsIt) {
  apply(snapshot(0));
  wait(61 * kSecond);
  EXPECT_TRUE(drained());
  apply(snapshot(1));
  EXPECT_FALSE(drained());
  apply(snapshot(0));
  EXPECT_FALSE(drained());
  wait(61 * kSecond);
  EXPECT_TRUE(drained());
}

TEST_F(ApplierDrain, ARefusedStateChangesNothing) {
  apply(snapshot(0));
  wait(50 * kSecond);
  v1::Snapshot wrong = snapshot(1);
  wrong.mutable_state()->mutable_documents(0)->mutable_service()->set_addresses(0, "127.0.0.1");
  EXPECT_FALSE(applier_.apply(wrong).empty());
  wait(11 * kSecond);
  EXPECT_TRUE(drained());
}

}  // namespace
}  // namespace sluice::agent

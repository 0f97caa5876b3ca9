// Tables built anew for what checks decided, beside those of a live configuration.
#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {
namespace {

std::set<std::string> chosen(const ServiceTable& table, const Service& service, unsigned family) {
  std::set<std::string> names;
  if (service.tables[family] == nullptr || service.tables[family]->empty()) return names;
  for (const std::uint16_t slot : service.tables[family]->slots())
    names.insert(table.backend_name(service.first_backend + slot));
  return names;
}

class HealthTable : public testing::Test {
 protected:
  SlotRegistry slots_{4096};
  Source source_ = lab_source();
  std::shared_ptr<const ServiceTable> live_ = *compile(source_, slots_);
};

TEST_F(HealthTable, OnlyTheServicesConcernedChange) {
  source_.services[0].backends[1].alive = {false, false};
  const std::array<std::size_t, 1> concerned{0};
  const auto next = with_health(*live_, source_, concerned);
  EXPECT_EQ((std::set<std::string>{"be1", "be3"}), chosen(*next, next->services()[0], 0));
  EXPECT_EQ((std::set<std::string>{"be1", "be3"}), chosen(*next, next->services()[0], 1));
  EXPECT_THAT(next->backends()[1].alive, testing::Each(false));
  EXPECT_THAT(live_->backends()[1].alive, testing::Each(true)) << "what is live does not change";
  for (const std::size_t other : {1U, 2U}) {
    EXPECT_EQ(live_->services()[other].tables, next->services()[other].tables);
  }
}

TEST_F(HealthTable, IsWhatACompilationWouldGive) {
  source_.services[0].backends[1].alive = {false, true};
  source_.services[2].backends[0].alive = {false, false};
  const std::array<std::size_t, 2> concerned{0, 2};
  const auto next = with_health(*live_, source_, concerned);
  const auto anew = *compile(source_, slots_);
  for (std::size_t s = 0; s < anew->services().size(); ++s) {
    for (unsigned family = 0; family < 2; ++family) {
      const auto& a = next->services()[s].tables[family];
      const auto& b = anew->services()[s].tables[family];
      EXPECT_TRUE(
          std::equal(a->slots().begin(), a->slots().end(), b->slots().begin(), b->slots().end()));
    }
  }
  for (std::size_t b = 0; b < anew->backends().size(); ++b) {
    EXPECT_EQ(anew->backends()[b].alive, next->backends()[b].alive) << b;
  }
}

TEST_F(HealthTable, EachFamilyOfABackendLivesByItself) {
  source_.services[0].backends[1].alive = {true, false};
  const std::array<std::size_t, 1> concerned{0};
  const auto next = with_health(*live_, source_, concerned);
  EXPECT_EQ(3U, chosen(*next, next->services()[0], 0).size());
  EXPECT_EQ((std::set<std::string>{"be1", "be3"}), chosen(*next, next->services()[0], 1));
  EXPECT_EQ((std::array<bool, 2>{true, false}), next->backends()[1].alive);
}

TEST_F(HealthTable, NobodyLives) {
  for (BackendSource& backend : source_.services[0].backends) backend.alive = {false, false};
  const std::array<std::size_t, 1> concerned{0};
  const auto next = with_health(*live_, source_, concerned);
  EXPECT_TRUE(chosen(*next, next->services()[0], 0).empty());
}

}  // namespace
}  // namespace sluice::balancer

#include <algorithm>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "tests/unit/balancer/lab.hpp"

namespace sluice::balancer {
namespace {

std::vector<std::string> mistakes(const Source& source, std::uint32_t slots = 1024) {
  SlotRegistry registry(slots);
  const auto compiled = compile(source, registry);
  std::vector<std::string> texts;
  if (!compiled)
    for (const Error& e : compiled.error()) texts.push_back(e.text());
  return texts;
}

Source with(void (*change)(ServiceSource& web)) {
  Source source = lab_source();
  change(source.services[0]);
  return source;
}

TEST(Compile, TheLabIsRight) {
  EXPECT_THAT(mistakes(lab_source()), ::testing::IsEmpty());
}

TEST(Compile, NothingIsRightToo) {
  SlotRegistry registry(16);
  const auto compiled = compile(Source{}, registry);
  ASSERT_TRUE(compiled);
  EXPECT_EQ(nullptr, (*compiled)->find(address("198.18.100.80"), 80, 6));
  EXPECT_FALSE((*compiled)->serves(address("198.18.100.80")));
}

TEST(Compile, EachMistakeIsNamed) {
  using ::testing::ElementsAre;
  using ::testing::HasSubstr;
  struct Case {
    void (*change)(ServiceSource&);
    const char* text;
  };
  const Case cases[] = {
      {[](ServiceSource& s) { s.name = "a/b"; }, "contains '/'"},
      {[](ServiceSource& s) { s.name = "echo"; }, "two services have this name"},
      {[](ServiceSource& s) { s.protocol = 132; }, "protocol 132 cannot be balanced"},
      {[](ServiceSource& s) { s.port = 0; }, "port 0"},
      {[](ServiceSource& s) { s.table_size = 65'536; }, "table size 65536 is not on offer"},
      {[](ServiceSource& s) { s.tcp_idle = 0; }, "time-out of 0 ns"},
      {[](ServiceSource& s) { s.udp_idle = 30 * 86'400 * kSecond; }, "time-out"},
      {[](ServiceSource& s) { s.addresses.clear(); }, "it has no address"},
      {[](ServiceSource& s) { s.addresses[0] = address("224.0.0.1"); }, "cannot be a service"},
      {[](ServiceSource& s) { s.addresses[1] = s.addresses[0]; }, "is taken by another service"},
      {[](ServiceSource& s) { s.backends[1].name = "be1"; }, "two backends of the service"},
      {[](ServiceSource& s) { s.backends[1].name = ""; }, "a backend's name is empty"},
      {[](ServiceSource& s) { s.backends[0].addresses.clear(); }, "backend be1: it has no address"},
      {[](ServiceSource& s) { s.backends[0].addresses[1] = address("198.18.1.9"); },
       "more than one address of a family"},
      {[](ServiceSource& s) { s.backends[0].addresses = {address("198.18.100.82")}; },
       "itself the address of a service"},  // vip_is_backend
      {[](ServiceSource& s) { s.mode = Mode::direct_return; },
       "direct return cannot change the port"},
  };
  for (const Case& c : cases)
    EXPECT_THAT(mistakes(with(c.change)), ::testing::Contains(HasSubstr(c.text))) << c.text;
}

TEST(Compile, AllMistakesAreFound) {
  Source source = lab_source();
  source.services[0].port = 0;
  source.services[1].table_size = 7;
  source.services[2].backends[2].addresses.clear();
  EXPECT_EQ(3U, mistakes(source).size());
}

TEST(Compile, MoreBackendsThanSlots) {
  Source source = lab_source();
  source.services[0].backends.clear();
  for (unsigned i = 0; i < 1022; ++i)
    source.services[0].backends.push_back(backend("b" + std::to_string(i), {"198.18.1.11"}));
  EXPECT_THAT(mistakes(source, 10'000),
              ::testing::Contains(::testing::HasSubstr("1022 backends are more than")));
}

TEST(Compile, CountersRunOut) {
  EXPECT_THAT(mistakes(lab_source(), 10),
              ::testing::ElementsAre(::testing::HasSubstr("out of counter slots (there are 10)")));
}

TEST(Compile, BackendsKeepTheirIdentity) {
  SlotRegistry registry(1024);
  Source source = lab_source();
  const auto before = *compile(source, registry);
  source.services.erase(source.services.begin());  // indices move, identities do not
  const auto after = *compile(source, registry);
  for (const Backend& b : after->backends()) {
    const Backend* old = before->backend_by_id(b.id());
    ASSERT_NE(nullptr, old);
    EXPECT_EQ(before->backend_name(before->index_of(*old)),
              after->backend_name(after->index_of(b)));
    EXPECT_EQ(before->service_name(old->service), after->service_name(b.service));
  }
  EXPECT_EQ(nullptr, after->backend_by_id(before->backends()[0].id()));
  EXPECT_EQ(nullptr, after->backend_by_id(1'000'000));
}

TEST(Compile, TablesThatStayTheSameAreNotMadeAnew) {
  SlotRegistry registry(1024);
  Source source = lab_source();
  const auto before = *compile(source, registry);
  source.services[0].backends[1].weight = 7;
  std::reverse(source.services.begin(), source.services.end());  // found by name, not by place
  const auto after = *compile(source, registry, {}, before.get());
  const std::size_t last = source.services.size() - 1;
  const auto& changed = after->services()[last].tables;
  EXPECT_NE(before->services()[0].tables, changed);
  const auto alone = *compile(source, registry);
  EXPECT_TRUE(std::ranges::equal(alone->services()[last].tables[0]->slots(), changed[0]->slots()));
  for (std::size_t i = 1; i <= last; ++i)
    EXPECT_EQ(before->services()[i].tables, after->services()[last - i].tables) << i;
}

TEST(Compile, TheOrderOfBackendsMakesATableAnother) {
  SlotRegistry registry(1024);
  Source source = lab_source();
  const auto before = *compile(source, registry);
  std::swap(source.services[0].backends[0], source.services[0].backends[1]);
  const auto after = *compile(source, registry, {}, before.get());
  EXPECT_NE(before->services()[0].tables[0], after->services()[0].tables[0]);
}

}  // namespace
}  // namespace sluice::balancer

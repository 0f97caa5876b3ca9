#include "dataplane/start/config.hpp"

#include <fstream>

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "tests/support/temporary_folder.hpp"

namespace sluice::start {
namespace {

class ConfigTest : public testing::Test {
 protected:
  /// The problems of a configuration, as they are printed.
  std::string problems_of(const std::string& text) {
    const std::string path = folder_.path() + "/node.yaml";
    std::ofstream(path) << text;
    std::string out;
    const model::Problems problems = read_config(path, config_);
    for (const v1::Problem& problem : problems.list()) {
      out += model::text_of(problem);
      out += '\n';
    }
    return out;
  }
  test::TemporaryFolder folder_;
  v1::DataplaneConfig config_;
};

constexpr const char* kGood = R"(node: edge-1
state_folder: /var/lib/sluice
control: unix:/run/sluice/control.sock
cores: {workers: [0, 1], control: 0}
ports:
  - {name: wan, mode: AF_XDP, device: eth1, queues: 2}
  - {name: lan, mode: AF_PACKET, device: eth2}
exception: {tap: sluice0}
)";

TEST_F(ConfigTest, AGoodOneBecomesPortsWithTheTapLast) {
  EXPECT_EQ("", problems_of(kGood));
  v1::DesiredState state;
  v1::Document& port = *state.add_documents();
  port.set_name("lan");
  port.mutable_port()->set_mtu(9000);
  const auto specs = port_specs(config_, state);
  ASSERT_EQ(3U, specs.size());
  EXPECT_EQ(nic::PortMode::af_xdp, specs[0].mode);
  EXPECT_EQ(2U, specs[0].queues);
  EXPECT_EQ(1500U, specs[0].mtu);
  EXPECT_EQ(9000U, specs[1].mtu);
  EXPECT_EQ("sluice0", specs[2].name);
  EXPECT_TRUE(specs[2].host);
  EXPECT_EQ(IdleMode::back_off, idle_limits(config_).mode);
}

TEST_F(ConfigTest, EverythingThatDoesNotFitTogetherIsFound) {
  const std::string problems = problems_of(R"(state_folder: /var/lib/sluice
control: unix:/run/sluice/control.sock
desired_state: /etc/sluice/state.yaml
cores: {workers: [0]}
ports:
  - {name: wan, mode: AF_XDP, device: eth1, queues: 2}
  - {name: wan, device: eth2}
exception: {tap: an-interface-name-too-long}
)");
  EXPECT_THAT(problems, testing::HasSubstr("either `control` or `desired_state` is needed"));
  EXPECT_THAT(problems, testing::HasSubstr("node.yaml:6:"));
  EXPECT_THAT(problems, testing::HasSubstr("there are more queues than workers"));
  EXPECT_THAT(problems, testing::HasSubstr("a second port is called 'wan'"));
  EXPECT_THAT(problems, testing::HasSubstr("it is not said how the device is driven"));
  EXPECT_THAT(problems, testing::HasSubstr("is too long for an interface"));
}

TEST_F(ConfigTest, WithoutWorkersOrPortsThereIsNothingToRun) {
  const std::string problems =
      problems_of("state_folder: /var/lib/sluice\ncontrol: unix:/run/control.sock\n");
  EXPECT_THAT(problems, testing::HasSubstr("there is no worker"));
  EXPECT_THAT(problems, testing::HasSubstr("there is no port"));
}

TEST_F(ConfigTest, AcrossANetworkThereMustBeCertificates) {
  std::string text = kGood;
  text.replace(text.find("unix:/run/sluice/control.sock"), 29, "192.0.2.1:7700");
  EXPECT_THAT(problems_of(text), testing::AllOf(testing::HasSubstr("node.yaml:3:"),
                                                testing::HasSubstr("by mutual TLS only")));
  config_.Clear();
  EXPECT_EQ("", problems_of(text + "tls: {certificate: /c.pem, key: /k.pem, authority: /a.pem}\n"));
}

TEST_F(ConfigTest, AnUnknownFieldIsNamedWithItsLine) {
  EXPECT_THAT(problems_of(fmt::format("{}colour: blue\n", kGood)),
              testing::AllOf(testing::HasSubstr("node.yaml:9:1"), testing::HasSubstr("colour")));
}

TEST_F(ConfigTest, AMissingFileIsAProblem) {
  EXPECT_FALSE(read_config(folder_.path() + "/none.yaml", config_).empty());
}

}  // namespace
}  // namespace sluice::start

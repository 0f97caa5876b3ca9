// Every file of nic-configs is a configuration that the data plane takes.
#include <filesystem>
#include <set>

#include "dataplane/nic/port_modes.hpp"
#include "dataplane/start/config.hpp"

namespace sluice {
namespace {

TEST(NicConfigs, EveryFileIsTakenAndPlanned) {
  std::set<nic::PortMode> modes;
  unsigned files = 0;
  for (const auto& folder : std::filesystem::directory_iterator(NIC_CONFIGS)) {
    if (!folder.is_directory()) continue;
    const std::string file = folder.path() / "port.yaml";
    ++files;
    v1::DataplaneConfig config;
    const model::Problems problems = start::read_config(file, config);
    std::string text;
    for (const auto& problem : problems.list()) text += model::text_of(problem) + "\n";
    EXPECT_EQ(text, "") << file;
    const auto specs = start::port_specs(config, {});
    ASSERT_FALSE(specs.empty()) << file;
    for (const nic::PortSpec& spec : specs) {
      const auto plan = nic::plan_device(spec, 0, {2, 2});
      EXPECT_TRUE(plan) << file << ": " << plan.error().text();
      modes.insert(spec.mode);
    }
    EXPECT_TRUE(std::filesystem::exists(folder.path() / "README.md")) << file;
  }
  EXPECT_EQ(files, 15U);
  EXPECT_EQ(modes.size(), 8U) << "a mode has no example";
}

}  // namespace
}  // namespace sluice

// The snapshot that a data plane keeps on disk: damaged bytes are refused, and bytes with a right
// checksum that nobody sane has written are compiled or refused field by field.
#include <cstdlib>
#include <cstring>
#include <fstream>

#include <google/protobuf/stubs/logging.h>
#include <xxhash.h>

#include "control/model/compile.hpp"
#include "dataplane/agent/applier.hpp"
#include "dataplane/agent/state_file.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/temporary_folder.hpp"

namespace sluice::fuzz {
namespace {

constexpr std::size_t kBytesMax = 4096;

/// Bytes under a header that fits them, as StateFile writes it.
std::string sealed(std::string_view body) {
  std::string out = "sluices1";
  for (const std::uint64_t number :
       {std::uint64_t{body.size()}, std::uint64_t{XXH3_64bits(body.data(), body.size())}}) {
    char bytes[sizeof number];
    std::memcpy(bytes, &number, sizeof number);
    out.append(bytes, sizeof bytes);
  }
  return out.append(body);
}

model::NodeFacts facts() {
  model::NodeFacts out;
  out.ports = {{"wan", 0, MacAddress{{2, 0, 0, 0, 0, 1}}},
               {"lan", 1, MacAddress{{2, 0, 0, 0, 0, 2}}}};
  out.flows_max = 64;
  return out;
}

void apply(const v1::Snapshot& stored) {
  Publisher<Snapshot> publisher(1);
  SlotRegistry slots(256);
  MonotonicClock clock;
  agent::Applier applier(publisher, slots, clock, facts(), [](const Sources&) {});
  const auto problems = applier.apply(stored);
  require(problems.empty() == (publisher.live() != nullptr), "refused is not live");
  for (const v1::Problem& problem : problems)
    require(!problem.what().empty(), "a refusal says what is wrong");
}

void start_from(const std::string& bytes, bool whole) {
  static const test::TemporaryFolder* folder = [] {
    auto* made = new test::TemporaryFolder;
    static const std::string* path = new std::string(made->path());
    std::atexit([] { std::filesystem::remove_all(*path); });
    return made;
  }();
  const agent::StateFile file(folder->path());
  std::ofstream(file.path(), std::ios::binary | std::ios::trunc) << bytes;
  const auto loaded = file.load();
  if (!loaded) {
    require(!loaded.error().where.empty() && !loaded.error().fix.empty(),
            "damage is told with its file and what to do");
    return;
  }
  require(loaded->has_value(), "a file that is there is a snapshot or damaged");
  if (whole) apply(**loaded);
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerInitialize(int*, char***) {
  google::protobuf::SetLogHandler(nullptr);  // a line for each text that is not UTF-8
  return 0;
}

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  Input input(data, size);
  const bool seal = (input.u8() & 1U) == 0;
  const std::string_view bytes = text_of(input.take(kBytesMax));
  start_from(seal ? sealed(bytes) : std::string(bytes), seal);
  return 0;
}

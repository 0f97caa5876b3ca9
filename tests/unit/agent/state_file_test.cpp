#include "dataplane/agent/state_file.hpp"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <sstream>

#include <gtest/gtest.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/support/temporary_folder.hpp"

namespace sluice::agent {
namespace {

v1::Snapshot sample(std::uint64_t revision, std::size_t text_bytes = 100) {
  v1::Snapshot snapshot;
  snapshot.set_revision(revision);
  v1::Document& zone = *snapshot.mutable_state()->add_documents();
  zone.set_name("example.test");
  zone.mutable_zone()->set_text(std::string(text_bytes, 'x'));
  return snapshot;
}

std::string read_file(const std::string& path) {
  std::ostringstream out;
  out << std::ifstream(path, std::ios::binary).rdbuf();
  return out.str();
}

void write_file(const std::string& path, const std::string& bytes) {
  std::ofstream(path, std::ios::binary) << bytes;
}

TEST(StateFile, NothingWasSavedYet) {
  const sluice::test::TemporaryFolder folder;
  const auto loaded = StateFile(folder.path()).load();
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_FALSE(loaded->has_value());
}

TEST(StateFile, TheLastSaveIsWhatIsLoaded) {
  const sluice::test::TemporaryFolder folder;
  const StateFile file(folder.path());
  ASSERT_TRUE(file.save(sample(7, 100'000)));
  ASSERT_TRUE(file.save(sample(8)));
  const auto loaded = file.load();
  ASSERT_TRUE(loaded) << loaded.error().text();
  EXPECT_EQ(sample(8).SerializeAsString(), (*loaded)->SerializeAsString());
  EXPECT_FALSE(std::filesystem::exists(file.path() + ".new"));
}

TEST(StateFile, EveryTruncationIsNoticed) {
  const sluice::test::TemporaryFolder folder;
  const StateFile file(folder.path());
  ASSERT_TRUE(file.save(sample(7)));
  const std::string whole = read_file(file.path());
  for (std::size_t length = 0; length < whole.size(); ++length) {
    write_file(file.path(), whole.substr(0, length));
    const auto loaded = file.load();
    ASSERT_FALSE(loaded) << length << " of " << whole.size() << " bytes";
    EXPECT_THAT(loaded.error().text(), testing::HasSubstr("cut short"));
  }
}

TEST(StateFile, EveryFlippedByteIsNoticed) {
  const sluice::test::TemporaryFolder folder;
  const StateFile file(folder.path());
  ASSERT_TRUE(file.save(sample(7)));
  const std::string whole = read_file(file.path());
  for (std::size_t i = 0; i < whole.size(); ++i) {
    std::string damaged = whole;
    damaged[i] = static_cast<char>(damaged[i] ^ 0x10);
    write_file(file.path(), damaged);
    ASSERT_FALSE(file.load()) << "byte " << i;
  }
}

TEST(StateFile, AFolderThatIsGoneIsAnError) {
  const StateFile file("/proc/no-such-folder");
  const auto saved = file.save(sample(1));
  ASSERT_FALSE(saved);
  EXPECT_THAT(saved.error().text(), testing::HasSubstr("/proc/no-such-folder/snapshot"));
}

/// In a mount namespace of its own, on a file system of 64 KiB; returns the step that went wrong.
int fill_the_disk(const std::string& folder) {
  if (unshare(CLONE_NEWNS) != 0 || mount("", "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0 ||
      mount("tmpfs", folder.c_str(), "tmpfs", 0, "size=64k") != 0) {
    return 77;
  }
  const StateFile file(folder);
  if (!file.save(sample(1, 1000))) return 1;
  const auto saved = file.save(sample(2, 200'000));
  if (saved) return 2;
  const std::string text = saved.error().text();
  if (text.find("No space left on device") == std::string::npos) return 3;
  if (text.find("free space on the disk of the state folder") == std::string::npos) return 4;
  const auto loaded = file.load();
  if (!loaded || !loaded->has_value() || (*loaded)->revision() != 1) return 5;
  if (!file.save(sample(3, 1000))) return 6;
  return 0;
}

TEST(StateFile, AFullDiskKeepsTheOldSnapshotAndSaysSo) {
  if (geteuid() != 0) GTEST_SKIP() << "needs root";
  const sluice::test::TemporaryFolder folder;
  const pid_t child = fork();
  if (child == 0) _exit(fill_the_disk(folder.path()));
  int status = -1;
  ASSERT_EQ(child, waitpid(child, &status, 0));
  ASSERT_TRUE(WIFEXITED(status));
  if (WEXITSTATUS(status) == 77) GTEST_SKIP() << "cannot mount here";
  EXPECT_EQ(0, WEXITSTATUS(status));
}

}  // namespace
}  // namespace sluice::agent

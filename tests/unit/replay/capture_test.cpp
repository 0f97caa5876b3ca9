// Captures written and read again, and readers that are given anything.
#include <cstdio>
#include <limits>
#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "dataplane/replay/capture_formats.hpp"
#include "dataplane/replay/capture_writer.hpp"
#include "tests/support/temporary_folder.hpp"

namespace sluice::replay {
namespace {

using Bytes = std::vector<std::uint8_t>;

struct Read {
  std::vector<CapturedPacket> packets;  ///< their pointers are stale
  std::vector<Bytes> frames;
  std::vector<std::string> interfaces;
  std::string error;
};

Read read(Bytes bytes) {
  Read out;
  std::FILE* file = bytes.empty() ? std::tmpfile() : fmemopen(bytes.data(), bytes.size(), "rb");
  auto reader = CaptureReader::open(CaptureFile(file, "a capture"));
  if (!reader) {
    out.error = reader.error().text();
    return out;
  }
  CapturedPacket packet;
  auto more = (*reader)->next(packet);
  for (; more && *more; more = (*reader)->next(packet)) {
    out.packets.push_back(packet);
    out.frames.emplace_back(packet.bytes.begin(), packet.bytes.end());
    out.interfaces.emplace_back(packet.interface);
  }
  if (!more) out.error = more.error().text();
  return out;
}

/// The file that the writer makes of these packets, all a microsecond apart.
Bytes written(const std::vector<std::string>& ports,
              const std::vector<std::pair<PortId, Bytes>>& packets) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/capture";
  auto writer = CaptureWriter::create(path, ports);
  EXPECT_TRUE(writer);
  Nanoseconds time = 5 * kSecond + 7;
  for (const auto& [port, frame] : packets) {
    writer->write(port, time, frame);
    time += kMicrosecond;
  }
  EXPECT_TRUE(writer->close());
  Bytes out(1U << 20U);
  std::FILE* file = std::fopen(path.c_str(), "rb");
  out.resize(std::fread(out.data(), 1, out.size(), file));
  std::fclose(file);
  return out;
}

const std::vector<std::pair<PortId, Bytes>> kPackets = {
    {0, Bytes(60, 1)}, {0, Bytes{}}, {0, Bytes(61, 2)}, {0, Bytes(1514, 3)}};

TEST(Capture, AGrowingOneTakesInterfacesAsTheyComeAndCutFrames) {
  const test::TemporaryFolder folder;
  const std::string path = folder.path() + "/capture";
  auto writer = CaptureWriter::create_growing(path);
  ASSERT_TRUE(writer);
  writer->write(writer->interface("wan"), kSecond, Bytes(60, 1), 60, "sent");
  writer->write(writer->interface("lan"), 2 * kSecond, Bytes(20, 2), 1000, "dropped (rule)");
  ASSERT_TRUE(writer->flush());
  writer->write(writer->interface("wan"), 3 * kSecond, Bytes(61, 3), 61, {});
  ASSERT_TRUE(writer->close());
  Bytes file(1U << 12U);
  std::FILE* open = std::fopen(path.c_str(), "rb");
  file.resize(std::fread(file.data(), 1, file.size(), open));
  std::fclose(open);
  const Read got = read(file);
  EXPECT_EQ("", got.error);
  EXPECT_EQ((std::vector<std::string>{"wan", "lan", "wan"}), got.interfaces);
  EXPECT_EQ((std::vector<Bytes>{Bytes(60, 1), Bytes(20, 2), Bytes(61, 3)}), got.frames);
}

TEST(Capture, OfOnePortIsReadAsItWasWritten) {
  const Read got = read(written({"wan"}, kPackets));
  EXPECT_EQ("", got.error);
  ASSERT_EQ(kPackets.size(), got.packets.size());
  for (std::size_t i = 0; i < kPackets.size(); ++i) {
    EXPECT_EQ(kPackets[i].second, got.frames[i]);
    EXPECT_EQ(5 * kSecond + 7 + i * kMicrosecond, got.packets[i].time);
    EXPECT_EQ(i + 1, got.packets[i].number);
    EXPECT_EQ("", got.interfaces[i]);
  }
}

TEST(Capture, OfSeveralPortsKeepsTheirNames) {
  const Read got =
      read(written({"wan", "lan", "dmz9"}, {{1, Bytes(60, 1)}, {2, Bytes(61, 2)}, {0, {}}}));
  EXPECT_EQ("", got.error);
  EXPECT_THAT(got.interfaces, ::testing::ElementsAre("lan", "dmz9", "wan"));
  EXPECT_THAT(got.frames, ::testing::ElementsAre(Bytes(60, 1), Bytes(61, 2), Bytes{}));
  EXPECT_EQ(5 * kSecond + 7 + kMicrosecond, got.packets.at(1).time);
}

TEST(Capture, CutAnywhereGivesWhatIsWholeAndAnErrorOrTheEnd) {
  for (const auto& ports : {std::vector<std::string>{"wan"}, {"wan", "lan"}}) {
    const Bytes whole = written(ports, kPackets);
    std::size_t ends = 0;
    for (std::size_t size = 0; size < whole.size(); ++size) {
      const Read got =
          read(Bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(size)));
      ASSERT_LT(got.packets.size(), kPackets.size());
      ends += got.error.empty() ? 1 : 0;
      for (std::size_t i = 0; i < got.frames.size(); ++i)
        ASSERT_EQ(kPackets[i].second, got.frames[i]);
    }
    // Only between packets and blocks may a file end.
    EXPECT_EQ(kPackets.size() + (ports.size() == 1 ? 0 : ports.size()), ends);
  }
}

TEST(Capture, SpoiledAnyhowIsReadOrRefused) {
  std::mt19937 random(11);
  for (const auto& ports : {std::vector<std::string>{"wan"}, {"wan", "lan"}}) {
    const Bytes whole = written(ports, {{0, Bytes(60, 1)}, {0, Bytes(61, 2)}});
    for (int round = 0; round < 2'000; ++round) {
      Bytes spoiled = whole;
      for (unsigned i = 0, changes = 1 + random() % 4; i < changes; ++i) {
        // Lengths and types are near the front of what they head.
        spoiled[random() % spoiled.size()] = static_cast<std::uint8_t>(
            random() % 2 == 0 ? random() : std::array{0, 1, 0x7f, 0xff}[random() % 4]);
      }
      const Read got = read(std::move(spoiled));
      for (const Bytes& frame : got.frames) ASSERT_LE(frame.size(), kCapturedMax);
    }
  }
}

struct UnitCase {
  std::uint8_t resolution;
  std::int64_t offset;
  std::uint64_t units;
  std::optional<Nanoseconds> time;
};

TEST(TimeUnit, CountsAsInterfacesSay) {
  const std::uint64_t max = ~std::uint64_t{0};
  const UnitCase cases[] = {
      {6, 0, 1'500'000, 1'500 * kMillisecond},
      {9, 0, 1'500'000'001, 1'500 * kMillisecond + 1},
      {0, 0, 3, 3 * kSecond},
      {12, 0, 1'500'000'000'999, 1'500 * kMillisecond},
      {3, 100, 1'500, 101'500 * kMillisecond},
      {3, -1, 1'500, 500 * kMillisecond},
      {3, -2, 1'500, std::nullopt},
      {28, 0, max, 1},
      {27, 0, max, 18},
      {29, 0, max, 0},
      {127, 0, max, 0},
      {0x80 | 0, 0, 3, 3 * kSecond},
      {0x80 | 1, 0, 3, 1'500 * kMillisecond},
      {0x80 | 32, 0, 3ULL << 31U, 1'500 * kMillisecond},
      {0x80 | 40, 0, 3ULL << 39U, 1'500 * kMillisecond},
      {0x80 | 63, 0, max, kSecond + 999'999'999},
      {0x80 | 64, 0, 1ULL << 63U, 500 * kMillisecond},
      {0x80 | 127, 0, max, 0},
      {6, 0, max, std::nullopt},
      {0, 0, max, std::nullopt},
      {9, std::int64_t{1} << 62U, 0, std::nullopt},
      {9, std::numeric_limits<std::int64_t>::min(), 0, std::nullopt},
  };
  for (const UnitCase& c : cases) {
    const TimeUnit unit{c.resolution, c.offset};
    EXPECT_EQ(c.time, unit.time_of(c.units))
        << int{c.resolution} << " " << c.offset << " " << c.units;
  }
}

}  // namespace
}  // namespace sluice::replay

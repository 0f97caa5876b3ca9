#include "dataplane/io/disk.hpp"

#include <cstring>
#include <optional>

#include <gtest/gtest.h>

#include "dataplane/io/sim_ring.hpp"
#include "tests/sim/seeds.hpp"

namespace sluice::io {
namespace {

constexpr std::uint64_t kBlocks = 16;

struct alignas(4096) Block {
  std::array<std::uint8_t, Disk::kBlock> bytes;
};

[[nodiscard]] Block filled(std::uint64_t version) {
  Block block;
  for (std::size_t i = 0; i < block.bytes.size(); i += 8) std::memcpy(&block.bytes[i], &version, 8);
  return block;
}

/// What is known of a block while a writer goes on: versions that a crash may leave behind.
struct Known {
  std::uint64_t flushed = 0;         // covered by a flush that succeeded
  std::vector<std::uint64_t> since;  // written, or half written, after that
};

/// Writes numbered versions to random blocks and flushes now and then.
Task<void> write_versions(Disk& disk, Random& random, std::array<Known, kBlocks>& known,
                          int steps) {
  auto block = std::make_unique<Block>();
  for (int step = 1; step <= steps; ++step) {
    if (random.chance(250)) {
      const auto before = known;
      const auto flushed = co_await disk.flush();
      if (flushed) {
        for (std::size_t i = 0; i < kBlocks; ++i) {
          if (before[i].since.empty()) continue;
          known[i].flushed = before[i].since.back();
          known[i].since.erase(
              known[i].since.begin(),
              known[i].since.begin() + static_cast<std::ptrdiff_t>(before[i].since.size()));
        }
      } else {
        co_return;  // nothing may be assumed after a failed flush: the engine stops and recovers
      }
      continue;
    }
    const std::uint64_t at = random.below(kBlocks);
    *block = filled(static_cast<std::uint64_t>(step));
    known[at].since.push_back(static_cast<std::uint64_t>(step));
    const bool durable = random.chance(200);
    const auto wrote = co_await disk.write(at * Disk::kBlock, block->bytes, durable);
    if (wrote && durable) known[at] = {static_cast<std::uint64_t>(step), {}};
    if (!wrote) co_return;
  }
}

/// After a crash every sector holds the version that was flushed last, or one written since.
[[nodiscard]] std::optional<std::string> check(SimDisk& image,
                                               const std::array<Known, kBlocks>& known) {
  Faults none;
  Random random(1);
  for (std::uint64_t at = 0; at < kBlocks; ++at) {
    Block block;
    if (image.read(at * Disk::kBlock, block.bytes, none, random) !=
        static_cast<int>(Disk::kBlock)) {
      return "cannot be read";
    }
    for (std::size_t sector = 0; sector < Disk::kBlock; sector += SimDisk::kSector) {
      std::uint64_t version;
      std::memcpy(&version, &block.bytes[sector], 8);
      const auto& since = known[at].since;
      if (version != known[at].flushed &&
          std::find(since.begin(), since.end(), version) == since.end()) {
        return "block " + std::to_string(at) + " holds version " + std::to_string(version) +
               ", flushed was " + std::to_string(known[at].flushed);
      }
    }
  }
  return std::nullopt;
}

TEST(SimDisk, WhatAFlushCoveredSurvivesEveryCrash) {
  std::array<std::uint64_t, kFaultPoints> struck{};
  for_each_seed(3000, [&](std::uint64_t seed) {
    const Faults faults = Faults(20)
                              .set(FaultPoint::crash_write_lost, 300)
                              .set(FaultPoint::crash_write_torn, 300)
                              .set(FaultPoint::crash_write_reordered, 500);
    SimReactor sim(seed, faults);
    SimDisk image(kBlocks * Disk::kBlock);
    Disk disk(sim.reactor(), sim.ring().add_file(image), image.size(), "simulated");
    std::array<Known, kBlocks> known;
    Random choices(seed ^ 0x5eed);
    sim.reactor().spawn(write_versions(disk, choices, known, 60));
    // Power fails at any moment; what was under way then is among `since`.
    sim.run(choices.below(10 * kMillisecond));
    image.crash(sim.ring().faults(), sim.ring().random());
    const auto wrong = check(image, known);
    ASSERT_FALSE(wrong) << *wrong << "; SLUICE_SEED=" << seed;
    sim.stop();
    for (unsigned i = 0; i < kFaultPoints; ++i) {
      struck[i] += sim.ring().faults().struck(static_cast<FaultPoint>(i));
    }
  });
  for (const FaultPoint point :
       {FaultPoint::disk_write_error, FaultPoint::disk_write_short, FaultPoint::disk_full,
        FaultPoint::disk_sync_error, FaultPoint::crash_write_lost, FaultPoint::crash_write_torn,
        FaultPoint::crash_write_reordered}) {
    EXPECT_GT(struck[static_cast<unsigned>(point)], 0U) << name_of(point);
  }
}

TEST(SimDisk, AReadGivesAllOrAnError) {
  std::uint64_t errors = 0, shorts = 0;
  for_each_seed(500, [&](std::uint64_t seed) {
    SimReactor sim(
        seed, Faults().set(FaultPoint::disk_read_error, 50).set(FaultPoint::disk_read_short, 400));
    SimDisk image(kBlocks * Disk::kBlock);
    Disk disk(sim.reactor(), sim.ring().add_file(image), image.size(), "simulated");
    sim.reactor().spawn([](Disk& on, std::uint64_t& failed) -> Task<void> {
      auto block = std::make_unique<Block>(filled(9));
      const auto wrote = co_await on.write(Disk::kBlock, block->bytes);
      EXPECT_TRUE(wrote);
      *block = filled(1);
      const auto got = co_await on.read(Disk::kBlock, block->bytes);
      if (!got) {
        ++failed;
        EXPECT_EQ("simulated", got.error().where);
      } else {
        EXPECT_EQ(filled(9).bytes, block->bytes);
      }
    }(disk, errors));
    sim.run(kSecond);
    shorts += sim.ring().faults().struck(FaultPoint::disk_read_short);
    sim.stop();
  });
  EXPECT_GT(errors, 0U);
  EXPECT_GT(shorts, 0U);
}

TEST(SimDisk, AFailedFlushIsNotMadeGoodByTheNext) {
  Faults faults;
  Random random(3);
  SimDisk image(Disk::kBlock);
  ASSERT_EQ(4096, image.write(0, filled(1).bytes, false, faults, random));
  faults.set(FaultPoint::disk_sync_error, 1000);
  EXPECT_EQ(-EIO, image.sync(faults, random));
  faults.set(FaultPoint::disk_sync_error, 0);
  EXPECT_EQ(0, image.sync(faults, random));
  Block block;
  ASSERT_EQ(4096, image.read(0, block.bytes, faults, random));
  EXPECT_EQ(filled(1).bytes, block.bytes) << "still visible";
  image.crash(faults, random);
  ASSERT_EQ(4096, image.read(0, block.bytes, faults, random));
  EXPECT_NE(filled(1).bytes, block.bytes) << "and gone after the crash";
}

}  // namespace
}  // namespace sluice::io

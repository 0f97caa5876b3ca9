/// A disk that exists in memory and behaves as badly as a real one may: what no flush has covered
/// can be lost, torn by sectors or reordered by a crash.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/io/sim_faults.hpp"

namespace sluice::io {

class SimDisk {
 public:
  static constexpr std::size_t kSector = 512;  ///< what a disk writes whole or not at all

  explicit SimDisk(std::size_t size) : durable_(size), visible_(size) {}

  /// The size in bytes; a result of 0 or more is bytes, below 0 -errno, as from the kernel.
  [[nodiscard]] std::size_t size() const { return durable_.size(); }
  [[nodiscard]] std::int32_t read(std::uint64_t offset, std::span<std::uint8_t> into,
                                  Faults& faults, Random& random);
  [[nodiscard]] std::int32_t write(std::uint64_t offset, std::span<const std::uint8_t> from,
                                   bool durable, Faults& faults, Random& random);
  [[nodiscard]] std::int32_t sync(Faults& faults, Random& random);
  /// Power is lost: what is left is what was durable, and any part of the rest.
  void crash(Faults& faults, Random& random);

 private:
  struct Write {
    std::uint64_t offset;
    std::vector<std::uint8_t> bytes;
    bool doomed = false;  // a failed flush should have covered it: no later one will
  };

  void apply(const Write& write);
  /// What is durable now cannot be undone by an older write that still waits in a cache.
  void supersede(const Write& newer);
  void apply_some_sectors(const Write& write, Random& random);

  std::vector<std::uint8_t> durable_;
  std::vector<std::uint8_t> visible_;
  std::vector<Write> pending_;  // completed and not covered by a flush, oldest first
};

}  // namespace sluice::io

#include "dataplane/io/sim_disk.hpp"

#include <algorithm>
#include <cerrno>
#include <string_view>

namespace sluice::io {
namespace {

constexpr std::array<std::string_view, kFaultPoints> kNames{
#define FAULT_POINT(name, meaning) #name,
#include "dataplane/io/fault_points.def"
#undef FAULT_POINT
};

/// Some whole sectors of `length`, at least one.
[[nodiscard]] std::size_t fewer(std::size_t length, Random& random) {
  const std::size_t sectors = length / SimDisk::kSector;
  return sectors < 2 ? length : (1 + random.below(sectors - 1)) * SimDisk::kSector;
}

}  // namespace

std::string_view name_of(FaultPoint point) {
  return kNames[static_cast<unsigned>(point)];
}

std::int32_t SimDisk::read(std::uint64_t offset, std::span<std::uint8_t> into, Faults& faults,
                           Random& random) {
  if (faults.strikes(FaultPoint::disk_read_error, random)) return -EIO;
  if (offset >= size()) return 0;
  std::size_t length = std::min<std::size_t>(into.size(), size() - offset);
  if (faults.strikes(FaultPoint::disk_read_short, random)) length = fewer(length, random);
  std::copy_n(visible_.begin() + static_cast<std::ptrdiff_t>(offset), length, into.begin());
  return static_cast<std::int32_t>(length);
}

std::int32_t SimDisk::write(std::uint64_t offset, std::span<const std::uint8_t> from, bool durable,
                            Faults& faults, Random& random) {
  if (offset + from.size() > size()) return -ENOSPC;
  if (faults.strikes(FaultPoint::disk_full, random)) return -ENOSPC;
  const bool broken = faults.strikes(FaultPoint::disk_write_error, random);
  std::size_t length = from.size();
  if (broken || faults.strikes(FaultPoint::disk_write_short, random))
    length = fewer(length, random);
  Write write{offset, {from.begin(), from.begin() + static_cast<std::ptrdiff_t>(length)}};
  std::copy(write.bytes.begin(), write.bytes.end(),
            visible_.begin() + static_cast<std::ptrdiff_t>(offset));
  if (durable && !broken) {
    apply(write);
    supersede(write);
  } else {
    pending_.push_back(std::move(write));
  }
  return broken ? -EIO : static_cast<std::int32_t>(length);
}

std::int32_t SimDisk::sync(Faults& faults, Random& random) {
  if (faults.strikes(FaultPoint::disk_sync_error, random)) {
    for (Write& write : pending_) write.doomed = true;
    return -EIO;
  }
  for (const Write& write : pending_) {
    if (!write.doomed) apply(write);
  }
  std::erase_if(pending_, [](const Write& write) { return !write.doomed; });
  return 0;
}

void SimDisk::crash(Faults& faults, Random& random) {
  if (pending_.size() > 1 && faults.strikes(FaultPoint::crash_write_reordered, random)) {
    std::swap(pending_[random.below(pending_.size())], pending_[random.below(pending_.size())]);
  }
  for (const Write& write : pending_) {
    if (write.doomed || faults.strikes(FaultPoint::crash_write_lost, random)) continue;
    if (faults.strikes(FaultPoint::crash_write_torn, random)) {
      apply_some_sectors(write, random);
    } else {
      apply(write);
    }
  }
  pending_.clear();
  visible_ = durable_;
}

void SimDisk::apply(const Write& write) {
  std::copy(write.bytes.begin(), write.bytes.end(),
            durable_.begin() + static_cast<std::ptrdiff_t>(write.offset));
}

void SimDisk::supersede(const Write& newer) {
  const std::uint64_t end = newer.offset + newer.bytes.size();
  for (Write& older : pending_) {
    const std::uint64_t from = std::max(older.offset, newer.offset);
    const std::uint64_t to = std::min(older.offset + older.bytes.size(), end);
    if (from >= to) continue;
    std::copy_n(newer.bytes.begin() + static_cast<std::ptrdiff_t>(from - newer.offset), to - from,
                older.bytes.begin() + static_cast<std::ptrdiff_t>(from - older.offset));
  }
}

void SimDisk::apply_some_sectors(const Write& write, Random& random) {
  for (std::size_t at = 0; at < write.bytes.size(); at += kSector) {
    if (random.chance(500)) continue;
    const std::size_t length = std::min(kSector, write.bytes.size() - at);
    std::copy_n(write.bytes.begin() + static_cast<std::ptrdiff_t>(at), length,
                durable_.begin() + static_cast<std::ptrdiff_t>(write.offset + at));
  }
}

}  // namespace sluice::io

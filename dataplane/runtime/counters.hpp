/// Counters without sharing. A CounterBlock belongs to one thread, which alone writes it; any
/// thread may read it, and sees each number whole but the numbers not necessarily of one instant.
/// Named counters (a rule's, a backend's, a zone's) are slots that a SlotRegistry gives out by
/// name, so that they go on counting across changes of the configuration.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

namespace sluice {

/// A number with a single writer: plain loads and stores, no locked instruction.
class Counter {
 public:
  void add(std::uint64_t n) {
    value_.store(value_.load(std::memory_order_relaxed) + n, std::memory_order_relaxed);
  }
  void set(std::uint64_t n) { value_.store(n, std::memory_order_relaxed); }
  [[nodiscard]] std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// Index of a named counter in every worker's block.
using Slot = std::uint32_t;
inline constexpr Slot kNoSlot = 0;  ///< counts into a slot that nobody reads

/// What a slot holds; what `units` means is the slot's owner's (bytes for traffic).
struct SlotValue {
  std::uint64_t events = 0;
  std::uint64_t units = 0;
};

/// The named counters of one thread. Fixed in size from the start.
class CounterBlock {
 public:
  explicit CounterBlock(std::uint32_t slots)
      : slots_(std::make_unique<Pair[]>(slots)), size_(slots) {}

  void add(Slot slot, std::uint64_t units, std::uint64_t events = 1) {
    Pair& pair = slots_[slot < size_ ? slot : kNoSlot];
    pair.events.add(events);
    pair.units.add(units);
  }
  [[nodiscard]] SlotValue read(Slot slot) const {
    if (slot >= size_) return {};
    return {slots_[slot].events.value(), slots_[slot].units.value()};
  }
  /// Fetches what read() will look at.
  void prefetch(Slot slot) const { __builtin_prefetch(&slots_[slot < size_ ? slot : kNoSlot]); }
  [[nodiscard]] std::uint32_t size() const { return size_; }

 private:
  struct Pair {
    Counter events;
    Counter units;
  };
  std::unique_ptr<Pair[]> slots_;
  std::uint32_t size_;
};

/// Gives out slots by name, e.g. "firewall/edge/counter/telnet-alt". Used by the thread that builds
/// snapshots and by readers of counters; never by a worker. Slots are not given back: a name that
/// returns finds its numbers again. When all are taken, slot_of answers kNoSlot and `exhausted`
/// rises.
class SlotRegistry {
 public:
  explicit SlotRegistry(std::uint32_t slots) : limit_(slots) {}

  [[nodiscard]] Slot slot_of(std::string_view name);
  [[nodiscard]] std::vector<std::pair<std::string, Slot>> all() const;
  [[nodiscard]] std::uint64_t exhausted() const;
  [[nodiscard]] std::uint32_t limit() const { return limit_; }

 private:
  mutable std::mutex mutex_;
  std::unordered_map<std::string, Slot> slots_;
  std::uint32_t limit_;
  std::uint64_t exhausted_ = 0;
};

}  // namespace sluice

/// Packets that wait for a neighbour's Ethernet address: a pool of fixed size per worker, and a
/// first-in-first-out list per neighbour.
#pragma once

#include <cstdint>
#include <vector>

#include "dataplane/packet/packet.hpp"
#include "dataplane/route/neighbour_cache.hpp"

namespace sluice::route {

class HoldPool {
 public:
  explicit HoldPool(std::uint32_t capacity) : slots_(capacity) {
    for (std::uint32_t i = capacity; i-- > 0;) {
      slots_[i].next = free_;
      free_ = i;
    }
  }

  [[nodiscard]] bool full() const { return free_ == kNoIndex; }

  /// Appends; only when not full().
  void push(HoldList& list, const Packet& packet) {
    const std::uint32_t index = free_;
    Slot& slot = slots_[index];
    free_ = slot.next;
    slot.packet = packet;
    slot.next = kNoIndex;
    if (list.count == 0) {
      list.first = index;
    } else {
      slots_[list.last].next = index;
    }
    list.last = index;
    ++list.count;
  }

  /// Takes the oldest; only from a list that is not empty.
  [[nodiscard]] Packet pop(HoldList& list) {
    const std::uint32_t index = list.first;
    Slot& slot = slots_[index];
    list.first = slot.next;
    --list.count;
    slot.next = free_;
    free_ = index;
    return slot.packet;
  }

 private:
  struct Slot {
    Packet packet;
    std::uint32_t next = kNoIndex;
  };
  std::vector<Slot> slots_;
  std::uint32_t free_ = kNoIndex;
};

}  // namespace sluice::route

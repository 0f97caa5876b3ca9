/// Bounded rings between threads, over DPDK's ring but in the owner's memory and without EAL. An
/// element is copied in and out; a full ring takes no more and counts what it refused.
#pragma once

#include <atomic>
#include <bit>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>
#include <span>
#include <type_traits>
#include <vector>

#include <rte_ring_elem.h>

#include "dataplane/runtime/counters.hpp"

namespace sluice {

/// A first-in first-out ring of T from one thread, which puts, to one other, which takes. The rest
/// is for anyone. No call waits.
template <class T>
class SpscRing {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0,
                "the ring copies elements as 32-bit words");

 public:
  /// Room for at least `capacity` elements, which is rounded up to a power of two less one.
  explicit SpscRing(std::uint32_t capacity) {
    const std::uint32_t slots = std::bit_ceil(capacity + 1);
    const auto bytes = static_cast<std::size_t>(rte_ring_get_memsize_elem(sizeof(T), slots));
    void* memory = std::aligned_alloc(alignof(rte_ring), std::bit_ceil(bytes));
    if (memory == nullptr) throw std::bad_alloc();
    ring_.reset(static_cast<rte_ring*>(memory));
    rte_ring_init(ring_.get(), "", slots, RING_F_SP_ENQ | RING_F_SC_DEQ);
  }

  /// Takes from the front of `items` what there is room for; returns how many. The rest is counted
  /// as refused and still belongs to the caller.
  unsigned put(std::span<const T> items) {
    const auto n = static_cast<unsigned>(items.size());
    std::atomic_signal_fence(std::memory_order_seq_cst);  // the ring reads items as other types
    const unsigned taken =
        rte_ring_sp_enqueue_burst_elem(ring_.get(), items.data(), sizeof(T), n, nullptr);
    if (taken < n) refused_.add(n - taken);
    return taken;
  }
  [[nodiscard]] bool put(const T& item) { return put(std::span(&item, 1)) == 1; }

  /// Moves up to out.size() elements, oldest first, to the front of `out`; returns how many.
  [[nodiscard]] unsigned take(std::span<T> out) {
    const unsigned n = rte_ring_sc_dequeue_burst_elem(ring_.get(), out.data(), sizeof(T),
                                                      static_cast<unsigned>(out.size()), nullptr);
    std::atomic_signal_fence(std::memory_order_seq_cst);
    return n;
  }
  [[nodiscard]] bool take(T& out) { return take(std::span(&out, 1)) == 1; }

  [[nodiscard]] std::uint32_t size() const { return rte_ring_count(ring_.get()); }
  [[nodiscard]] std::uint32_t capacity() const { return rte_ring_get_capacity(ring_.get()); }
  /// Elements that found the ring full, since it was made.
  [[nodiscard]] std::uint64_t refused() const { return refused_.value(); }

 private:
  struct Free {
    void operator()(rte_ring* ring) const { std::free(ring); }
  };
  std::unique_ptr<rte_ring, Free> ring_;
  Counter refused_;
};

/// Many threads to one: a ring for each producer, so that none ever waits for another that the
/// kernel has taken off its core, and none can fill up what the others need.
template <class T>
class Mailbox {
 public:
  /// `capacity` elements for each of `producers` threads.
  Mailbox(std::uint32_t producers, std::uint32_t capacity) {
    for (std::uint32_t i = 0; i < producers; ++i) {
      rings_.push_back(std::make_unique<SpscRing<T>>(capacity));
    }
  }

  /// The ring that thread number `producer` alone puts into.
  [[nodiscard]] SpscRing<T>& from(std::uint32_t producer) { return *rings_[producer]; }
  [[nodiscard]] const SpscRing<T>& from(std::uint32_t producer) const { return *rings_[producer]; }

  /// Takes up to out.size() elements, from each producer in turn, oldest of each first.
  [[nodiscard]] unsigned take(std::span<T> out) {
    unsigned n = 0;
    for (std::size_t tried = 0; tried < rings_.size() && n < out.size(); ++tried) {
      n += rings_[next_]->take(out.subspan(n));
      next_ = next_ + 1 == rings_.size() ? 0 : next_ + 1;
    }
    return n;
  }
  [[nodiscard]] std::uint32_t producers() const {
    return static_cast<std::uint32_t>(rings_.size());
  }

 private:
  std::vector<std::unique_ptr<SpscRing<T>>> rings_;
  std::size_t next_ = 0;  ///< the consumer's: whose turn it is
};

}  // namespace sluice

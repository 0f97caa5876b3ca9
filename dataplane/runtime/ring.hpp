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

#include <rte_ring_elem.h>

#include "dataplane/runtime/counters.hpp"

namespace sluice {

/// How many threads may put into a ring. One thread takes from it in either case.
enum class Producers : std::uint8_t { one, many };

/// A first-in first-out ring of T. `put` is for the producers, `take` for the single consumer; the
/// rest is for anyone. No call waits for another thread but for a producer in the middle of `put`.
template <class T, Producers kProducers>
class Ring {
  static_assert(std::is_trivially_copyable_v<T> && sizeof(T) % 4 == 0,
                "the ring copies elements as 32-bit words");

 public:
  /// Room for at least `capacity` elements, which is rounded up to a power of two less one.
  explicit Ring(std::uint32_t capacity) {
    const std::uint32_t slots = std::bit_ceil(capacity + 1);
    const auto bytes = static_cast<std::size_t>(rte_ring_get_memsize_elem(sizeof(T), slots));
    void* memory = std::aligned_alloc(alignof(rte_ring), std::bit_ceil(bytes));
    if (memory == nullptr) throw std::bad_alloc();
    ring_.reset(static_cast<rte_ring*>(memory));
    const unsigned flags = RING_F_SC_DEQ | (kProducers == Producers::one ? RING_F_SP_ENQ : 0U);
    rte_ring_init(ring_.get(), "", slots, flags);
  }

  /// Takes from the front of `items` what there is room for; returns how many. The rest is counted
  /// as refused and still belongs to the caller.
  unsigned put(std::span<const T> items) {
    const auto n = static_cast<unsigned>(items.size());
    std::atomic_signal_fence(std::memory_order_seq_cst);  // the ring reads items as other types
    unsigned taken;
    if constexpr (kProducers == Producers::one) {
      taken = rte_ring_sp_enqueue_burst_elem(ring_.get(), items.data(), sizeof(T), n, nullptr);
      if (taken < n) refused_.add(n - taken);
    } else {
      taken = rte_ring_mp_enqueue_burst_elem(ring_.get(), items.data(), sizeof(T), n, nullptr);
      if (taken < n) refused_shared_.fetch_add(n - taken, std::memory_order_relaxed);
    }
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
  [[nodiscard]] std::uint64_t refused() const {
    return refused_.value() + refused_shared_.load(std::memory_order_relaxed);
  }

 private:
  struct Free {
    void operator()(rte_ring* ring) const { std::free(ring); }
  };
  std::unique_ptr<rte_ring, Free> ring_;
  Counter refused_;
  std::atomic<std::uint64_t> refused_shared_{0};
};

template <class T>
using SpscRing = Ring<T, Producers::one>;
template <class T>
using MpscRing = Ring<T, Producers::many>;

}  // namespace sluice

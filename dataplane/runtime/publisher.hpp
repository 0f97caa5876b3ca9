/// Read-copy-update for whole configurations: the control thread swaps one pointer, workers see
/// either the old value or the new one, and the old one is freed when no worker can see it.
#pragma once

#include <atomic>
#include <cassert>
#include <cstdint>
#include <cstdlib>
#include <deque>
#include <memory>
#include <new>
#include <utility>

#include <rte_rcu_qsbr.h>

namespace sluice {

/// Holds the live T. One thread publishes and collects; each reading thread has a Reader.
/// The publisher must outlive its readers.
template <class T>
class Publisher {
 public:
  /// Up to `readers_max` readers at the same time.
  explicit Publisher(std::uint32_t readers_max) : readers_max_(readers_max) {
    const std::size_t bytes = rte_rcu_qsbr_get_memsize(readers_max);
    void* memory = std::aligned_alloc(alignof(rte_rcu_qsbr), bytes);
    if (memory == nullptr) throw std::bad_alloc();
    qsbr_.reset(static_cast<rte_rcu_qsbr*>(memory));
    rte_rcu_qsbr_init(qsbr_.get(), readers_max);
  }

  /// Makes `next` live. Readers see it from their next `read` on; what was live is kept until every
  /// reader has been quiescent since. Never waits.
  void publish(std::shared_ptr<const T> next) {
    live_.store(next.get(), std::memory_order_release);
    if (owner_) retired_.push_back({rte_rcu_qsbr_start(qsbr_.get()), std::move(owner_)});
    owner_ = std::move(next);
    collect();
  }

  /// Frees what no reader can see any more. To be called now and then by the publishing thread.
  void collect() {
    while (!retired_.empty() &&
           rte_rcu_qsbr_check(qsbr_.get(), retired_.front().token, /*wait=*/false) == 1) {
      retired_.pop_front();
    }
  }

  /// The live value, for the publishing thread.
  [[nodiscard]] const std::shared_ptr<const T>& live() const { return owner_; }
  /// Values that some reader may still see.
  [[nodiscard]] std::size_t retired() const { return retired_.size(); }

  /// One thread's way to the live value. Made and used by that thread.
  class Reader {
   public:
    /// `index` is below readers_max and used by no other reader at the same time.
    Reader(Publisher& publisher, std::uint32_t index) : publisher_(publisher), index_(index) {
      assert(index < publisher.readers_max_);
      rte_rcu_qsbr_thread_register(qsbr(), index_);
      online();
    }
    ~Reader() {
      offline();
      rte_rcu_qsbr_thread_unregister(qsbr(), index_);
    }
    Reader(const Reader&) = delete;
    Reader& operator=(const Reader&) = delete;

    /// The live value, or null before the first publish. Valid until the next quiescent() or
    /// offline() of this reader.
    [[nodiscard]] const T* read() const { return publisher_.live_.load(std::memory_order_acquire); }
    /// Says that this thread holds nothing that it has read. Once a turn.
    void quiescent() { rte_rcu_qsbr_quiescent(qsbr(), index_); }
    /// Says so for as long as it sleeps: it must not read until online().
    void offline() { rte_rcu_qsbr_thread_offline(qsbr(), index_); }
    void online() { rte_rcu_qsbr_thread_online(qsbr(), index_); }

   private:
    [[nodiscard]] rte_rcu_qsbr* qsbr() const { return publisher_.qsbr_.get(); }
    Publisher& publisher_;
    std::uint32_t index_;
  };

 private:
  struct Free {
    void operator()(rte_rcu_qsbr* qsbr) const { std::free(qsbr); }
  };
  struct Retired {
    std::uint64_t token;
    std::shared_ptr<const T> value;
  };
  std::unique_ptr<rte_rcu_qsbr, Free> qsbr_;
  std::uint32_t readers_max_;
  std::atomic<const T*> live_{nullptr};
  std::shared_ptr<const T> owner_;
  std::deque<Retired> retired_;
};

}  // namespace sluice

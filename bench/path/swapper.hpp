/// Configurations that change while a worker runs.
#pragma once

#include <chrono>
#include <cstdint>
#include <memory>
#include <thread>

#include "dataplane/packet/snapshot.hpp"
#include "dataplane/runtime/publisher.hpp"

namespace sluice::bench {

/// From a thread of its own on another core, compiles the configuration anew and publishes it, so
/// many times a second if that can be done; each time another backend's weight has changed. Both
/// referenced objects outlive it and are not used by others meanwhile.
class Swapper {
 public:
  Swapper(Sources sources, SlotRegistry& slots, Publisher<Snapshot>& publisher, unsigned rate,
          unsigned busy_core);

  /// Ends the thread; says how many times a second it published.
  [[nodiscard]] double stop();

 private:
  void run(const std::stop_token& stop);
  void change();

  Sources sources_;
  SlotRegistry& slots_;
  Publisher<Snapshot>& publisher_;
  unsigned rate_;
  std::uint64_t swaps_ = 0;
  std::chrono::steady_clock::time_point begun_ = std::chrono::steady_clock::now();
  std::jthread thread_;
};

}  // namespace sluice::bench

/// Workers over memory: what the tests of the pipeline and of its workers share.
#pragma once

#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "dataplane/packet/memory_queue.hpp"
#include "dataplane/packet/worker.hpp"
#include "tests/support/packet_builder.hpp"

namespace sluice::test {

inline constexpr PortId kWan = 0, kLan = 1, kHost = 2;
inline constexpr MacAddress kHostMac{{0x02, 0, 0, 0, 0, 0xaa}};
inline constexpr std::uint32_t kSlots = 1024;

[[nodiscard]] IpAddress ip(std::string_view text);

/// Two ports whose neighbours .2 (wan) and .11 to .13 (lan) are known, a service "web"
/// 198.18.100.80 TCP port 80 to port 8080 of .11 to .13, a name server, a host port; no rules.
[[nodiscard]] Sources lab();
/// The same with one chain of these rules at hook forward.
[[nodiscard]] Sources lab_with(const std::string& rules, const std::string& policy = "accept");
/// A Firewall document of this text.
[[nodiscard]] firewall::RulesSource rules_source(const std::string& text);

/// Throws with the first error.
[[nodiscard]] std::shared_ptr<const Snapshot> snapshot_of(const Sources& sources,
                                                          std::uint64_t revision = 1);

/// A frame of the client to port wan, and of a backend to port lan.
[[nodiscard]] PacketBuilder from_client(const char* destination, const char* source = "198.18.0.2");
[[nodiscard]] PacketBuilder from_backend(const char* source = "198.18.1.11",
                                         const char* destination = "198.18.0.2");

/// The key of a frame that is as it should be.
[[nodiscard]] FlowKey key_of(const Bytes& frame);

struct CrewOptions {
  std::uint16_t workers = 1;
  /// A worker without queues of its own sends through worker 0. By default each has all.
  std::uint16_t with_queues = 0xffff;
  Inbox::Capacity inbox;
  std::uint64_t punts_per_second = 10'000;
  bool spread = true;   ///< in software, where there are several workers
  bool publish = true;  ///< otherwise there is no snapshot yet
};

/// Some workers with a queue each on every port, the rings between them, and one clock. A test
/// turns them in the order it likes.
class Crew {
 public:
  using Options = CrewOptions;

  explicit Crew(const Sources& sources, const Options& options = {});
  ~Crew();

  void publish(const Sources& sources);

  void push(PortId port, Bytes frame, std::uint16_t worker = 0, std::uint16_t flags = 0) {
    queue(port, worker).push(std::move(frame), flags);
  }
  bool turn(std::uint16_t worker = 0) { return workers_[worker]->turn(now); }
  /// Until nobody has anything to do.
  void turn_all();

  [[nodiscard]] MemoryQueue& queue(PortId port, std::uint16_t worker = 0) {
    return *queues_[worker][port];
  }
  /// What left by a port, of all workers.
  [[nodiscard]] std::vector<Bytes> sent(PortId port);
  [[nodiscard]] Worker& worker(std::uint16_t index = 0) { return *workers_[index]; }
  [[nodiscard]] const Books& books(std::uint16_t index = 0) const {
    return workers_[index]->books();
  }
  [[nodiscard]] std::uint64_t dropped(DropReason reason) const;
  /// Over all workers.
  [[nodiscard]] std::uint64_t total(Counter Books::*counter) const;
  /// received = sent + answered + punted + held + dropped, over all workers.
  void expect_balanced() const;
  [[nodiscard]] MemoryPool& pool() { return pool_; }
  [[nodiscard]] TraceChannel& trace(std::uint16_t index) { return *traces_[index]; }

  Nanoseconds now = kSecond;

 private:
  using Reader = Publisher<Snapshot>::Reader;

  MemoryPool pool_;
  Publisher<Snapshot> publisher_;
  std::uint64_t revision_ = 0;
  std::vector<std::unique_ptr<CounterBlock>> slots_;
  std::vector<std::unique_ptr<TraceChannel>> traces_;
  std::vector<std::unique_ptr<Inbox>> inboxes_;
  std::vector<std::vector<std::unique_ptr<MemoryQueue>>> queues_;  ///< by worker, by port
  std::vector<std::unique_ptr<Reader>> readers_;
  std::vector<std::unique_ptr<Worker>> workers_;
};

}  // namespace sluice::test

/// The kernel in a simulation: files and stream connections in memory, virtual time, completions in
/// an order that a seed decides. The same seed gives the same run, to the last event.
#pragma once

#include <deque>
#include <map>
#include <memory>
#include <vector>

#include "dataplane/io/listener.hpp"
#include "dataplane/io/ring.hpp"
#include "dataplane/io/sim_disk.hpp"
#include "dataplane/io/sim_faults.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::io {

/// Time that moves only when told to.
class SimClock final : public Clock {
 public:
  [[nodiscard]] Nanoseconds now() override { return now_; }
  void advance_to(Nanoseconds when) { now_ = when > now_ ? when : now_; }

 private:
  Nanoseconds now_ = kSecond;
};

/// The far end of a simulated connection, driven by the test.
class SimClient {
 public:
  explicit SimClient(Endpoint endpoint) : endpoint_(endpoint) {}

  /// What the server has sent so far.
  [[nodiscard]] const std::vector<std::uint8_t>& received() const { return received_; }
  /// The server has closed the connection, or it was reset.
  [[nodiscard]] bool ended() const { return ended_; }
  [[nodiscard]] bool was_reset() const { return reset_; }
  /// How many bytes more the server can send before it has to wait: a reader that is slow.
  void set_window(std::size_t bytes) { window_ = bytes; }

 private:
  friend class SimRing;
  Endpoint endpoint_;
  std::deque<std::uint8_t> to_server_;
  std::vector<std::uint8_t> received_;
  std::size_t window_ = ~std::size_t{0};
  bool finished_ = false;  // no more bytes to the server
  bool reset_ = false;
  bool ended_ = false;
  Operation* receiving_ = nullptr;
  Operation* sending_ = nullptr;
};

class SimRing final : public Ring {
 public:
  SimRing(SimClock& clock, std::uint64_t seed, Faults faults);

  // -- what the test sets up and does
  [[nodiscard]] int add_file(SimDisk& disk);
  [[nodiscard]] int add_listener();
  /// A client that connects after a while.
  [[nodiscard]] std::shared_ptr<SimClient> connect(int listener, Endpoint from);
  /// Bytes arrive at the server in pieces, each after a while, in order.
  void send(const std::shared_ptr<SimClient>& client, std::span<const std::uint8_t> bytes);
  /// The client sends no more, after what it has sent has arrived.
  void finish(const std::shared_ptr<SimClient>& client);
  /// The window grew: a send that waited goes on.
  void widen(const std::shared_ptr<SimClient>& client, std::size_t bytes);

  // -- Ring
  void submit(Operation& operation) override;
  void cancel(Operation& operation) override;
  void reap(Completions& completions, Nanoseconds wait) override;
  void close(int descriptor) override;
  void shutdown(int descriptor) override;

  /// When the next event is due, or kNever. Events happen in reap, once their time has come.
  [[nodiscard]] Nanoseconds next() const;
  /// A number that any difference between two runs changes.
  [[nodiscard]] std::uint64_t trace() const { return trace_; }
  [[nodiscard]] Faults& faults() { return faults_; }
  [[nodiscard]] Random& random() { return random_; }

 private:
  struct Event {
    enum class Kind : std::uint8_t { operation, connected, arrives, finished } kind;
    Operation* operation = nullptr;
    std::shared_ptr<SimClient> client;
    int descriptor = -1;
    std::vector<std::uint8_t> bytes;
  };
  struct Port {
    std::deque<std::shared_ptr<SimClient>> waiting;
    Operation* accepting = nullptr;
    bool shut = false;
  };

  void schedule(Event event, Nanoseconds not_before = 0);
  void happen(Event& event);
  void perform(Operation& operation);
  void try_accept(Port& port);
  void try_receive(SimClient& client);
  void try_send(SimClient& client);
  void done(Operation& operation, std::int32_t result);
  void break_off(SimClient& client, int error);
  [[nodiscard]] SimClient* stream(int descriptor);

  SimClock& clock_;
  Random random_;
  Faults faults_;
  std::map<std::pair<Nanoseconds, std::uint64_t>, Event> events_;
  std::map<const SimClient*, Nanoseconds> last_arrival_;
  std::map<int, SimDisk*> files_;
  std::map<int, Port> ports_;
  std::map<int, std::shared_ptr<SimClient>> streams_;
  std::vector<Operation*> done_;
  std::uint64_t sequence_ = 0;
  std::uint64_t trace_ = 0xcbf29ce484222325;
  int next_descriptor_ = 1000;
};

/// A reactor over a simulated kernel and virtual time.
class SimReactor {
 public:
  explicit SimReactor(std::uint64_t seed, Faults faults = Faults{})
      : ring_(clock_, seed, faults), reactor_(ring_, clock_.now()) {}

  [[nodiscard]] Reactor& reactor() { return reactor_; }
  [[nodiscard]] SimRing& ring() { return ring_; }
  [[nodiscard]] SimClock& clock() { return clock_; }
  /// Turns until nothing more would ever happen, or until `time` has passed.
  void run(Nanoseconds time = kNever);
  /// Ends every task.
  void stop() {
    reactor_.stop();
    run(kSecond);
  }

 private:
  SimClock clock_;
  SimRing ring_;
  Reactor reactor_;
};

}  // namespace sluice::io

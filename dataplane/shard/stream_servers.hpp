/// The listeners of a shard, kept as the live snapshot wants them.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <utility>
#include <vector>

#include "dataplane/dns/source.hpp"
#include "dataplane/io/listener.hpp"
#include "dataplane/shard/dns_stream.hpp"

namespace sluice::shard {

/// Totals over all listeners, also those that are gone.
struct StreamCounters {
  Counter accepted;
  Counter refused_total;
  Counter refused_per_client;
  Counter accept_errors;
  Counter bind_errors;
  Counter open;  ///< a gauge
};

class StreamServers {
 public:
  /// Opens a listening socket; a seam for tests.
  using Bind = std::function<Result<int>(const io::Endpoint&)>;

  StreamServers(io::Reactor& reactor, Bind bind, LiveZones zones, CounterBlock* counters)
      : reactor_(reactor), bind_(std::move(bind)), zones_(std::move(zones)), slots_(counters) {}

  /// Listeners for the addresses of these name servers, and for no others. What cannot be opened is
  /// counted and tried again by the next call. Connections of a listener that goes are served on.
  void follow(const std::vector<dns::ServerSource>& servers);
  /// Forgets listeners whose last connection has ended, and sums the counters.
  void collect();
  /// Whether every wanted address is listened on.
  [[nodiscard]] bool complete() const { return missing_.empty(); }
  /// Why the others are not.
  [[nodiscard]] const std::vector<Error>& missing() const { return missing_; }
  [[nodiscard]] const StreamCounters& counters() const { return counters_; }

 private:
  struct Server {
    dns::StreamSource limits;
    std::unique_ptr<io::Listener> listener;
  };
  using Key = std::pair<IpAddress, std::uint16_t>;

  [[nodiscard]] Result<Server> open(const Key& at, const dns::StreamSource& limits);
  void retire(Server server);

  io::Reactor& reactor_;
  Bind bind_;
  LiveZones zones_;
  CounterBlock* slots_;
  std::map<Key, Server> servers_;
  std::vector<std::unique_ptr<io::Listener>> retired_;
  std::vector<Error> missing_;
  StreamCounters counters_;
  StreamCounters gone_;  // of listeners that are no more
};

}  // namespace sluice::shard

/// DNS over TCP (RFC 7766): carries a session over a connection.
#pragma once

#include <functional>

#include "dataplane/dns/stages.hpp"
#include "dataplane/io/listener.hpp"
#include "dataplane/io/task.hpp"
#include "dataplane/runtime/counters.hpp"

namespace sluice::shard {

/// The zones that are live now; valid until the caller next waits. Null before the first snapshot.
using LiveZones = std::function<const dns::ZoneSet*()>;

struct StreamOptions {
  Nanoseconds idle = 10 * kSecond;   ///< without a whole query, or without a client that reads
  CounterBlock* counters = nullptr;  ///< of the shard; may be null
};

/// Serves a connection until the client ends it, breaks the protocol, or is idle for too long.
io::Task<void> serve_dns(io::Connection& connection, LiveZones zones, StreamOptions options);

}  // namespace sluice::shard

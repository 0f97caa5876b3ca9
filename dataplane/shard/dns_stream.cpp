#include "dataplane/shard/dns_stream.hpp"

#include <array>

#include "dataplane/dns/session.hpp"

namespace sluice::shard {
namespace {

/// What is read at once; a query is seldom longer than a few hundred bytes.
constexpr std::size_t kReadSize = 4096;

/// Sends all that the session has for the client. False: the client is gone, or does not read.
io::Task<bool> flush(io::Connection& connection, dns::Session& session, Nanoseconds idle) {
  while (!session.output().empty()) {
    const auto bytes = session.output();
    const int result = co_await connection.send_all(bytes, idle);
    if (result < 0) co_return false;
    session.sent(bytes.size(), connection.reactor().now());
  }
  co_return true;
}

}  // namespace

io::Task<void> serve_dns(io::Connection& connection, LiveZones zones, StreamOptions options) {
  io::Reactor& reactor = connection.reactor();
  dns::Session session({.idle = options.idle}, reactor.now());
  std::array<std::uint8_t, kReadSize> buffer;
  while (session.end() == dns::SessionEnd::none) {
    const Nanoseconds now = reactor.now();
    const Nanoseconds left = session.deadline() > now ? session.deadline() - now : 0;
    const int got = co_await connection.receive(buffer, left);
    if (got <= 0) break;
    std::span<const std::uint8_t> bytes(buffer.data(), static_cast<std::size_t>(got));
    while (!bytes.empty() && session.end() == dns::SessionEnd::none) {
      const dns::ZoneSet* live = zones();
      if (live == nullptr) co_return;
      bytes = bytes.subspan(session.receive(*live, bytes, reactor.now(), options.counters));
      const bool flushed = co_await flush(connection, session, options.idle);
      if (!flushed) co_return;
    }
    session.tick(reactor.now());
  }
}

}  // namespace sluice::shard

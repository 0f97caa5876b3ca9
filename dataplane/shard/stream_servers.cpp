#include "dataplane/shard/stream_servers.hpp"

#include <algorithm>

namespace sluice::shard {
namespace {

[[nodiscard]] io::Endpoint endpoint_of(const IpAddress& address, std::uint16_t port) {
  return {.address = address.bytes, .port = port};
}

}  // namespace

void StreamServers::follow(const std::vector<dns::ServerSource>& servers) {
  std::map<Key, dns::StreamSource> wanted;
  for (const dns::ServerSource& server : servers) {
    for (const IpAddress& address : server.addresses)
      wanted[{address, server.port}] = server.stream;
  }
  for (auto at = servers_.begin(); at != servers_.end();) {
    const auto found = wanted.find(at->first);
    const bool keep = found != wanted.end() && found->second == at->second.limits;
    if (!keep) retire(std::move(at->second));
    at = keep ? std::next(at) : servers_.erase(at);
  }
  missing_.clear();
  for (const auto& [at, limits] : wanted) {
    if (servers_.contains(at)) continue;
    auto server = open(at, limits);
    if (server) {
      server->listener->start();
      servers_.emplace(at, std::move(*server));
    } else {
      counters_.bind_errors.add(1);
      missing_.push_back(server.error());
    }
  }
}

Result<StreamServers::Server> StreamServers::open(const Key& at, const dns::StreamSource& limits) {
  const auto descriptor = bind_(endpoint_of(at.first, at.second));
  if (!descriptor) return tl::unexpected(descriptor.error());
  const StreamOptions options{.idle = limits.idle, .counters = slots_};
  auto handler = [this, options](io::Connection& connection) {
    return serve_dns(connection, zones_, options);
  };
  return Server{limits,
                std::make_unique<io::Listener>(
                    reactor_, *descriptor,
                    io::ListenerLimits{limits.connections_max, limits.connections_per_client_max},
                    std::move(handler))};
}

void StreamServers::retire(Server server) {
  server.listener->stop();
  retired_.push_back(std::move(server.listener));
}

void StreamServers::collect() {
  const auto add = [](StreamCounters& to, const io::ListenerCounters& from) {
    to.accepted.add(from.accepted.value());
    to.refused_total.add(from.refused_total.value());
    to.refused_per_client.add(from.refused_per_client.value());
    to.accept_errors.add(from.accept_errors.value());
    to.open.add(from.open.value());
  };
  std::erase_if(retired_, [&](const std::unique_ptr<io::Listener>& listener) {
    if (!listener->idle()) return false;
    add(gone_, listener->counters());
    return true;
  });
  StreamCounters sum;
  sum.accepted.set(gone_.accepted.value());
  sum.refused_total.set(gone_.refused_total.value());
  sum.refused_per_client.set(gone_.refused_per_client.value());
  sum.accept_errors.set(gone_.accept_errors.value());
  for (const auto& [at, server] : servers_) add(sum, server.listener->counters());
  for (const auto& listener : retired_) add(sum, listener->counters());
  counters_.accepted.set(sum.accepted.value());
  counters_.refused_total.set(sum.refused_total.value());
  counters_.refused_per_client.set(sum.refused_per_client.value());
  counters_.accept_errors.set(sum.accept_errors.value());
  counters_.open.set(sum.open.value());
}

}  // namespace sluice::shard

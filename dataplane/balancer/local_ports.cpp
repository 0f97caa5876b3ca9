#include "dataplane/balancer/local_ports.hpp"

#include <algorithm>
#include <bit>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/spread.hpp"

namespace sluice::balancer {
namespace {

std::uint32_t tag_of(std::uint64_t hash) {
  const auto tag = static_cast<std::uint32_t>(hash >> 32U);
  return tag == 0 ? 1 : tag;
}

std::uint32_t addresses_of(const Prefix& prefix) {
  return 1U << ((prefix.is_v4() ? 32U : 128U) - prefix.length);
}

}  // namespace

void LocalPool::name(std::uint32_t place, IpAddress& address, std::uint16_t& port) const {
  port = static_cast<std::uint16_t>(first_port + place / addresses);
  std::uint32_t nth = place % addresses;
  auto prefix = prefixes.begin();
  for (; nth >= addresses_of(*prefix); ++prefix) nth -= addresses_of(*prefix);
  address = prefix->address;
  // The host bits of the prefix are clear, and fewer than 32.
  store_be32(address.bytes.data() + 12, load_be32(address.bytes.data() + 12) | nth);
}

LocalPorts::LocalPorts(const Options& options)
    : worker_(options.worker),
      workers_(options.workers),
      seed_(options.seed),
      rest_mask_(std::bit_ceil(std::max(options.rests_max / kPlaces, 1U)) - 1),
      standings_(std::max(options.backends_max, 1U)),
      rests_(std::size_t{rest_mask_} + 1) {}

/// Where services share a pool at a backend, none takes more than its part of it, so that the
/// crowd of one leaves ends for the others.
bool LocalPorts::over_share(const LocalPool& pool, const Standing& standing) const {
  if (pool.services < 2) return false;
  return standing.in_use >= std::max(pool.size() / pool.services / workers_, 1U);
}

/// Names the next end. False: its replies would come to another worker. The first one is anywhere,
/// so that a process that begins again does not meet the ends of the one before.
bool LocalPorts::next(const LocalPool& pool, Standing& standing, FlowKey& reply,
                      LocalEnd& end) const {
  if (!standing.begun) {
    standing.begun = true;
    standing.next = static_cast<std::uint32_t>(hash_of(reply, seed_) >> 32U);
  }
  standing.next %= pool.size();
  pool.name(standing.next++, end.address, end.port);
  reply.destination = end.address;
  reply.set_transport(reply.protocol, reply.source_port, end.port);
  return workers_ == 1 || worker_of(reply, seed_, workers_) == worker_;
}

void LocalPorts::ended(std::uint32_t backend, const FlowKey& reply, Ticks rest, Ticks now) {
  std::uint32_t& in_use = standings_[index_of(backend)].in_use;
  if (in_use != 0) --in_use;
  if (rest == 0) return;
  const std::uint64_t hash = hash_of(reply, seed_);
  Rests& bucket = rests_[hash & rest_mask_];
  unsigned at = 0;
  for (unsigned i = 0; i < kPlaces; ++i) {
    if (bucket.tags[i] == 0 || reached(now, bucket.until[i])) {
      at = i;
      bucket.tags[i] = 0;
      break;
    }
    if (reached(bucket.until[at], bucket.until[i])) at = i;
  }
  if (bucket.tags[at] != 0) rests_lost_.add(1);
  bucket.tags[at] = tag_of(hash);
  bucket.until[at] = now + rest;
}

bool LocalPorts::resting(const FlowKey& reply, Ticks now) const {
  const std::uint64_t hash = hash_of(reply, seed_);
  const Rests& bucket = rests_[hash & rest_mask_];
  for (unsigned i = 0; i < kPlaces; ++i)
    if (bucket.tags[i] == tag_of(hash) && !reached(now, bucket.until[i])) return true;
  return false;
}

}  // namespace sluice::balancer

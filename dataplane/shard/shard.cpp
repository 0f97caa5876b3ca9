#include "dataplane/shard/shard.hpp"

#include <algorithm>
#include <optional>
#include <utility>

namespace sluice::shard {
namespace {

constexpr Nanoseconds kWaitMax = 20 * kMillisecond;    // a new snapshot or a stop is seen by then
constexpr Nanoseconds kBindRetry = kSecond;            // an address that could not be listened on
constexpr Nanoseconds kDrainMax = 500 * kMillisecond;  // for answers under way at the end
constexpr int kBacklog = 1024;

}  // namespace

/// Everything that the thread makes for itself. The reader is online whenever tasks may run.
struct Shard::Loop {
  Loop(Shard& shard, std::unique_ptr<io::Uring> uring)
      : ring(std::move(uring)),
        reader(std::in_place, shard.snapshots_, shard.options_.reader),
        reactor(*ring, shard.clock_.now()),
        servers(
            reactor, [](const io::Endpoint& at) { return io::Listener::bind(at, kBacklog); },
            [this]() -> const dns::ZoneSet* {
              const Snapshot* live = reader->read();
              return live == nullptr ? nullptr : live->dns.get();
            },
            shard.options_.counters) {}

  std::unique_ptr<io::Uring> ring;
  std::optional<Publisher<Snapshot>::Reader> reader;  // of this thread only
  io::Reactor reactor;
  StreamServers servers;
  std::uint64_t revision = 0;
  const Snapshot* followed = nullptr;
  Nanoseconds retry_at = 0;
};

Shard::Shard(Publisher<Snapshot>& snapshots, Clock& clock, const ShardOptions& options)
    : snapshots_(snapshots), clock_(clock), options_(options) {}

Shard::~Shard() = default;

Result<void> Shard::run(const std::atomic<bool>& stop) {
  auto ring = io::Uring::open(options_.ring_entries);
  if (!ring) return tl::unexpected(ring.error());
  loop_ = std::make_unique<Loop>(*this, std::move(*ring));
  published_.store(&loop_->servers.counters(), std::memory_order_release);
  while (!stop.load(std::memory_order_relaxed)) {
    follow_snapshot(*loop_);
    loop_->reactor.turn(clock_.now());
    loop_->servers.collect();
    const Nanoseconds now = clock_.now();
    const Nanoseconds next = loop_->reactor.next();
    // Offline while it waits: a shard without requests must not keep an old snapshot alive.
    loop_->reader->offline();
    if (next > now) loop_->reactor.wait(std::min(next - now, kWaitMax));
    loop_->reader->online();
  }
  drain(*loop_);
  loop_->reader.reset();
  return {};
}

void Shard::follow_snapshot(Loop& loop) {
  const Snapshot* live = loop.reader->read();
  if (live == nullptr) return;
  const bool changed = live != loop.followed || live->revision != loop.revision;
  const bool retry = !loop.servers.complete() && clock_.now() >= loop.retry_at;
  if (!changed && !retry) return;
  loop.servers.follow(dns::servers(*live->dns));
  loop.followed = live;
  loop.revision = live->revision;
  loop.retry_at = clock_.now() + kBindRetry;
  const std::lock_guard lock(trouble_mutex_);
  trouble_ = loop.servers.complete() ? std::string() : loop.servers.missing().front().text();
}

void Shard::drain(Loop& loop) {
  loop.servers.follow({});
  const Nanoseconds end = clock_.now() + kDrainMax;
  while (loop.reactor.tasks() != 0) {
    if (clock_.now() >= end && !loop.reactor.stopping()) loop.reactor.stop();
    loop.reactor.turn(clock_.now());
    if (loop.reactor.tasks() != 0) loop.reactor.wait(kMillisecond);
  }
}

std::string Shard::trouble() const {
  const std::lock_guard lock(trouble_mutex_);
  return trouble_;
}

}  // namespace sluice::shard

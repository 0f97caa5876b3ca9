#include "control/health/prober.hpp"

#include <algorithm>
#include <array>
#include <cerrno>

#include <sys/epoll.h>
#include <sys/eventfd.h>
#include <unistd.h>

namespace sluice::health {
namespace {

constexpr int kEventsAtOnce = 256;
constexpr Nanoseconds kLateMax = kSecond / 4;  ///< that a time-out may be noticed

bool watch(int epoll, int fd, std::uint32_t events, std::uint64_t tag) {
  epoll_event event{};
  event.events = events;
  event.data.u64 = tag;
  return epoll_ctl(epoll, EPOLL_CTL_ADD, fd, &event) == 0;
}

}  // namespace

Result<std::unique_ptr<Prober>> Prober::open(Clock& clock) {
  Fd epoll(epoll_create1(EPOLL_CLOEXEC));
  Fd wakes(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK));
  if (epoll.get() < 0 || wakes.get() < 0 || !watch(epoll.get(), wakes.get(), EPOLLIN, kWakeTag)) {
    return sluice::fail("cannot wait for health checks: " + reason_of(errno), {},
                        "raise the limit of open files");
  }
  return std::unique_ptr<Prober>(new Prober(clock, std::move(epoll), std::move(wakes)));
}

void Prober::start(std::uint64_t id, std::shared_ptr<const Target> target) {
  begun_[id] = clock_.now();
  if (target->check->has_http()) {
    http_.start(id, std::move(target), clock_.now());
  } else {
    start_socket(id, target);
  }
}

void Prober::start_socket(std::uint64_t id, const std::shared_ptr<const Target>& target) {
  const Target& asked = *target;
  auto probe = SocketProbe::begin(target, static_cast<std::uint32_t>(random_()));
  if (!probe) return finish(id, asked, std::move(probe.error()));
  if (!watch(epoll_.get(), probe->fd(), probe->interest(), id)) {
    return finish(id, asked, Outcome::none("not checked: " + reason_of(errno)));
  }
  deadlines_.emplace(begun_.at(id) + asked.rhythm.timeout, id);
  probes_.emplace(id, *std::move(probe));
}

std::vector<Prober::Finished> Prober::wait(Nanoseconds until) {
  std::array<epoll_event, kEventsAtOnce> events{};
  const int count = finished_.empty()
                        ? epoll_wait(epoll_.get(), events.data(), kEventsAtOnce, patience(until))
                        : 0;
  for (int i = 0; i < count; ++i) {
    const epoll_event& event = events[static_cast<std::size_t>(i)];
    handle(event.data.u64, event.events);
  }
  const Nanoseconds now = clock_.now();
  http_.turn(now);
  expire(now);
  for (auto& [id, target, outcome] : http_.take_finished()) finish(id, *target, std::move(outcome));
  return std::exchange(finished_, {});
}

/// Milliseconds until something is due, rounded up: not to come back just before.
int Prober::patience(Nanoseconds until) const {
  Nanoseconds due = until;
  if (!deadlines_.empty()) due = std::min(due, deadlines_.begin()->first);
  if (http_.due_at()) due = std::min(due, *http_.due_at());
  const Nanoseconds now = clock_.now();
  if (due <= now) return 0;
  return static_cast<int>((std::min(due - now, 3'600 * kSecond) + kMillisecond - 1) / kMillisecond);
}

void Prober::handle(std::uint64_t tag, std::uint32_t events) {
  if (tag == kWakeTag) {
    std::uint64_t count = 0;
    (void)!::read(wakes_.get(), &count, sizeof count);
    return;
  }
  if ((tag & kHttpTag) != 0) return http_.ready(static_cast<int>(tag & ~kHttpTag), events);
  const auto found = probes_.find(tag);
  if (found == probes_.end()) return;
  auto outcome = found->second.ready();
  if (!outcome) return;
  const SocketProbe probe = std::move(found->second);
  deadlines_.erase({begun_.at(tag) + probe.target().rhythm.timeout, tag});
  probes_.erase(found);
  finish(tag, probe.target(), *std::move(outcome));
}

void Prober::expire(Nanoseconds now) {
  while (!deadlines_.empty() && deadlines_.begin()->first <= now) {
    const std::uint64_t id = deadlines_.begin()->second;
    deadlines_.erase(deadlines_.begin());
    const auto found = probes_.find(id);
    const SocketProbe probe = std::move(found->second);
    probes_.erase(found);
    finish(id, probe.target(), Outcome::silence(timeout_reason(probe.target())));
  }
}

void Prober::finish(std::uint64_t id, const Target& target, Outcome outcome) {
  // What did not even leave this host says nothing: a data plane that ends takes its address along.
  if (outcome.kind == Outcome::Kind::failed && !source_is_here(target)) {
    outcome = Outcome::none("not checked: the data plane's address " + target.source->text() +
                            " has gone from this host");
  }
  const auto begun = begun_.find(id);
  // The answer may have come while this thread had no core: that is not the backend's silence.
  if (outcome.silent && clock_.now() > begun->second + target.rhythm.timeout + kLateMax) {
    outcome = Outcome::none("not checked: this daemon had no time to look");
  }
  finished_.push_back({id, std::move(outcome), begun->second});
  begun_.erase(begun);
}

void Prober::wake() const {
  const std::uint64_t one = 1;
  (void)!::write(wakes_.get(), &one, sizeof one);
}

}  // namespace sluice::health

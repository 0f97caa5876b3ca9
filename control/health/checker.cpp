#include "control/health/checker.hpp"

#include <algorithm>
#include <random>

#include <sys/resource.h>

#include "dataplane/runtime/log.hpp"

namespace sluice::health {
namespace {

/// As many descriptors as the system allows: each check under way has one.
void raise_file_limit() {
  rlimit limit{};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return;
  limit.rlim_cur = limit.rlim_max;
  (void)setrlimit(RLIMIT_NOFILE, &limit);
}

void add_to(v1::Health& health, const Key& key, bool healthy) {
  v1::BackendHealth& one = *health.add_backends();
  one.set_service(std::get<0>(key));
  one.set_backend(std::get<1>(key));
  one.set_address(std::get<2>(key).text());
  one.set_healthy(healthy);
}

void log_change(const Roster::Change& change) {
  const auto& [service, backend, address] = change.status.key;
  const bool healthy = change.status.health == Health::healthy;
  // That what was never in doubt lives is no event.
  const LogLevel level = !healthy                             ? LogLevel::warning
                         : change.before == Health::unhealthy ? LogLevel::info
                                                              : LogLevel::debug;
  log(level, healthy ? "a backend is healthy" : "a backend is unhealthy",
      {{"service", service},
       {"backend", backend},
       {"address", address.text()},
       {"reason", change.status.reason}});
}

}  // namespace

Checker::Checker(CheckerOptions options, Clock& clock, std::unique_ptr<Prober> prober,
                 std::uint32_t seed)
    : options_(std::move(options)),
      clock_(clock),
      prober_(std::move(prober)),
      roster_(options_.at_once, seed) {}

Result<std::unique_ptr<Checker>> Checker::start(CheckerOptions options, Clock& clock) {
  raise_file_limit();
  auto prober = Prober::open(clock);
  if (!prober) return tl::unexpected(prober.error());
  std::unique_ptr<Checker> checker(
      new Checker(std::move(options), clock, *std::move(prober), std::random_device{}()));
  checker->thread_ = std::thread([raw = checker.get()] { raw->run(); });
  return checker;
}

Checker::~Checker() {
  {
    const std::lock_guard lock(mutex_);
    ending_ = true;
  }
  prober_->wake();
  thread_.join();
}

void Checker::configure(const v1::DesiredState& state) {
  std::vector<Target> targets = targets_of(state);
  const std::lock_guard lock(mutex_);
  wanted_ = std::move(targets);
  prober_->wake();
}

void Checker::run() {
  for (;;) {
    const Nanoseconds until = begin_due();
    auto finished = prober_->wait(until);
    {
      const std::lock_guard lock(mutex_);
      if (ending_) return;
      take_results(finished);
      take_state();
    }
    pass_on();
  }
}

/// Begins what is due; returns when the next check is.
Nanoseconds Checker::begin_due() {
  for (;;) {
    std::optional<Roster::Due> due;
    {
      const std::lock_guard lock(mutex_);
      due = roster_.take_due(clock_.now());
      if (!due) return roster_.due_at().value_or(clock_.now() + kSecond);
    }
    prober_->start(due->id, std::move(due->target));
  }
}

void Checker::take_state() {
  if (!wanted_) return;
  for (const Key& key : roster_.configure(*std::move(wanted_), clock_.now())) {
    add_to(decisions_.forgotten, key, true);
  }
  wanted_.reset();
}

void Checker::take_results(std::span<Prober::Finished> finished) {
  const Nanoseconds now = clock_.now();
  const std::uint64_t unix = options_.unix_time();
  const bool lossy = options_.way_is_lossy && options_.way_is_lossy();
  for (auto& [id, outcome, begun] : finished) {
    // Whoever floods the host's address must not thereby take every backend out.
    if (outcome.silent && lossy) {
      outcome = Outcome::none("not checked: the data plane drops packets to its host");
    }
    const auto change = roster_.finish(id, std::move(outcome), begun, now, unix);
    if (!change) continue;
    add_to(decisions_.changed, change->status.key, change->status.health == Health::healthy);
    log_change(*change);
  }
}

void Checker::pass_on() {
  if (decisions_.changed.backends().empty() && decisions_.forgotten.backends().empty()) return;
  options_.decided(std::exchange(decisions_, {}));
}

std::vector<Status> Checker::status(const std::string& service) const {
  const std::lock_guard lock(mutex_);
  return roster_.status(service);
}

Checker::Totals Checker::totals() const {
  const std::lock_guard lock(mutex_);
  return {roster_.durations(), roster_.late(), roster_.under_way()};
}

}  // namespace sluice::health

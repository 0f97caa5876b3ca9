#include "control/health/roster.hpp"

#include <algorithm>

namespace sluice::health {
namespace {

void note(Durations& durations, Nanoseconds took) {
  const double seconds = static_cast<double>(took) / static_cast<double>(kSecond);
  const auto bound =
      std::lower_bound(Durations::kBounds.begin(), Durations::kBounds.end(), seconds);
  ++durations.counts[static_cast<std::size_t>(bound - Durations::kBounds.begin())];
  durations.sum += seconds;
}

}  // namespace

std::vector<Key> Roster::configure(std::vector<Target> wanted, Nanoseconds now) {
  std::map<Key, std::uint64_t> gone = ids_;
  std::set<std::string> services;
  for (Target& target : wanted) {
    services.insert(target.service());
    const auto known = ids_.find(target.key);
    if (known == ids_.end()) {
      add(std::move(target), now, nullptr);
      continue;
    }
    gone.erase(target.key);
    Entry& entry = entries_.at(known->second);
    if (entry.target->same_as(target)) continue;
    const Entry before = entry;
    remove(known->second);
    add(std::move(target), now, &before);
  }
  std::vector<Key> keys;
  for (const auto& [key, id] : gone) {
    remove(id);
    ids_.erase(key);
    keys.push_back(key);
  }
  std::erase_if(durations_, [&](const auto& each) { return services.count(each.first) == 0; });
  return keys;
}

void Roster::add(Target target, Nanoseconds now, const Entry* before) {
  const std::uint64_t id = ++last_id_;
  ids_[target.key] = id;
  Entry entry;
  if (before != nullptr) {
    entry.standing = before->standing;
    entry.standing.begin_anew();
    entry.status = before->status;
  }
  entry.status.key = target.key;
  // Spread from the start: a thousand backends do not get a thousand questions at once.
  const Nanoseconds first = now + share_of(target.rhythm.interval, random());
  entry.target = std::make_shared<const Target>(std::move(target));
  schedule(id, entries_.emplace(id, std::move(entry)).first->second, first);
}

void Roster::schedule(std::uint64_t id, Entry& entry, Nanoseconds at) {
  entry.due = std::max<Nanoseconds>(at, 1);
  waiting_.emplace(entry.due, id);
}

void Roster::remove(std::uint64_t id) {
  const auto found = entries_.find(id);
  if (found->second.due != 0) waiting_.erase({found->second.due, id});
  entries_.erase(found);
}

std::optional<Roster::Due> Roster::take_due(Nanoseconds now) {
  if (under_way_ >= at_once_ || waiting_.empty() || waiting_.begin()->first > now) {
    return std::nullopt;
  }
  const auto [due, id] = *waiting_.begin();
  waiting_.erase(waiting_.begin());
  if (now - due > kLate) ++late_;
  Entry& entry = entries_.at(id);
  entry.due = 0;
  ++under_way_;
  return Due{id, entry.target};
}

std::optional<Nanoseconds> Roster::due_at() const {
  if (under_way_ >= at_once_ || waiting_.empty()) return std::nullopt;
  return waiting_.begin()->first;
}

std::optional<Roster::Change> Roster::finish(std::uint64_t id, Outcome outcome, Nanoseconds begun,
                                             Nanoseconds now, std::uint64_t unix) {
  --under_way_;
  const auto found = entries_.find(id);
  if (found == entries_.end()) return std::nullopt;  // nobody wants to know any more
  Entry& entry = found->second;
  const Rhythm& rhythm = entry.target->rhythm;
  Status& status = entry.status;
  const Health before = entry.standing.health();
  ++status.outcomes[static_cast<std::size_t>(outcome.kind)];
  status.checked_unix = unix;
  status.reason = std::move(outcome.reason);
  bool changed = false;
  if (outcome.kind == Outcome::Kind::passed) changed = entry.standing.passed(rhythm, now);
  if (outcome.kind == Outcome::Kind::failed) changed = entry.standing.failed(rhythm, now);
  if (outcome.kind != Outcome::Kind::not_run)
    note(durations_[entry.target->service()], now - begun);
  schedule(id, entry, std::max(now, begun + jittered(entry.standing.wait(rhythm), random())));
  if (!changed) return std::nullopt;
  status.health = entry.standing.health();
  status.since_unix = unix;
  return Change{status, before};
}

std::vector<Status> Roster::status(const std::string& service) const {
  std::vector<Status> out;
  auto at = service.empty() ? ids_.begin() : ids_.lower_bound(Key{service, {}, {}});
  for (; at != ids_.end(); ++at) {
    if (!service.empty() && std::get<0>(at->first) != service) break;
    out.push_back(entries_.at(at->second).status);
  }
  return out;
}

}  // namespace sluice::health

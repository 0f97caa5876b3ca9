#include "dataplane/agent/agent.hpp"

#include <chrono>

#include "control/model/problems.hpp"
#include "dataplane/runtime/log.hpp"

namespace sluice::agent {

Agent::Agent(Identity identity, SteeringOptions steering, StateFile file, Plane& plane)
    : identity_(std::move(identity)),
      file_(std::move(file)),
      plane_(plane),
      client_(std::move(steering), [this] { return hello(); }) {}

v1::Hello Agent::hello() {
  v1::Hello hello;
  hello.set_node(identity_.node);
  hello.set_version(identity_.version);
  hello.set_revision(revision());
  for (v1::PortFact& port : plane_.ports()) *hello.add_ports() = std::move(port);
  hello.set_workers(identity_.workers);
  hello.set_start_time_unix(identity_.start_time_unix);
  return hello;
}

std::vector<v1::Problem> Agent::begin() {
  auto loaded = file_.load();
  if (!loaded) log_error(loaded.error());
  if (!loaded || !loaded->has_value()) return {};
  const auto problems = plane_.apply(**loaded, nullptr);
  if (problems.empty()) {
    live_ = **std::move(loaded);
    log_info("started from the last snapshot", {{"revision", revision()}});
    const auto health = file_.load_health();
    if (!health) log_error(health.error());
    if (health && health->has_value()) plane_.set_health(**health);
  }
  for (const v1::Problem& problem : problems) {
    log_error("the last snapshot does not fit any more",
              {{"file", file_.path()}, {"problem", model::text_of(problem)}});
  }
  return {};
}

void Agent::reload() {
  log_info("nothing to reload: states come from the control daemon");
}

void Agent::turn(Nanoseconds now) {
  client_.turn(now);
  while (const auto message = client_.take()) handle(now, *message);
  plane_.take_results([this](v1::FromDataplane result) { client_.send(std::move(result)); });
  if (!save_error_.empty() && now >= save_at_) save(now);
  if (health_unsaved_ && now >= health_save_at_) save_health(now);
  if (now >= report_at_) {
    report_at_ = now + kReportInterval;
    report();
  }
}

void Agent::handle(Nanoseconds now, const v1::ToDataplane& message) {
  switch (message.message_case()) {
    case v1::ToDataplane::kSnapshot:
      return take_snapshot(now, message.snapshot());
    case v1::ToDataplane::kQuery:
      return plane_.ask(message.query());
    case v1::ToDataplane::kTrace:
      return plane_.trace(message.trace());
    case v1::ToDataplane::kStopTrace:
      return plane_.stop_trace(message.stop_trace().id());
    case v1::ToDataplane::kHealth:
      return take_health(message.health());
    case v1::ToDataplane::MESSAGE_NOT_SET:
      break;  // of a newer control daemon
  }
  log_warning("message of the control daemon not understood", {{"control", "is it newer?"}});
}

void Agent::take_snapshot(Nanoseconds now, const v1::Snapshot& snapshot) {
  const auto begin = std::chrono::steady_clock::now();
  // What a control daemon sends on every connection is in force already, more often than not.
  const bool same = snapshot.revision() == revision() &&
                    snapshot.SerializeAsString() == live_.SerializeAsString();
  if (!same) {
    auto problems = plane_.apply(snapshot, nullptr);
    if (!problems.empty()) return refuse(snapshot.revision(), std::move(problems));
    live_ = snapshot;
    log_info("snapshot applied", {{"revision", revision()}});
    save(now);
    health_unsaved_ = true;  // it forgets what is checked no more
    // Who reads the acknowledgement finds the counters of what is new.
    report_at_ = now + kReportInterval;
    report();
  }
  const auto spent = std::chrono::steady_clock::now() - begin;
  v1::FromDataplane out;
  out.mutable_acknowledge()->set_revision(revision());
  out.mutable_acknowledge()->set_build_microseconds(static_cast<std::uint64_t>(
      std::chrono::duration_cast<std::chrono::microseconds>(spent).count()));
  client_.send(std::move(out));
}

void Agent::refuse(std::uint64_t revision, std::vector<v1::Problem> problems) {
  log_warning("snapshot refused", {{"revision", revision},
                                   {"problems", problems.size()},
                                   {"first", model::text_of(problems.front())}});
  v1::FromDataplane out;
  out.mutable_refuse()->set_revision(revision);
  for (v1::Problem& problem : problems) *out.mutable_refuse()->add_problems() = std::move(problem);
  client_.send(std::move(out));
}

void Agent::save(Nanoseconds now) {
  const auto saved = file_.save(live_);
  if (saved) {
    if (!save_error_.empty()) log_info("snapshot saved", {{"revision", revision()}});
    save_error_.clear();
    return;
  }
  if (save_error_.empty()) log_error(saved.error());  // the retries would say the same
  save_error_ = saved.error().text();
  save_at_ = now + kSaveRetryInterval;
}

void Agent::take_health(const v1::Health& health) {
  plane_.set_health(health);
  health_unsaved_ = true;
}

/// A restart begins with it. Nothing that was promised depends on it: a failure is only logged.
void Agent::save_health(Nanoseconds now) {
  const auto saved = file_.save_health(plane_.health());
  if (!saved && !health_save_failed_) log_error(saved.error());
  health_save_failed_ = !saved;
  health_unsaved_ = !saved;
  health_save_at_ = now + (saved ? kHealthSaveInterval : kSaveRetryInterval);
}

void Agent::report() {
  v1::FromDataplane out;
  v1::Report& report = *out.mutable_report();
  Samples samples(report);
  plane_.sample(samples);
  for (v1::PortFact& port : plane_.ports()) *report.add_ports() = std::move(port);
  report.set_revision(revision());
  std::string trouble = plane_.trouble();
  if (!save_error_.empty()) {
    trouble += (trouble.empty() ? "" : "; ") + ("the snapshot is not saved: " + save_error_);
  }
  report.set_healthy(trouble.empty());
  report.set_unhealthy_reason(trouble);
  client_.send(std::move(out));
}

}  // namespace sluice::agent

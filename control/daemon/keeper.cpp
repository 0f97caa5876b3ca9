#include "control/daemon/keeper.hpp"

#include <algorithm>
#include <cctype>
#include <map>

#include "control/daemon/flow_counts.hpp"
#include "control/model/diff.hpp"
#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/stagger.hpp"
#include "control/model/validate.hpp"
#include "dataplane/runtime/log.hpp"

namespace sluice::control {
namespace {

constexpr std::uint32_t kHistoryDefault = 50;
constexpr std::uint32_t kWaitMax = 600'000;  // ten minutes

v1::Problem problem(std::string path, std::string what, std::string fix) {
  v1::Problem out;
  out.set_path(std::move(path));
  out.set_what(std::move(what));
  out.set_fix(std::move(fix));
  return out;
}

/// "name_server" for NameServer: how labels of samples call a kind.
std::string label_of(const std::string& kind) {
  std::string out;
  for (const char c : kind) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0 && !out.empty()) out += '_';
    out += static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  }
  return out;
}

void add_backends(const std::vector<health::Status>& statuses, v1::DocumentFacts& facts) {
  for (const health::Status& status : statuses) {
    v1::BackendFacts& one = *facts.add_backends();
    one.set_backend(std::get<1>(status.key));
    one.set_address(std::get<2>(status.key).text());
    one.set_health(std::string(name_of(status.health)));
    one.set_reason(model::as_utf8(status.reason));
    one.set_since_unix(status.since_unix);
    one.set_checked_unix(status.checked_unix);
  }
}

/// Names the step, unless it is the whole change.
std::string comment_of(const std::string& given, std::uint32_t step,
                       const v1::ApplyResponse& response) {
  if (step == 0 || (step == 1 && response.steps(0).last())) return given;
  const std::string name = "step " + std::to_string(step) + " of a staggered change";
  return given.empty() ? name : given + " (" + name + ")";
}

bool is_about(const v1::Sample& sample, const std::string& label, const std::string& name) {
  return std::any_of(sample.labels().begin(), sample.labels().end(),
                     [&](const v1::Label& l) { return l.name() == label && l.value() == name; });
}

}  // namespace

Result<std::unique_ptr<Keeper>> Keeper::start(Store& store, Fleet& fleet, health::Checker& checker,
                                              UnixTime time, std::uint32_t revisions_max) {
  std::unique_ptr<Keeper> keeper(new Keeper(store, fleet, checker, std::move(time), revisions_max));
  const auto current = store.current();
  if (!current) return tl::unexpected(current.error());
  auto state = store.state_of(*current);
  if (!state) return tl::unexpected(state.error());
  if (!*state) {
    return fail("the store has lost its current revision " + std::to_string(*current), {},
                "restore store.db from a backup");
  }
  fleet.on_refused([raw = keeper.get()](const std::string& node, const v1::Refuse& refusal) {
    raw->refused(node, refusal);
  });
  keeper->put_in_force(*current, **std::move(state));
  return keeper;
}

void Keeper::put_in_force(std::uint64_t revision, v1::DesiredState state) {
  current_ = revision;
  state_ = std::move(state);
  rollout_.clear();
  for (std::string& node : fleet_.steer(current_, state_)) rollout_.insert(std::move(node));
  checker_.configure(state_);
}

Result<std::optional<std::uint64_t>> Keeper::decide(const Request& request, const Edit& edit,
                                                    v1::ApplyResponse& response,
                                                    Compared& compared) {
  const std::lock_guard lock(mutex_);
  response.set_revision(current_);
  if (request.base_revision != 0 && request.base_revision != current_) {
    *response.add_problems() = problem({},
                                       "the revision in force is " + std::to_string(current_) +
                                           ", not " + std::to_string(request.base_revision),
                                       "look at what changed with `sluice history`, and try again");
    return std::nullopt;
  }
  auto wanted = edit(state_);
  if (!wanted) return tl::unexpected(wanted.error());
  for (v1::Problem& p : wanted->problems) *response.add_problems() = std::move(p);
  if (response.problems_size() == 0) {
    model::Problems problems;
    model::validate(wanted->state, problems);
    for (const v1::Problem& p : problems.list()) *response.add_problems() = p;
  }
  if (response.problems_size() != 0) return std::nullopt;

  for (v1::Change& c : compare(request, wanted->state, response)) {
    if (!request.dry_run) c.clear_preview();  // history keeps what was done
    *response.add_changes() = std::move(c);
  }
  if (request.dry_run) compared = {state_, wanted->state};
  if (response.problems_size() != 0) {
    if (!request.dry_run) response.clear_changes();  // nothing is changed
    return std::nullopt;
  }
  // The same documents are the same revision.
  if (response.changes_size() == 0 || request.dry_run) return std::nullopt;

  v1::Revision info;
  info.set_parent(current_);
  info.set_time_unix(time_());
  info.set_author(request.author);
  info.set_comment(comment_of(request.comment, request.stagger_step, response));
  *info.mutable_changes() = response.changes();
  const auto number = store_.commit(info, wanted->state, revisions_max_);
  if (!number) return tl::unexpected(number.error());
  log_info("a revision is in force", {{"revision", *number}, {"author", request.author}});
  last_ = std::move(info);
  put_in_force(*number, std::move(wanted->state));
  response.set_revision(current_);
  return current_;
}

std::vector<v1::Change> Keeper::compare(const Request& request, v1::DesiredState& wanted,
                                        v1::ApplyResponse& response) const {
  std::vector<v1::Change> changes = model::diff(state_, wanted);
  if (changes.empty()) return changes;
  const bool staggered = request.stagger_step != 0;
  if (staggered && !request.dry_run) return compare_step(wanted, response);
  const bool guarded = request.guarded && !staggered && model::is_guarded(wanted, changes);
  if (guarded || request.dry_run) {
    model::Problems problems;
    model::add_previews(state_, wanted, unhealthy(), changes);
    if (guarded) model::check_disruption(wanted, changes, problems);
    for (const v1::Problem& p : problems.list()) *response.add_problems() = p;
  }
  return changes;
}

std::vector<v1::Change> Keeper::compare_step(v1::DesiredState& wanted,
                                             v1::ApplyResponse& response) const {
  model::Problems problems;
  model::Step step = model::next_step(state_, wanted, unhealthy(), problems);
  for (const v1::Problem& p : problems.list()) *response.add_problems() = p;
  if (!problems.empty()) return {};
  wanted = std::move(step.state);
  std::vector<v1::Change> changes(step.said.changes().begin(), step.said.changes().end());
  *response.add_steps() = std::move(step.said);
  return changes;
}

model::Unhealthy Keeper::unhealthy() const {
  model::Unhealthy out;
  for (const health::Status& status : checker_.status()) {
    if (status.health != health::Health::unhealthy) continue;
    const auto& [service, backend, address] = status.key;
    out.emplace(service, backend, address.text());
  }
  return out;
}

void Keeper::foresee(const Request& request, const Compared& compared,
                     v1::ApplyResponse& response) {
  if (request.stagger_step != 0 && response.problems_size() == 0 && response.changes_size() != 0) {
    model::Problems problems;
    for (v1::StaggerStep& step :
         model::all_steps(compared.before, compared.after, unhealthy(), problems))
      *response.add_steps() = std::move(step);
    for (const v1::Problem& p : problems.list()) *response.add_problems() = p;
  }
  preview_flows(compared, response);
}

void Keeper::preview_flows(const Compared& compared, v1::ApplyResponse& response) {
  constexpr std::chrono::milliseconds kPatience{2'000};
  const bool any = std::any_of(response.changes().begin(), response.changes().end(),
                               [](const v1::Change& change) { return change.has_preview(); });
  if (!any) return;
  const FlowsNow now = count_flows(fleet_, kPatience);
  for (v1::Change& change : *response.mutable_changes()) {
    model::add_flows(compared.before, compared.after, now.counts, change);
    if (!change.has_preview()) continue;
    for (const std::string& node : now.silent) change.mutable_preview()->add_silent_nodes(node);
  }
}

Result<v1::ApplyResponse> Keeper::change(const Request& request, const Edit& edit) {
  v1::ApplyResponse response;
  Compared compared;
  const auto revision = decide(request, edit, response, compared);
  if (!revision) return tl::unexpected(revision.error());
  if (request.dry_run) foresee(request, compared, response);
  if (*revision && request.wait_milliseconds != 0) {
    const bool refused = fleet_.wait_for(**revision, std::min(request.wait_milliseconds, kWaitMax));
    if (refused) response.set_revision(current());
  }
  for (v1::NodeStatus& node : fleet_.status(false)) {
    if (*revision && node.connected()) {
      for (const v1::Problem& p : node.problems()) {
        if (response.revision() != **revision) *response.add_problems() = p;
      }
    }
    *response.add_nodes() = std::move(node);
  }
  return response;
}

Result<v1::ApplyResponse> Keeper::apply(const v1::ApplyRequest& request,
                                        const std::string& author) {
  const Request wanted{author,
                       model::as_utf8(request.comment()),
                       request.base_revision(),
                       request.wait_milliseconds(),
                       request.dry_run(),
                       true,
                       request.stagger_step()};
  return change(wanted, [&](const v1::DesiredState& current) -> Result<Wanted> {
    // Documents given twice would hide each other in the merge.
    Wanted out;
    std::set<std::string> seen;
    for (const v1::Document& document : request.state().documents()) {
      if (!seen.insert(model::key_of(document)).second) {
        out.problems.push_back(problem(model::key_of(document),
                                       "there are two documents of this kind and name",
                                       "remove or rename one"));
      }
    }
    out.state = model::merge(current, request.state(), request.replace_all());
    return out;
  });
}

Result<v1::ApplyResponse> Keeper::remove(const v1::DeleteRequest& request,
                                         const std::string& author) {
  const std::string kind = model::kind_by_word(request.kind());
  const Request wanted{author, "delete " + kind + "/" + request.name(), 0,
                       request.wait_milliseconds(), false};
  return change(wanted, [&](const v1::DesiredState& current) -> Result<Wanted> {
    Wanted out;
    for (const v1::Document& document : current.documents()) {
      if (model::kind_of(document) != kind || document.name() != request.name()) {
        *out.state.add_documents() = document;
      }
    }
    if (out.state.documents_size() == current.documents_size()) {
      out.problems.push_back(problem({},
                                     "there is no " + (kind.empty() ? request.kind() : kind) + " " +
                                         model::quoted(request.name()),
                                     "see `sluice get all`"));
    }
    return out;
  });
}

Result<v1::ApplyResponse> Keeper::rollback(const v1::RollbackRequest& request,
                                           const std::string& author) {
  const std::string name = "revision " + std::to_string(request.revision());
  // Back to what was, at once.
  const Request wanted{author, "rollback to " + name, 0, request.wait_milliseconds(), false, false};
  return change(wanted, [&](const v1::DesiredState&) -> Result<Wanted> {
    Wanted out;
    auto state = store_.state_of(request.revision());
    if (!state) return tl::unexpected(state.error());
    if (*state && request.revision() != 0) {
      out.state = **std::move(state);
    } else {
      out.problems.push_back(
          problem({}, name + " is not kept", "see `sluice history` for those that are"));
    }
    return out;
  });
}

void Keeper::refused(const std::string& node, const v1::Refuse& refusal) {
  const std::lock_guard lock(mutex_);
  log_warning(
      "a data plane refused a revision",
      {{"node", node}, {"revision", refusal.revision()}, {"problems", refusal.problems_size()}});
  // Only those that were there when it was applied decide about it: a node that comes later and
  // cannot take it does not change what the others run.
  if (refusal.revision() != current_ || rollout_.count(node) == 0) return;
  *last_.mutable_problems() = refusal.problems();
  v1::Revision why = last_;
  why.set_time_unix(last_.time_unix());
  const std::uint64_t fallback = last_.parent();
  auto state = store_.state_of(fallback);
  if (!state || !*state) {
    log_error("the revision before the refused one is not kept; it stays desired",
              {{"revision", fallback}});
    return;
  }
  if (auto done = store_.refuse(current_, fallback, why); !done) {
    // Not durable, so not done: the refusal shows in the status, and repeats after a restart.
    log_error(done.error());
    return;
  }
  put_in_force(fallback, **std::move(state));
  // What is in force again was accepted before; its refusal now takes nothing back.
  rollout_.clear();
}

Result<v1::GetResponse> Keeper::get(const v1::GetRequest& request) {
  v1::GetResponse response;
  v1::DesiredState state;
  {
    const std::lock_guard lock(mutex_);
    response.set_revision(request.revision() == 0 ? current_ : request.revision());
    if (request.revision() == 0) {
      state = state_;
    } else {
      auto stored = store_.state_of(request.revision());
      if (!stored) return tl::unexpected(stored.error());
      if (!*stored) {
        return fail("revision " + std::to_string(request.revision()) + " is not kept", {},
                    "see `sluice history` for those that are");
      }
      state = **std::move(stored);
    }
  }
  const std::string kind = model::kind_by_word(request.kind());
  const std::vector<v1::NodeStatus> nodes = fleet_.status(true);
  for (v1::Document& document : *state.mutable_documents()) {
    if (!request.kind().empty() && model::kind_of(document) != kind) continue;
    if (!request.name().empty() && document.name() != request.name()) continue;
    add_facts(document, nodes, *response.add_facts());
    *response.add_documents() = std::move(document);
  }
  return response;
}

void Keeper::add_facts(const v1::Document& document, const std::vector<v1::NodeStatus>& nodes,
                       v1::DocumentFacts& facts) const {
  const std::string label = label_of(model::kind_of(document));
  // Workers and nodes are summed up; samples that differ in nothing else are one number.
  std::map<std::string, v1::Sample> sums;
  for (const v1::NodeStatus& node : nodes) {
    for (const v1::Sample& sample : node.samples()) {
      if (!is_about(sample, label, document.name())) continue;
      v1::Sample one;
      one.set_name(sample.name());
      one.set_gauge(sample.gauge());
      std::string key = sample.name();
      for (const v1::Label& l : sample.labels()) {
        if (l.name() == "worker") continue;
        *one.add_labels() = l;
        key += '\n' + l.name() + '=' + l.value();
      }
      v1::Sample& sum = sums.emplace(key, one).first->second;
      sum.set_value(sum.value() + sample.value());
    }
  }
  for (auto& [key, sample] : sums) *facts.add_samples() = std::move(sample);
  if (document.service().has_health_check()) add_backends(checker_.status(document.name()), facts);
}

Result<v1::HistoryResponse> Keeper::history(const v1::HistoryRequest& request) {
  const std::lock_guard lock(mutex_);
  auto revisions = store_.history(request.limit() == 0 ? kHistoryDefault : request.limit());
  if (!revisions) return tl::unexpected(revisions.error());
  v1::HistoryResponse response;
  for (v1::Revision& revision : *revisions) *response.add_revisions() = std::move(revision);
  return response;
}

std::uint64_t Keeper::current() {
  const std::lock_guard lock(mutex_);
  return current_;
}

void Keeper::set_revisions_max(std::uint32_t revisions_max) {
  const std::lock_guard lock(mutex_);
  revisions_max_ = revisions_max;
}

}  // namespace sluice::control

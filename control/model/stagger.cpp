#include "control/model/stagger.hpp"

#include <algorithm>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <google/protobuf/descriptor.h>

#include "control/model/diff.hpp"
#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"
#include "control/model/validate.hpp"

namespace sluice::model {
namespace {

/// Parts that the way is divided into to look for a step: finer than weights can follow.
constexpr std::uint32_t kParts = 1024;
/// Sum of what the shares of backends must come nearer in a step, so that there is an end.
constexpr double kProgress = 0.001;

using Shares = std::map<std::string, double>;

std::uint32_t weight_of(const v1::Backend& backend) {
  return backend.has_weight() ? backend.weight() : 1;
}

double weight_max() {
  static const double most = static_cast<double>(
      rules_of(*v1::Backend::descriptor()->FindFieldByName("weight")).maximum());
  return most;
}

/// Of a sum of 1; of 0 where no backend has a weight.
Shares shares_of(const v1::Service& service) {
  Shares shares;
  double sum = 0;
  for (const v1::Backend& backend : service.backends()) sum += weight_of(backend);
  for (const v1::Backend& backend : service.backends())
    shares[backend.name()] = sum == 0 ? 0 : weight_of(backend) / sum;
  return shares;
}

double share_in(const Shares& shares, const std::string& name) {
  const auto found = shares.find(name);
  return found == shares.end() ? 0 : found->second;
}

/// The way of one service from what it is to what is wanted.
class Way {
 public:
  Way(const v1::Document& before, const v1::Document& wanted, const Unhealthy& unhealthy)
      : before_(before),
        wanted_(wanted),
        unhealthy_(unhealthy),
        old_(shares_of(before.service())),
        new_(shares_of(wanted.service())) {
    together_ = wanted;
    for (const v1::Backend& backend : before.service().backends()) {
      if (new_.count(backend.name()) != 0) continue;
      leave_ = leave_ || weight_of(backend) != 0;
      *together_.mutable_service()->add_backends() = backend;
    }
  }

  /// A backend that goes still has a weight.
  [[nodiscard]] bool leave() const { return leave_; }

  /// After so many of kParts: at 0 all but the weights is as wanted, at kParts the weights too, and
  /// what goes is left with 0.
  [[nodiscard]] v1::Document at(std::uint32_t part) const {
    v1::Document out = together_;
    const double t = static_cast<double>(part) / kParts;
    std::vector<double> mixed;
    double heaviest = 0;
    for (const v1::Backend& backend : out.service().backends()) {
      mixed.push_back((1 - t) * share_in(old_, backend.name()) +
                      t * share_in(new_, backend.name()));
      heaviest = std::max(heaviest, mixed.back());
    }
    for (int i = 0; i < out.service().backends_size(); ++i) {
      v1::Backend& backend = *out.mutable_service()->mutable_backends(i);
      if (part == kParts) {
        if (new_.count(backend.name()) == 0) backend.set_weight(0);
      } else if (part == 0) {
        backend.set_weight(old_weight(backend.name()));
      } else {
        backend.set_weight(rounded(backend.name(), mixed[static_cast<std::size_t>(i)] / heaviest));
      }
    }
    return out;
  }

  /// Percent of the table; 0 without one.
  [[nodiscard]] double moved_by(const v1::Document& step) const {
    v1::ServicePreview preview;
    add_tables(before_, step, unhealthy_, preview);
    return most_moved(preview);
  }
  /// How far from the wanted shares, 0 to 2.
  [[nodiscard]] double left_after(const v1::Document& step) const {
    double sum = 0;
    for (const auto& [name, share] : shares_of(step.service()))
      sum += std::abs(share - share_in(new_, name));
    return sum;
  }
  [[nodiscard]] bool comes_nearer(const v1::Document& step) const {
    return left_after(step) < left_after(at(0)) - kProgress;
  }

 private:
  [[nodiscard]] std::uint32_t old_weight(const std::string& name) const {
    for (const v1::Backend& backend : before_.service().backends())
      if (backend.name() == name) return weight_of(backend);
    return 0;
  }
  [[nodiscard]] std::uint32_t rounded(const std::string& name, double part_of_heaviest) const {
    const auto weight = static_cast<std::uint32_t>(std::lround(part_of_heaviest * weight_max()));
    // Nobody is drained who is not to be.
    const bool stays = share_in(old_, name) > 0 && share_in(new_, name) > 0;
    return stays ? std::max(weight, 1U) : weight;
  }

  const v1::Document& before_;
  const v1::Document& wanted_;
  const Unhealthy& unhealthy_;
  Shares old_, new_;
  v1::Document together_;  ///< as wanted, with the backends that go at the end
  bool leave_ = false;
};

/// The fields that changed of those that weights cannot soften.
std::string undivided(v1::Service had, v1::Service has) {
  fill_defaults(had);
  fill_defaults(has);
  std::vector<std::string> names;
  if (had.scheduler() != has.scheduler()) names.emplace_back("scheduler");
  if (had.table_size() != has.table_size()) names.emplace_back("table_size");
  if (had.port() != has.port()) names.emplace_back("port");
  if (had.mode() != has.mode()) names.emplace_back("mode");
  std::map<std::string, const v1::Backend*> olds;
  for (const v1::Backend& backend : had.backends()) olds.emplace(backend.name(), &backend);
  for (const v1::Backend& backend : has.backends()) {
    const auto old = olds.find(backend.name());
    if (old == olds.end()) continue;
    const bool same = old->second->port() == backend.port() &&
                      std::equal(backend.addresses().begin(), backend.addresses().end(),
                                 old->second->addresses().begin(), old->second->addresses().end());
    if (!same) names.push_back("the address or port of backend " + backend.name());
    if (names.size() > 3) break;
  }
  return names.empty() ? "what else it changes" : fmt::format("{}", fmt::join(names, ", "));
}

/// Where the service is after the step; `problems` says why there is none.
v1::Document step_of(const v1::Document& before, const v1::Document& wanted,
                     const Unhealthy& unhealthy, Problems& problems) {
  const Way way(before, wanted, unhealthy);
  const double most = wanted.service().max_disruption();
  v1::Document last = way.leave() ? way.at(kParts) : wanted;
  if (way.moved_by(last) <= most) return last;

  const std::string path = key_of(wanted) + ": spec.max_disruption";
  const std::string raise = "raise or remove max_disruption in the same change";
  const double undividable = way.moved_by(way.at(0));
  if (undividable > most) {
    problems.add(path,
                 fmt::format("{} moves {:.1f} % of the table at once, more than the {:.0f} % "
                             "allowed, and cannot be divided into steps",
                             undivided(before.service(), wanted.service()), undividable, most),
                 raise +
                     "; a backend that gets another name with its address or port is exchanged "
                     "step by step");
    return wanted;
  }
  std::uint32_t within = 0, beyond = kParts;
  while (beyond - within > 1) {
    const std::uint32_t middle = (within + beyond) / 2;
    (way.moved_by(way.at(middle)) <= most ? within : beyond) = middle;
  }
  v1::Document step = way.at(within);
  if (way.comes_nearer(step)) return step;
  if (undividable > 0) return way.at(0);
  problems.add(path,
               fmt::format("no step of the change moves {:.0f} % of the table or less: the least "
                           "that weights can do moves {:.1f} %",
                           most, way.moved_by(way.at(beyond))),
               raise);
  return wanted;
}

v1::StaggerStep said_of(const v1::DesiredState& before, const v1::DesiredState& step,
                        const v1::DesiredState& wanted, const Unhealthy& unhealthy, bool last) {
  v1::StaggerStep said;
  std::vector<v1::Change> changes = diff(before, step);
  add_previews(before, step, unhealthy, changes);
  for (v1::Change& change : changes) {
    const v1::Document* now = find_document(step, "Service", change.name());
    if (change.has_preview() && now != nullptr && now->service().max_disruption() != 0) {
      v1::ServicePreview left;
      add_tables(*now, *find_document(wanted, "Service", change.name()), unhealthy, left);
      v1::StaggeredService service;
      service.set_name(change.name());
      service.set_moved(most_moved(change.preview()));
      service.set_left(most_moved(left));
      if (service.moved() > 0 || service.left() > 0) *said.add_services() = std::move(service);
    }
    *said.add_changes() = std::move(change);
  }
  said.set_last(last);
  return said;
}

/// What is right before and after may not be so together: two backends of one address.
void check_step(const v1::DesiredState& state, Problems& problems) {
  Problems found;
  validate(state, found);
  for (const v1::Problem& one : found.list())
    problems.add(one.path(), "with the backends that go beside those that come, " + one.what(),
                 "make the change in two, or remove max_disruption in it");
}

}  // namespace

Step next_step(const v1::DesiredState& before, const v1::DesiredState& wanted,
               const Unhealthy& unhealthy, Problems& problems) {
  Step step;
  step.state = wanted;
  bool last = true;
  for (v1::Document& document : *step.state.mutable_documents()) {
    if (!document.has_service() || document.service().max_disruption() == 0) continue;
    const v1::Document* had = find_document(before, "Service", document.name());
    if (had == nullptr || had->SerializeAsString() == document.SerializeAsString()) continue;
    v1::Document next = step_of(*had, document, unhealthy, problems);
    last = last && next.SerializeAsString() == document.SerializeAsString();
    document = std::move(next);
  }
  if (problems.empty() && !last) check_step(step.state, problems);
  if (problems.empty()) step.said = said_of(before, step.state, wanted, unhealthy, last);
  return step;
}

std::vector<v1::StaggerStep> all_steps(const v1::DesiredState& before,
                                       const v1::DesiredState& wanted, const Unhealthy& unhealthy,
                                       Problems& problems) {
  std::vector<v1::StaggerStep> steps;
  for (v1::DesiredState state = before; steps.empty() || !steps.back().last();) {
    Step step = next_step(state, wanted, unhealthy, problems);
    if (!problems.empty()) break;
    steps.push_back(std::move(step.said));
    state = std::move(step.state);
  }
  return steps;
}

std::string text_of(const v1::StaggerStep& step) {
  std::string out;
  for (const v1::StaggeredService& service : step.services())
    out += fmt::format("{}Service/{}: {:.1f} % of the table, {:.1f} % left",
                       out.empty() ? "" : "; ", service.name(), service.moved(), service.left());
  return out.empty() ? "moves no table" : out;
}

}  // namespace sluice::model

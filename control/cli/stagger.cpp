#include "control/cli/stagger.hpp"

#include <algorithm>
#include <chrono>
#include <csignal>
#include <iostream>

#include "control/cli/client.hpp"
#include "control/cli/print.hpp"
#include "control/model/diff.hpp"
#include "control/model/stagger.hpp"

namespace sluice::cli {
namespace {

/// SIGINT and SIGTERM, taken in pauses alone: a step that is under way ends first.
class Interrupt {
 public:
  /// Before there are threads, so that none of them takes the signals.
  Interrupt() {
    sigemptyset(&set_);
    for (const int signal : {SIGINT, SIGTERM}) sigaddset(&set_, signal);
    pthread_sigmask(SIG_BLOCK, &set_, nullptr);
  }

  /// False: interrupted, now or since the pause before.
  [[nodiscard]] bool sleep(std::chrono::nanoseconds time) const {
    const auto end = std::chrono::steady_clock::now() + time;
    while (time.count() > 0) {
      timespec left{};
      left.tv_sec = static_cast<std::time_t>(time.count() / 1'000'000'000);
      left.tv_nsec = static_cast<long>(time.count() % 1'000'000'000);
      if (sigtimedwait(&set_, nullptr, &left) >= 0) return false;
      time = end - std::chrono::steady_clock::now();  // Ctrl-Z ends the wait too
    }
    return true;
  }

 private:
  sigset_t set_{};
};

/// Which documents a step changes and how: equal of two steps where the first was taken back.
std::string text_of(const v1::StaggerStep& step) {
  std::string out;
  for (const v1::Change& change : step.changes()) out += model::text_of(change) + '\n';
  return out;
}

bool is_staggered(const v1::Change& change, const v1::StaggerStep& step) {
  return change.kind() == "Service" &&
         std::any_of(step.services().begin(), step.services().end(),
                     [&](const auto& service) { return service.name() == change.name(); });
}

/// The revisions of the steps made.
using Made = std::vector<std::uint64_t>;

/// "`sluice rollback 4`", the revision before the first step.
std::string way_back(Client& client, const Made& made) {
  std::string number = "REVISION";
  const auto history = client.history({});
  if (history)
    for (const v1::Revision& revision : history->revisions())
      if (revision.number() == made.front() && revision.parent() != 0)
        number = std::to_string(revision.parent());
  return "`sluice rollback " + number + "`";
}

Exit stopped(Client& client, const Made& made, const std::string& why) {
  std::cerr << "sluice: " << why << "; ";
  if (made.empty()) {
    std::cerr << "nothing is changed\n";
  } else {
    std::cerr << "the last step made is " << made.size() << ", revision " << made.back()
              << ". The same command goes on from what is in force; " << way_back(client, made)
              << " goes back\n";
  }
  return Exit::refused;
}

void print_step(const v1::ApplyResponse& response, std::size_t number, int foreseen) {
  if (response.steps_size() == 0) {
    std::cout << "revision " << response.revision()
              << (response.changes_size() == 0 ? ", no change" : "") << std::endl;
    return;
  }
  const v1::StaggerStep& step = response.steps(0);
  for (const v1::Change& change : step.changes())
    if (!is_staggered(change, step)) std::cout << model::text_of(change) << '\n';
  std::cout << "step " << number << " of " << std::max(foreseen, static_cast<int>(number))
            << ", revision " << response.revision() << ": " << model::text_of(step)
            << (step.last() ? "; the whole change is in force" : "") << std::endl;
}

}  // namespace

void print_steps(const v1::ApplyResponse& response) {
  for (int i = 0; i < response.steps_size(); ++i)
    std::cout << "step " << i + 1 << ": " << model::text_of(response.steps(i)) << '\n';
}

Exit apply_in_steps(const Invocation& invocation, v1::ApplyRequest request, Nanoseconds pause,
                    const model::Places& places) {
  const Interrupt interrupt;
  const auto client = Client::connect(invocation.target);
  if (!client) return failed(client.error());
  Made made;
  const auto stop = [&](const std::string& why) { return stopped(**client, made, why); };
  const auto refused = [&](v1::ApplyResponse& response) {
    for (v1::Problem& problem : *response.mutable_problems()) model::locate(problem, places);
    print_problems({response.problems().begin(), response.problems().end()});
    return response.problems_size() != 0;
  };
  // Whoever has no way to the end had better not begin.
  request.set_dry_run(true);
  request.set_stagger_step(1);
  auto foreseen = (*client)->apply(request);
  if (!foreseen) return failed(foreseen.error());
  if (foreseen->problems_size() != 0 && invocation.output == Output::json) print_json(*foreseen);
  if (refused(*foreseen)) return stop("not all of the change can be made");
  request.set_dry_run(false);
  for (std::string before;;) {
    request.set_stagger_step(static_cast<std::uint32_t>(made.size() + 1));
    auto response = (*client)->apply(request);
    if (!response) {
      failed(response.error());
      return stop("the change is not complete");
    }
    if (invocation.output == Output::json) print_json(*response);
    if (refused(*response))
      return stop("the step is refused, revision " + std::to_string(response->revision()) +
                  " stays in force");
    if (response->changes_size() != 0) made.push_back(response->revision());
    if (invocation.output != Output::json)
      print_step(*response, made.size(), foreseen->steps_size());
    print_nodes(*response);
    // Without a step nothing was left to do.
    if (response->steps_size() == 0 || response->steps(0).last()) return Exit::done;
    const std::string changed = text_of(response->steps(0));
    if (changed == before)
      return stop("the step before had been taken back, by a data plane or a rollback");
    before = changed;
    request.set_base_revision(0);  // of the first step alone
    if (!interrupt.sleep(std::chrono::nanoseconds(pause))) return stop("interrupted");
  }
}

}  // namespace sluice::cli

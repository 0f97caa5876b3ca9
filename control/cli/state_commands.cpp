// Commands that change the desired state or look at its changes.
#include <iostream>

#include "control/cli/client.hpp"
#include "control/cli/commands.hpp"
#include "control/cli/load.hpp"
#include "control/cli/print.hpp"
#include "control/cli/stagger.hpp"
#include "control/model/diff.hpp"
#include "control/model/format.hpp"
#include "control/model/preview.hpp"
#include "control/model/validate.hpp"
#include "control/model/yaml.hpp"
#include "control/model/yaml_out.hpp"

namespace sluice::cli {
namespace {

/// Fields and files are checked here; the rest where the whole state is known.
bool load_right(const Invocation& invocation, model::LoadedState& loaded) {
  if (!load(invocation, loaded)) return false;
  print_problems(loaded.problems.list(), loaded.problems.not_kept());
  if (!loaded.problems.empty()) return false;
  if (loaded.state.documents_size() != 0 || invocation.replace) return true;
  std::cerr << "sluice: the files hold no documents; write `kind`, `name` and `spec`\n";
  return false;
}

Result<std::uint32_t> wait_of(const Invocation& invocation) {
  if (invocation.wait == "0") return 0U;
  const auto wait = model::parse_duration(invocation.wait);
  if (!wait) return tl::unexpected(wait.error());
  return static_cast<std::uint32_t>(std::min<Nanoseconds>(*wait / kMillisecond, 600'000));
}

Result<v1::ApplyRequest> request_of(const Invocation& invocation, const v1::DesiredState& state) {
  const auto wait = wait_of(invocation);
  if (!wait) return tl::unexpected(wait.error());
  v1::ApplyRequest request;
  *request.mutable_state() = state;
  request.set_dry_run(invocation.dry_run);
  request.set_replace_all(invocation.replace);
  request.set_base_revision(invocation.base_revision);
  request.set_comment(invocation.comment);
  request.set_wait_milliseconds(*wait);
  return request;
}

/// Prints an answer; `places` turns paths into lines where the documents came from files.
Exit answer(const Invocation& invocation, v1::ApplyResponse response,
            const model::Places& places = {}) {
  for (v1::Problem& problem : *response.mutable_problems()) model::locate(problem, places);
  const bool refused = response.problems_size() != 0;
  if (invocation.output == Output::json) {
    print_json(response);
  } else {
    for (const v1::Change& change : response.changes()) {
      std::cout << model::text_of(change) << '\n';
      if (!change.has_preview()) continue;
      for (const std::string& line : model::lines_of(change.preview()))
        std::cout << "    " << line << '\n';
    }
    print_steps(response);
  }
  print_problems({response.problems().begin(), response.problems().end()});
  if (refused) {
    if (response.changes_size() != 0 && !invocation.dry_run) {
      std::cerr << "sluice: refused by a data plane; revision " << response.revision()
                << " stays in force\n";
    }
    return Exit::refused;
  }
  if (invocation.dry_run) return Exit::done;
  if (invocation.output != Output::json) {
    std::cout << "revision " << response.revision()
              << (response.changes_size() == 0 ? ", no change" : "") << '\n';
  }
  print_nodes(response);
  return Exit::done;
}

}  // namespace

Exit apply(const Invocation& invocation) {
  model::LoadedState loaded;
  if (!load_right(invocation, loaded)) return Exit::refused;
  auto request = request_of(invocation, loaded.state);
  if (!request) return wrong_usage("--wait: " + request.error().text());
  if (!invocation.stagger.empty()) {
    const auto pause = model::parse_duration(invocation.stagger);
    if (!pause) return wrong_usage("--stagger: " + pause.error().text());
    if (!invocation.dry_run)
      return apply_in_steps(invocation, *std::move(request), *pause, loaded.places);
    request->set_stagger_step(1);
  }
  const auto client = Client::connect(invocation.target);
  if (!client) return failed(client.error());
  auto response = (*client)->apply(*request);
  if (!response) return failed(response.error());
  return answer(invocation, *std::move(response), loaded.places);
}

Exit diff(const Invocation& invocation) {
  model::LoadedState loaded;
  if (!load_right(invocation, loaded)) return Exit::refused;
  Invocation dry = invocation;
  dry.dry_run = true;
  const auto request = request_of(dry, loaded.state);
  const auto client = Client::connect(invocation.target);
  if (!client) return failed(client.error());
  auto response = (*client)->apply(*request);
  if (!response) return failed(response.error());
  const bool differs = response->changes_size() != 0;
  const Exit exit = answer(dry, *std::move(response), loaded.places);
  return differs ? Exit::refused : exit;
}

Exit validate(const Invocation& invocation) {
  model::LoadedState loaded;
  if (!load(invocation, loaded)) return Exit::refused;
  model::validate(loaded.state, loaded.problems, &loaded.places);
  print_problems(loaded.problems.list(), loaded.problems.not_kept());
  const std::size_t count = loaded.problems.list().size() + loaded.problems.not_kept();
  if (invocation.output == Output::json) {
    v1::ApplyResponse response;
    for (const v1::Problem& problem : loaded.problems.list()) *response.add_problems() = problem;
    print_json(response);
  } else if (count == 0) {
    std::cout << loaded.state.documents_size() << " documents, no mistakes\n";
  }
  return count == 0 ? Exit::done : Exit::refused;
}

Exit remove(const Invocation& invocation) {
  const auto wait = wait_of(invocation);
  if (!wait) return wrong_usage("--wait: " + wait.error().text());
  const auto client = Client::connect(invocation.target);
  if (!client) return failed(client.error());
  v1::DeleteRequest request;
  request.set_kind(invocation.kind);
  request.set_name(invocation.name);
  request.set_wait_milliseconds(*wait);
  auto response = (*client)->remove(request);
  if (!response) return failed(response.error());
  return answer(invocation, *std::move(response));
}

Exit rollback(const Invocation& invocation) {
  const auto wait = wait_of(invocation);
  if (!wait) return wrong_usage("--wait: " + wait.error().text());
  const auto client = Client::connect(invocation.target);
  if (!client) return failed(client.error());
  v1::RollbackRequest request;
  request.set_revision(invocation.revision);
  request.set_wait_milliseconds(*wait);
  auto response = (*client)->rollback(request);
  if (!response) return failed(response.error());
  return answer(invocation, *std::move(response));
}

Exit history(const Invocation& invocation) {
  const auto client = Client::connect(invocation.target);
  if (!client) return failed(client.error());
  v1::HistoryRequest request;
  request.set_limit(invocation.limit);
  const auto response = (*client)->history(request);
  if (!response) return failed(response.error());
  if (invocation.output == Output::json) {
    print_json(*response);
    return Exit::done;
  }
  Table table({"REVISION", "TIME", "STATE", "AUTHOR", "CHANGES", "COMMENT"});
  for (const v1::Revision& revision : response->revisions()) {
    std::string changes;
    for (const v1::Change& change : revision.changes()) {
      const std::string text = model::text_of(change);
      changes += (changes.empty() ? "" : ", ") + text.substr(0, text.find('\n'));
    }
    constexpr std::size_t kChangesMax = 60;
    if (changes.size() > kChangesMax) {
      changes.resize(kChangesMax - 3);
      changes += "...";
    }
    table.add({std::to_string(revision.number()), time_text(revision.time_unix()), revision.state(),
               revision.author(), changes, revision.comment()});
  }
  std::cout << table.text();
  return Exit::done;
}

}  // namespace sluice::cli

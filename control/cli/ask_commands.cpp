// Commands that look into a data plane's tables: why, and the live tables of get.
#include <iostream>

#include <fmt/format.h>

#include "control/cli/client.hpp"
#include "control/cli/commands.hpp"
#include "control/cli/flow.hpp"
#include "control/cli/print.hpp"
#include "control/model/yaml_out.hpp"

namespace sluice::cli {
namespace {

/// The whole answer to a question, however many messages it came in.
struct Answer {
  std::vector<std::string> columns;
  std::vector<std::vector<std::string>> rows;
  std::vector<v1::Problem> problems;
  std::uint64_t total = 0;
  v1::WhyAnswer why;
};

Result<Answer> ask(const Invocation& invocation, const v1::Query& query) {
  const auto client = Client::connect(invocation.target);
  if (!client) return tl::unexpected(client.error());
  v1::AskRequest request;
  request.set_node(invocation.node);
  *request.mutable_query() = query;
  Answer answer;
  const auto done = (*client)->ask(request, [&answer](const v1::QueryResult& result) {
    if (answer.columns.empty())
      answer.columns.assign(result.columns().begin(), result.columns().end());
    for (const v1::TableRow& row : result.rows())
      answer.rows.emplace_back(row.cells().begin(), row.cells().end());
    answer.problems.insert(answer.problems.end(), result.problems().begin(),
                           result.problems().end());
    answer.total = std::max(answer.total, result.total());
    if (result.has_why()) answer.why = result.why();
    return true;
  });
  if (!done) return tl::unexpected(done.error());
  return answer;
}

void print_rows_json(const Answer& answer) {
  std::string out;
  for (const auto& row : answer.rows) {
    std::string object;
    for (std::size_t i = 0; i < std::min(row.size(), answer.columns.size()); ++i) {
      object += (object.empty() ? "" : ", ") + model::json_string(answer.columns[i]) + ": " +
                model::json_string(row[i]);
    }
    out += (out.empty() ? "\n  {" : ",\n  {") + object + "}";
  }
  std::cout << '[' << out << (out.empty() ? "]\n" : "\n]\n");
}

void print_rows(Answer answer) {
  for (std::string& column : answer.columns)
    for (char& c : column) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  Table table(answer.columns);
  const std::size_t shown = answer.rows.size();
  for (auto& row : answer.rows) table.add(std::move(row));
  std::cout << table.text();
  if (answer.total > shown)
    std::cout << fmt::format("{} of {}; --limit N shows more\n", shown, answer.total);
}

std::string verdict_text(const v1::WhyAnswer& why) {
  std::string text = why.verdict();
  if (!why.answer().empty()) text += " with " + why.answer();
  if (!why.out_port().empty()) text += ", out of port " + why.out_port();
  if (!why.backend().empty()) text += ", service " + why.service() + ", backend " + why.backend();
  if (!why.rule().empty()) text += ", rule " + why.rule();
  if (!why.reason().empty()) text += ", reason " + why.reason() + ": " + why.meaning();
  return text;
}

void print_why(const v1::WhyAnswer& why) {
  std::cout << fmt::format("{}, in by port {}, worker {}, revision {}\n", why.packet(),
                           why.in_port(), why.worker(), why.revision());
  for (const v1::TraceStep& step : why.steps())
    std::cout << fmt::format("    {:<10} {}\n", step.stage(), step.decision());
  std::cout << fmt::format("{}\n", verdict_text(why));
}

}  // namespace

Exit why(const Invocation& invocation) {
  auto flow = parse_flow(invocation.flow);
  if (!flow) return wrong_usage(flow.error().text());
  flow->set_port(invocation.in_port);
  if (!invocation.tcp_flags.empty()) {
    const auto flags = parse_tcp_flags(invocation.tcp_flags);
    if (!flags) return wrong_usage(flags.error().text());
    flow->set_tcp_flags(*flags);
  }
  flow->set_query_name(invocation.query_name);
  flow->set_query_type(invocation.query_type);
  v1::Query query;
  *query.mutable_why() = *std::move(flow);
  const auto answer = ask(invocation, query);
  if (!answer) return failed(answer.error());
  print_problems(answer->problems);
  if (!answer->problems.empty()) return Exit::refused;
  if (invocation.output == Output::json) {
    print_json(answer->why);
  } else {
    print_why(answer->why);
  }
  return Exit::done;
}

Exit show_table(const Invocation& invocation, const std::string& table) {
  v1::Query query;
  query.mutable_table()->set_table(table);
  query.mutable_table()->set_limit(invocation.limit);
  auto answer = ask(invocation, query);
  if (!answer) return failed(answer.error());
  print_problems(answer->problems);
  if (!answer->problems.empty()) return Exit::refused;
  if (invocation.output == Output::json) {
    print_rows_json(*answer);
  } else {
    print_rows(*std::move(answer));
  }
  return Exit::done;
}

}  // namespace sluice::cli

/// What commands print: tables, errors, problems, numbers.
#pragma once

#include <string>
#include <vector>

#include "control/cli/invocation.hpp"
#include "control/model/problems.hpp"
#include "dataplane/runtime/result.hpp"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {

/// Rows under headings, columns as wide as their longest cell.
class Table {
 public:
  explicit Table(std::vector<std::string> headings) { rows_.push_back(std::move(headings)); }
  void add(std::vector<std::string> row) { rows_.push_back(std::move(row)); }
  [[nodiscard]] bool empty() const { return rows_.size() == 1; }
  [[nodiscard]] std::string text() const;

 private:
  std::vector<std::vector<std::string>> rows_;  ///< the first is the headings
};

/// "sluice: WHAT" on standard error.
Exit failed(const Error& error);
Exit wrong_usage(const std::string& what);

/// Each problem as "FILE:LINE:COLUMN: what; what to do" on standard error.
void print_problems(const std::vector<v1::Problem>& problems, std::size_t not_kept = 0);

/// Data planes that have not taken what was applied, on standard error.
void print_nodes(const v1::ApplyResponse& response);

/// "{a="1", b="2"}" without the braces, "worker" and "node" included.
[[nodiscard]] std::string labels_text(const v1::Sample& sample);
/// A whole number as it is, another with three significant digits.
[[nodiscard]] std::string number_text(double value);
/// "2026-11-24 19:49:44", local time.
[[nodiscard]] std::string time_text(std::uint64_t time_unix);
/// "3d 4h", "5m 10s".
[[nodiscard]] std::string duration_text(std::uint64_t seconds);

/// A message as JSON with a final newline, every field shown.
void print_json(const google::protobuf::Message& message);

}  // namespace sluice::cli

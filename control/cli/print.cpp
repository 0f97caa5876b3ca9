#include "control/cli/print.hpp"

#include <cmath>
#include <ctime>
#include <iostream>

#include <fmt/format.h>

#include "control/model/yaml_out.hpp"

namespace sluice::cli {
namespace {

/// Columns that the text takes: bytes of UTF-8 that do not continue a character.
std::size_t width_of(const std::string& text) {
  std::size_t width = 0;
  for (const char c : text) width += (static_cast<unsigned char>(c) & 0xc0) != 0x80 ? 1 : 0;
  return width;
}

}  // namespace

std::string Table::text() const {
  std::vector<std::size_t> widths;
  for (const auto& row : rows_) {
    widths.resize(std::max(widths.size(), row.size()));
    for (std::size_t i = 0; i < row.size(); ++i) widths[i] = std::max(widths[i], width_of(row[i]));
  }
  std::string out;
  for (const auto& row : rows_) {
    std::string line;
    for (std::size_t i = 0; i < row.size(); ++i) {
      line += row[i] + std::string(widths[i] - width_of(row[i]) + 2, ' ');
    }
    line.erase(line.find_last_not_of(' ') + 1);
    out += line + '\n';
  }
  return out;
}

Exit failed(const Error& error) {
  std::cerr << "sluice: " << error.text() << '\n';
  return Exit::refused;
}

Exit wrong_usage(const std::string& what) {
  std::cerr << "sluice: " << what << "; see `sluice --help`\n";
  return Exit::usage;
}

void print_problems(const std::vector<v1::Problem>& problems, std::size_t not_kept) {
  for (const v1::Problem& problem : problems) {
    const bool placed = !problem.path().empty() || problem.line() != 0;
    std::cerr << (placed ? "" : "sluice: ") << model::text_of(problem) << '\n';
  }
  if (not_kept != 0) std::cerr << "sluice: and " << not_kept << " more\n";
}

void print_nodes(const v1::ApplyResponse& response) {
  for (const v1::NodeStatus& node : response.nodes()) {
    if (node.state() == "applied") continue;
    std::cerr << "sluice: node " << node.node() << ": " << node.state();
    if (node.state() == "pending") std::cerr << ", has revision " << node.revision();
    std::cerr << "; see `sluice status`\n";
  }
}

std::string labels_text(const v1::Sample& sample) {
  std::string out;
  for (const v1::Label& label : sample.labels()) {
    out += (out.empty() ? "" : " ") + label.name() + "=" + label.value();
  }
  return out;
}

std::string number_text(double value) {
  if (value == std::floor(value) && std::fabs(value) < 1e15) return fmt::format("{:.0f}", value);
  return fmt::format("{:.3g}", value);
}

std::string time_text(std::uint64_t time_unix) {
  const auto time = static_cast<std::time_t>(time_unix);
  std::tm parts{};
  if (localtime_r(&time, &parts) == nullptr) return "?";
  char text[32];
  const std::size_t length = std::strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S", &parts);
  return {text, length};
}

std::string duration_text(std::uint64_t seconds) {
  const std::uint64_t days = seconds / 86'400;
  const std::uint64_t hours = seconds / 3'600 % 24;
  const std::uint64_t minutes = seconds / 60 % 60;
  if (days != 0) return fmt::format("{}d {}h", days, hours);
  if (hours != 0) return fmt::format("{}h {}m", hours, minutes);
  if (minutes != 0) return fmt::format("{}m {}s", minutes, seconds % 60);
  return fmt::format("{}s", seconds);
}

void print_json(const google::protobuf::Message& message) {
  std::cout << model::message_to_json(message, 0, model::Absent::shown) << '\n';
}

}  // namespace sluice::cli

#include "control/model/problems.hpp"

#include <charconv>
#include <optional>
#include <utility>

#include "control/model/format.hpp"
#include "control/model/kinds.hpp"

namespace sluice::model {
namespace {

/// A path without its last ".field" or "[3]"; empty when nothing is left to remove.
std::string_view enclosing(std::string_view path) {
  const auto cut = path.find_last_of(".[");
  const auto head = path.find(": ");
  if (cut != std::string_view::npos && (head == std::string_view::npos || cut > head)) {
    return path.substr(0, cut);
  }
  return head == std::string_view::npos ? std::string_view{} : path.substr(0, head);
}

/// Takes ":NUMBER" off the end of the text.
std::optional<std::uint32_t> take_number(std::string_view& text) {
  const auto colon = text.rfind(':');
  if (colon == std::string_view::npos || colon + 1 == text.size()) return std::nullopt;
  std::uint32_t value = 0;
  const char* end = text.data() + text.size();
  const auto result = std::from_chars(text.data() + colon + 1, end, value);
  if (result.ec != std::errc{} || result.ptr != end) return std::nullopt;
  text = text.substr(0, colon);
  return value;
}

/// The field of a kind that holds text with lines of its own.
std::string text_field(std::string_view key) {
  return key.substr(0, key.find('/')) == "Firewall" ? ": spec.rules" : ": spec.text";
}

bool is_document_key(std::string_view text) {
  const auto slash = text.find('/');
  return slash != std::string_view::npos && field_of_kind(text.substr(0, slash)) != nullptr;
}

}  // namespace

Place Places::find(std::string_view path) const {
  for (;; path = enclosing(path)) {
    const auto found = places_.find(std::string(path));
    if (found != places_.end()) return found->second;
    if (path.empty()) return {};
  }
}

void Problems::add(std::string path, std::string what, std::string fix) {
  v1::Problem problem;
  problem.set_path(std::move(path));
  problem.set_what(std::move(what));
  problem.set_fix(std::move(fix));
  add(std::move(problem));
}

void Problems::add_at(const Place& place, std::string path, std::string what, std::string fix) {
  v1::Problem problem;
  problem.set_file(place.file);
  problem.set_line(place.line);
  problem.set_column(place.column);
  problem.set_path(std::move(path));
  problem.set_what(std::move(what));
  problem.set_fix(std::move(fix));
  add(std::move(problem));
}

bool Problems::follows_from_another(std::string_view path) const {
  // What is around a document says nothing about its fields.
  for (path = enclosing(path); path.find(": ") != std::string_view::npos; path = enclosing(path)) {
    if (paths_.count(std::string(path)) != 0) return true;
  }
  return false;
}

void Problems::add(v1::Problem problem) {
  // Several places of one text (rules, records) share its path; they are told apart by line.
  std::string key = problem.path();
  if (problem.line() != 0) {
    key += '\n' + std::to_string(problem.line()) + ':' + std::to_string(problem.column());
  }
  if (!problem.path().empty()) {
    if (follows_from_another(problem.path()) || !paths_.insert(std::move(key)).second) return;
  }
  if (list_.size() >= kLimit) {
    ++not_kept_;
    return;
  }
  list_.push_back(std::move(problem));
}

void Problems::locate(const Places& places) {
  for (v1::Problem& problem : list_) model::locate(problem, places);
}

void locate(v1::Problem& problem, const Places& places) {
  if (!problem.file().empty()) return;
  const Place place = places.find(problem.path());
  if (place.line == 0) return;
  problem.set_file(place.file);
  if (problem.line() == 0) {
    problem.set_line(place.line);
    problem.set_column(place.column);
  } else {
    problem.set_line(place.line + place.text_offset + problem.line() - 1);
  }
}

std::string text_of(const v1::Problem& problem) {
  std::string out = problem.file();
  if (problem.line() != 0) {
    if (out.empty()) out = problem.path().empty() ? "line" : problem.path();
    out += ':' + std::to_string(problem.line());
    if (problem.column() != 0) out += ':' + std::to_string(problem.column());
  }
  if (!out.empty()) out += ": ";
  if (!problem.path().empty() && (problem.line() == 0 || !problem.file().empty())) {
    out += problem.path() + ": ";
  }
  out += problem.what();
  if (!problem.fix().empty()) out += "; " + problem.fix();
  return out;
}

v1::Problem problem_of(const Error& error) {
  v1::Problem problem;
  problem.set_what(as_utf8(error.what));
  problem.set_fix(as_utf8(error.fix));
  std::string_view head = error.where;
  const auto last = take_number(head);
  const auto before = last ? take_number(head) : std::nullopt;
  if (before) {
    problem.set_line(*before);
    problem.set_column(*last);
  } else if (last) {
    problem.set_line(*last);
  }
  if (is_document_key(head)) {
    problem.set_path(std::string(head) + (last ? text_field(head) : std::string()));
  } else if (last) {
    problem.set_file(std::string(head));
  } else {
    problem.set_path(error.where);
  }
  return problem;
}

}  // namespace sluice::model

/// What is wrong with a state, collected whole, and where each field was written.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <unordered_set>
#include <vector>

#include "dataplane/runtime/result.hpp"
#include "sluice/v1/problem.pb.h"

namespace sluice::model {

/// A position in a file, counted from 1; line 0: unknown.
struct Place {
  std::string file;
  std::uint32_t line = 0;
  std::uint32_t column = 0;
  /// Lines from `line` to the first line of the text itself: 1 for a block scalar ("rules: |").
  std::uint32_t text_offset = 0;
};

/// Where the fields of documents were written, by path: "Service/web: spec.backends[1].port".
class Places {
 public:
  void set(std::string path, Place place) { places_.insert_or_assign(std::move(path), place); }
  /// The place of the path, or of the nearest field around it; line 0 if nothing is known.
  [[nodiscard]] Place find(std::string_view path) const;
  [[nodiscard]] bool empty() const { return places_.empty(); }

 private:
  std::unordered_map<std::string, Place> places_;
};

/// Problems in the order they were found. The first one about a path is kept; later ones about the
/// same path, or about a field within it, follow from it.
class Problems {
 public:
  static constexpr std::size_t kLimit = 100;  ///< more are counted but not kept

  /// About a field, whose place is looked up when the problems are located.
  void add(std::string path, std::string what, std::string fix = {});
  /// About a place in a file.
  void add_at(const Place& place, std::string path, std::string what, std::string fix = {});
  void add(v1::Problem problem);

  [[nodiscard]] bool empty() const { return list_.empty(); }
  [[nodiscard]] const std::vector<v1::Problem>& list() const { return list_; }
  [[nodiscard]] std::size_t not_kept() const { return not_kept_; }

  /// Fills in file, line and column from the paths. A problem that already has a line but no file
  /// counts it from the first line of the path's text.
  void locate(const Places& places);

 private:
  [[nodiscard]] bool follows_from_another(std::string_view path) const;

  std::vector<v1::Problem> list_;
  std::unordered_set<std::string> paths_;
  std::size_t not_kept_ = 0;
};

/// Places one problem; see Problems::locate.
void locate(v1::Problem& problem, const Places& places);

/// "FILE:LINE:COLUMN: PATH: WHAT; FIX" without the parts that are empty.
[[nodiscard]] std::string text_of(const v1::Problem& problem);

/// The Error of a library below as a problem. Its `where` is taken as FILE:LINE[:COLUMN], or as
/// Kind/name[:LINE[:COLUMN]], where the line counts within the document's text, or as a path.
[[nodiscard]] v1::Problem problem_of(const Error& error);

}  // namespace sluice::model

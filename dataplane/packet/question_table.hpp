/// Rows of a worker's table, copied as it stands: a slice a turn, so that the table goes on
/// changing while it is copied and a row is of one instant, the whole is not.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "dataplane/packet/pipeline.hpp"
#include "dataplane/packet/question.hpp"

namespace sluice {

/// `Table` says what is copied:
///   using Row = ...;
///   static std::uint32_t places(const Pipeline&);  // to look at
///   static std::uint32_t size(const Pipeline&);    // rows there are
///   static bool row(const Pipeline&, std::uint32_t place, Nanoseconds now, Row& out);  // there is
template <class Table>
class TableQuestion final : public Question {
 public:
  using Row = typename Table::Row;
  static constexpr unsigned kPlacesPerTurn = 64;

  explicit TableQuestion(std::uint32_t rows_max) { rows_.resize(rows_max); }

  [[nodiscard]] bool advance(const Pipeline& pipeline, const Context& context,
                             const Snapshot&) override {
    time_ = context.now;
    total_ = Table::size(pipeline);
    const std::uint32_t places = Table::places(pipeline);
    for (unsigned n = 0; n < kPlacesPerTurn && !done(places); ++n)
      if (Table::row(pipeline, next_++, context.now, rows_[count_])) ++count_;
    return done(places);
  }

  // The answer.

  [[nodiscard]] std::span<const Row> rows() const { return {rows_.data(), count_}; }
  /// Rows that the table had.
  [[nodiscard]] std::uint32_t total() const { return total_; }
  /// Of the worker's clock, at the end.
  [[nodiscard]] Nanoseconds time() const { return time_; }

 private:
  [[nodiscard]] bool done(std::uint32_t places) const {
    return next_ >= places || count_ == rows_.size() || count_ >= total_;
  }

  std::vector<Row> rows_;
  std::size_t count_ = 0;
  std::uint32_t next_ = 0;
  std::uint32_t total_ = 0;
  Nanoseconds time_ = 0;
};

}  // namespace sluice

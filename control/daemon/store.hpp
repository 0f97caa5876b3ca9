/// Revisions on disk: SQLite in WAL mode with synchronous=FULL, so that what commit returned for is
/// there after kill -9 or a power cut. Revision and audit row are one transaction.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "dataplane/runtime/result.hpp"
#include "sluice/v1/control.pb.h"

struct sqlite3;

namespace sluice::control {

/// Not safe for several threads: its owner serialises.
class Store {
 public:
  /// Opens or makes `folder`/store.db. Error: no space, no permission, of a newer version, damaged.
  [[nodiscard]] static Result<Store> open(const std::string& folder);

  /// The revision in force; 0 before the first.
  [[nodiscard]] Result<std::uint64_t> current();
  /// The state of a revision; nothing if it is not kept. Revision 0 is the empty state.
  [[nodiscard]] Result<std::optional<v1::DesiredState>> state_of(std::uint64_t revision);
  /// Newest first.
  [[nodiscard]] Result<std::vector<v1::Revision>> history(std::uint32_t limit);

  /// Makes a new revision the one in force, and returns its number; `info` gives the rest. Forgets
  /// the oldest beyond `keep`. On an error nothing has changed.
  [[nodiscard]] Result<std::uint64_t> commit(const v1::Revision& info,
                                             const v1::DesiredState& state, std::uint32_t keep);
  /// Marks a revision as refused, and puts `fallback` back in force.
  [[nodiscard]] Result<void> refuse(std::uint64_t revision, std::uint64_t fallback,
                                    const v1::Revision& why);

 private:
  struct Close {
    void operator()(sqlite3* database) const;
  };
  explicit Store(std::unique_ptr<sqlite3, Close> database, std::string folder)
      : database_(std::move(database)), folder_(std::move(folder)) {}

  [[nodiscard]] Result<void> prepare();
  [[nodiscard]] Result<void> run(const char* sql);
  [[nodiscard]] tl::unexpected<Error> failure(const std::string& doing);
  template <class Body>
  [[nodiscard]] Result<void> transaction(Body&& body);
  [[nodiscard]] Result<void> insert(std::uint64_t number, const v1::Revision& info,
                                    const v1::DesiredState& state);
  [[nodiscard]] Result<void> audit(const v1::Revision& info, std::uint64_t revision,
                                   const std::string& action);
  [[nodiscard]] Result<void> set_current(std::uint64_t revision);
  [[nodiscard]] Result<void> forget(std::uint32_t keep);

  std::unique_ptr<sqlite3, Close> database_;
  std::string folder_;

  friend class Statement;
};

}  // namespace sluice::control

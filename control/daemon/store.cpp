#include "control/daemon/store.hpp"

#include <cerrno>
#include <cstring>

#include "control/daemon/statement.hpp"
#include "control/model/diff.hpp"

namespace sluice::control {
namespace {

constexpr std::uint64_t kVersion = 1;  // of the tables, as PRAGMA user_version
constexpr int kBusyMilliseconds = 2'000;

constexpr const char* kTables = R"(
  CREATE TABLE IF NOT EXISTS revision (
    number INTEGER PRIMARY KEY, parent INTEGER NOT NULL, time_unix INTEGER NOT NULL,
    author TEXT NOT NULL, comment TEXT NOT NULL, refused INTEGER NOT NULL DEFAULT 0,
    details BLOB NOT NULL, state BLOB NOT NULL);
  CREATE TABLE IF NOT EXISTS audit (
    id INTEGER PRIMARY KEY AUTOINCREMENT, time_unix INTEGER NOT NULL, author TEXT NOT NULL,
    action TEXT NOT NULL, revision INTEGER NOT NULL, text TEXT NOT NULL);
  CREATE TABLE IF NOT EXISTS pointer (name TEXT PRIMARY KEY, revision INTEGER NOT NULL);
  INSERT OR IGNORE INTO pointer VALUES ('current', 0), ('last', 0);
  PRAGMA user_version = 1;
)";

}  // namespace

void Store::Close::operator()(sqlite3* database) const {
  sqlite3_close_v2(database);
}

tl::unexpected<Error> Store::failure(const std::string& doing) {
  sqlite3* db = database_.get();
  const int code = sqlite3_errcode(db);
  const int system = sqlite3_system_errno(db);
  if (code == SQLITE_FULL || system == ENOSPC || system == EDQUOT) {
    return fail("cannot " + doing + ": no space is left", folder_,
                "free space there and try again");
  }
  if (code == SQLITE_READONLY || code == SQLITE_PERM || system == EACCES || system == EROFS) {
    return fail("cannot " + doing + ": the folder cannot be written", folder_,
                "check its permissions and whether the file system is read-only");
  }
  if (code == SQLITE_CORRUPT || code == SQLITE_NOTADB) {
    return fail("cannot " + doing + ": store.db is damaged", folder_,
                "restore it from a backup, or move it away and apply the state again");
  }
  std::string why = sqlite3_errmsg(db);
  if (system != 0) why += std::string(" (") + std::strerror(system) + ")";
  return fail("cannot " + doing + ": " + why, folder_, "see the state folder and its disk");
}

Result<Store> Store::open(const std::string& folder) {
  sqlite3* raw = nullptr;
  const std::string path = folder + "/store.db";
  const int status =
      sqlite3_open_v2(path.c_str(), &raw, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, nullptr);
  Store store(std::unique_ptr<sqlite3, Close>(raw), folder);
  if (status != SQLITE_OK) return store.failure("open the store");
  sqlite3_extended_result_codes(raw, 0);
  sqlite3_busy_timeout(raw, kBusyMilliseconds);
  if (auto ready = store.prepare(); !ready) return tl::unexpected(ready.error());
  return store;
}

Result<void> Store::prepare() {
  std::uint64_t version = 0;
  {
    Statement statement(database_.get(), "PRAGMA user_version");
    if (!statement.step()) return failure("open the store");
    version = statement.number(0);
  }
  if (version > kVersion) {
    return fail("the store was written by a newer sluice-control", folder_,
                "start that version, or use another state folder");
  }
  for (const char* sql : {"PRAGMA journal_mode = WAL", "PRAGMA synchronous = FULL"}) {
    if (auto done = run(sql); !done) return done;
  }
  if (version == kVersion) return {};
  return transaction([&]() -> Result<void> { return run(kTables); });
}

Result<void> Store::run(const char* sql) {
  if (sqlite3_exec(database_.get(), sql, nullptr, nullptr, nullptr) == SQLITE_OK) return {};
  return failure("write the store");
}

template <class Body>
Result<void> Store::transaction(Body&& body) {
  if (auto begun = run("BEGIN IMMEDIATE"); !begun) return begun;
  Result<void> done = body();
  if (done) done = run("COMMIT");
  // After an error of the disk SQLite may have rolled back by itself; then this finds nothing to
  // do.
  if (!done) sqlite3_exec(database_.get(), "ROLLBACK", nullptr, nullptr, nullptr);
  return done;
}

Result<std::uint64_t> Store::current() {
  Statement statement(database_.get(), "SELECT revision FROM pointer WHERE name = 'current'");
  if (!statement.step()) return failure("read the store");
  return statement.number(0);
}

Result<std::optional<v1::DesiredState>> Store::state_of(std::uint64_t revision) {
  v1::DesiredState state;
  if (revision == 0) return state;
  Statement statement(database_.get(), "SELECT state FROM revision WHERE number = ?");
  if (!statement.bind(revision).step()) {
    if (!statement.good()) return failure("read the store");
    return std::nullopt;
  }
  if (!state.ParseFromString(statement.bytes(0))) {
    return fail("revision " + std::to_string(revision) + " cannot be read", folder_,
                "restore store.db from a backup");
  }
  return state;
}

Result<std::vector<v1::Revision>> Store::history(std::uint32_t limit) {
  const auto now = current();
  if (!now) return tl::unexpected(now.error());
  Statement statement(database_.get(),
                      "SELECT number, refused, details FROM revision ORDER BY number DESC LIMIT ?");
  statement.bind(std::uint64_t{limit});
  std::vector<v1::Revision> revisions;
  while (statement.step()) {
    v1::Revision revision;
    if (!revision.ParseFromString(statement.bytes(2))) continue;
    revision.set_number(statement.number(0));
    revision.set_state(statement.number(1) != 0      ? "refused"
                       : statement.number(0) == *now ? "current"
                                                     : "earlier");
    revisions.push_back(std::move(revision));
  }
  if (!statement.good()) return failure("read the store");
  return revisions;
}

Result<void> Store::insert(std::uint64_t number, const v1::Revision& info,
                           const v1::DesiredState& state) {
  Statement statement(database_.get(),
                      "INSERT INTO revision (number, parent, time_unix, author, comment, details, "
                      "state) VALUES (?, ?, ?, ?, ?, ?, ?)");
  statement.bind(number).bind(info.parent()).bind(info.time_unix());
  statement.bind(std::string_view(info.author())).bind(std::string_view(info.comment()));
  statement.bind_bytes(info.SerializeAsString()).bind_bytes(state.SerializeAsString());
  if (!statement.run()) return failure("store the revision");
  return {};
}

Result<void> Store::audit(const v1::Revision& info, std::uint64_t revision,
                          const std::string& action) {
  std::string text;
  for (const v1::Change& change : info.changes()) {
    if (!text.empty()) text += '\n';
    text += model::text_of(change);
  }
  Statement statement(
      database_.get(),
      "INSERT INTO audit (time_unix, author, action, revision, text) VALUES (?, ?, ?, ?, ?)");
  statement.bind(info.time_unix()).bind(std::string_view(info.author()));
  statement.bind(std::string_view(action)).bind(revision).bind(std::string_view(text));
  if (!statement.run()) return failure("store the audit record");
  return {};
}

Result<void> Store::set_current(std::uint64_t revision) {
  Statement statement(database_.get(), "UPDATE pointer SET revision = ? WHERE name = 'current'");
  if (!statement.bind(revision).run()) return failure("store the revision");
  return {};
}

Result<void> Store::forget(std::uint32_t keep) {
  Statement statement(database_.get(),
                      "DELETE FROM revision WHERE number <= "
                      "(SELECT revision FROM pointer WHERE name = 'last') - ? AND number <> "
                      "(SELECT revision FROM pointer WHERE name = 'current')");
  if (!statement.bind(std::uint64_t{keep}).run()) return failure("forget old revisions");
  return {};
}

Result<std::uint64_t> Store::commit(const v1::Revision& info, const v1::DesiredState& state,
                                    std::uint32_t keep) {
  std::uint64_t number = 0;
  const auto done = transaction([&]() -> Result<void> {
    {
      Statement statement(database_.get(),
                          "UPDATE pointer SET revision = revision + 1 WHERE name = 'last' "
                          "RETURNING revision");
      if (!statement.step()) return failure("store the revision");
      number = statement.number(0);
    }
    return insert(number, info, state)
        .and_then([&] { return audit(info, number, "apply"); })
        .and_then([&] { return set_current(number); })
        .and_then([&] { return forget(keep); });
  });
  if (!done) return tl::unexpected(done.error());
  return number;
}

Result<void> Store::refuse(std::uint64_t revision, std::uint64_t fallback,
                           const v1::Revision& why) {
  return transaction([&]() -> Result<void> {
    {
      Statement statement(database_.get(),
                          "UPDATE revision SET refused = 1, details = ? WHERE number = ?");
      if (!statement.bind_bytes(why.SerializeAsString()).bind(revision).run()) {
        return failure("mark the revision as refused");
      }
    }
    return audit(why, revision, "refused").and_then([&] { return set_current(fallback); });
  });
}

}  // namespace sluice::control

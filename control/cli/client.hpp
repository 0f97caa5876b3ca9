/// The operators' API as calls that return values. The one place of the command that knows gRPC.
#pragma once

#include <functional>
#include <memory>
#include <string>

#include "control/cli/invocation.hpp"
#include "dataplane/runtime/result.hpp"
#include "sluice/v1/control.pb.h"

namespace sluice::cli {

class Client {
 public:
  virtual ~Client() = default;

  /// Error: nobody listens there, no permission, certificates that do not fit.
  [[nodiscard]] static Result<std::unique_ptr<Client>> connect(const Target& target);

  [[nodiscard]] virtual Result<v1::ApplyResponse> apply(const v1::ApplyRequest& request) = 0;
  [[nodiscard]] virtual Result<v1::ApplyResponse> remove(const v1::DeleteRequest& request) = 0;
  [[nodiscard]] virtual Result<v1::ApplyResponse> rollback(const v1::RollbackRequest& request) = 0;
  [[nodiscard]] virtual Result<v1::GetResponse> get(const v1::GetRequest& request) = 0;
  [[nodiscard]] virtual Result<v1::HistoryResponse> history(const v1::HistoryRequest& request) = 0;
  [[nodiscard]] virtual Result<v1::StatusResponse> status() = 0;
  [[nodiscard]] virtual Result<v1::VersionResponse> version() = 0;

  /// Calls `take` for each answer until the last, or until it returns false.
  [[nodiscard]] virtual Result<void> ask(
      const v1::AskRequest& request, const std::function<bool(const v1::QueryResult&)>& take) = 0;
  [[nodiscard]] virtual Result<void> trace(
      const v1::TraceRequest& request,
      const std::function<bool(const v1::TracedPacket&)>& take) = 0;
};

}  // namespace sluice::cli

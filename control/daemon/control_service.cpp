#include "control/daemon/control_service.hpp"

#include <chrono>

#include <grpcpp/grpcpp.h>

#include "control/model/format.hpp"
#include "sluice/v1/control.grpc.pb.h"

namespace sluice::control {
namespace {

using grpc::ServerContext;

constexpr std::chrono::milliseconds kAnswerWait{5'000};
constexpr std::chrono::milliseconds kPollWait{100};  // between looks at whether the client is gone
constexpr std::size_t kAuthorMax = 128;

std::string shortened(std::string_view text) {
  std::string out = model::quoted(text.substr(0, kAuthorMax));
  return out.substr(1, out.size() - 2);
}

/// Who asks: the identity of the certificate, or what a member of the socket's group says of
/// itself.
std::string author_of(const ServerContext& context) {
  const auto auth = context.auth_context();
  if (auth != nullptr && auth->IsPeerAuthenticated()) {
    for (const char* property : {"peer_spiffe_id", "x509_common_name"}) {
      const auto values = auth->FindPropertyValues(property);
      if (values.size() == 1) {
        return "tls:" + shortened({values[0].data(), values[0].size()});
      }
    }
    return "tls:unnamed";
  }
  const auto found = context.client_metadata().find("sluice-user");
  if (found == context.client_metadata().end()) return "local";
  return "local:" + shortened(model::as_utf8({found->second.data(), found->second.size()}));
}

grpc::Status failed(const Error& error) {
  return {grpc::StatusCode::FAILED_PRECONDITION, error.text()};
}

/// The answer, or the error as a status.
template <class T>
grpc::Status answer(Result<T> result, T* response) {
  if (!result) return failed(result.error());
  *response = *std::move(result);
  return grpc::Status::OK;
}

class ControlService final : public v1::Control::Service {
 public:
  ControlService(Keeper& keeper, Fleet& fleet, std::string version)
      : keeper_(keeper), fleet_(fleet), version_(std::move(version)) {}

  grpc::Status Apply(ServerContext* context, const v1::ApplyRequest* request,
                     v1::ApplyResponse* response) override {
    return answer(keeper_.apply(*request, author_of(*context)), response);
  }
  grpc::Status Delete(ServerContext* context, const v1::DeleteRequest* request,
                      v1::ApplyResponse* response) override {
    return answer(keeper_.remove(*request, author_of(*context)), response);
  }
  grpc::Status Rollback(ServerContext* context, const v1::RollbackRequest* request,
                        v1::ApplyResponse* response) override {
    return answer(keeper_.rollback(*request, author_of(*context)), response);
  }
  grpc::Status Get(ServerContext*, const v1::GetRequest* request,
                   v1::GetResponse* response) override {
    return answer(keeper_.get(*request), response);
  }
  grpc::Status History(ServerContext*, const v1::HistoryRequest* request,
                       v1::HistoryResponse* response) override {
    return answer(keeper_.history(*request), response);
  }
  grpc::Status Status(ServerContext*, const v1::StatusRequest*,
                      v1::StatusResponse* response) override {
    response->set_revision(keeper_.current());
    response->set_version(version_);
    for (v1::NodeStatus& node : fleet_.status(true)) *response->add_nodes() = std::move(node);
    return grpc::Status::OK;
  }
  grpc::Status Version(ServerContext*, const v1::VersionRequest*,
                       v1::VersionResponse* response) override {
    response->set_version(version_);
    return grpc::Status::OK;
  }

  grpc::Status Ask(ServerContext* context, const v1::AskRequest* request,
                   grpc::ServerWriter<v1::QueryResult>* writer) override {
    v1::ToDataplane question;
    *question.mutable_query() = request->query();
    auto conversation = fleet_.ask(request->node(), std::move(question));
    if (!conversation) return failed(conversation.error());
    grpc::Status status(grpc::StatusCode::DEADLINE_EXCEEDED,
                        (*conversation)->node() +
                            ": the data plane does not answer; see `sluice "
                            "status`");
    while (!context->IsCancelled()) {
      const auto next = (*conversation)->next(kAnswerWait);
      if (!next) break;
      const bool last = next->result().last();
      if (!writer->Write(next->result())) break;
      if (!last) continue;
      status = grpc::Status::OK;
      break;
    }
    fleet_.stop(*conversation);
    return status;
  }

  grpc::Status TracePackets(ServerContext* context, const v1::TraceRequest* request,
                            grpc::ServerWriter<v1::TracedPacket>* writer) override {
    v1::ToDataplane question;
    *question.mutable_trace() = request->trace();
    auto conversation = fleet_.ask(request->node(), std::move(question));
    if (!conversation) return failed(conversation.error());
    grpc::Status status = grpc::Status::OK;
    while (!context->IsCancelled()) {
      const auto next = (*conversation)->next(kPollWait);
      if (!next && (*conversation)->ended()) {
        status = {grpc::StatusCode::UNAVAILABLE,
                  (*conversation)->node() + ": the data plane is gone; see `sluice status`"};
        break;
      }
      if (!next) continue;
      if (!writer->Write(next->traced()) || next->traced().last()) break;
    }
    fleet_.stop(*conversation);
    return status;
  }

 private:
  Keeper& keeper_;
  Fleet& fleet_;
  const std::string version_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_control_service(Keeper& keeper, Fleet& fleet,
                                                    std::string version) {
  return std::make_unique<ControlService>(keeper, fleet, std::move(version));
}

}  // namespace sluice::control

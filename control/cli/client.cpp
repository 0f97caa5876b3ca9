#include "control/cli/client.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>

#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <pwd.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "control/model/certificates.hpp"
#include "control/model/format.hpp"
#include "sluice/v1/control.grpc.pb.h"

namespace sluice::cli {
namespace {

constexpr int kMessageMax = 64 << 20;
constexpr std::chrono::seconds kDeadline{30};

/// Says why a unix socket cannot be reached; gRPC would only say that it is not available.
Result<void> probe(const std::string& path) {
  sockaddr_un name{};
  name.sun_family = AF_UNIX;
  if (path.size() >= sizeof name.sun_path) return fail("the path is too long", path);
  std::memcpy(name.sun_path, path.c_str(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int status = ::connect(fd, reinterpret_cast<const sockaddr*>(&name), sizeof name);
  const int error = errno;
  ::close(fd);
  if (status == 0) return {};
  if (error == EACCES) {
    return fail("no permission to use the socket of sluice-control", path,
                "run as root or as a member of the socket's group");
  }
  return fail(std::string("sluice-control does not answer: ") + std::strerror(error), path,
              "start it, or say where it is with --control or SLUICE_CONTROL");
}

Result<std::shared_ptr<grpc::ChannelCredentials>> credentials(const Target& target) {
  if (target.certificate.empty() || target.key.empty() || target.authority.empty()) {
    return fail("a TCP address needs certificates", target.address,
                "give --certificate, --key and --authority");
  }
  auto read = model::read_certificates({target.certificate, target.key, target.authority},
                                       std::time(nullptr));
  if (!read) return tl::unexpected(read.error());
  grpc::SslCredentialsOptions options;
  options.pem_cert_chain = std::move(read->certificate);
  options.pem_private_key = std::move(read->key);
  options.pem_root_certs = std::move(read->authority);
  return grpc::SslCredentials(options);
}

std::string user_name() {
  const passwd* user = ::getpwuid(::getuid());
  return user == nullptr ? std::to_string(::getuid()) : user->pw_name;
}

class GrpcClient final : public Client {
 public:
  GrpcClient(std::string address, bool secure, const std::shared_ptr<grpc::Channel>& channel)
      : address_(std::move(address)), secure_(secure), stub_(v1::Control::NewStub(channel)) {}

  Result<v1::ApplyResponse> apply(const v1::ApplyRequest& request) override {
    return call(&v1::Control::Stub::Apply, request, v1::ApplyResponse(),
                request.wait_milliseconds());
  }
  Result<v1::ApplyResponse> remove(const v1::DeleteRequest& request) override {
    return call(&v1::Control::Stub::Delete, request, v1::ApplyResponse(),
                request.wait_milliseconds());
  }
  Result<v1::ApplyResponse> rollback(const v1::RollbackRequest& request) override {
    return call(&v1::Control::Stub::Rollback, request, v1::ApplyResponse(),
                request.wait_milliseconds());
  }
  Result<v1::GetResponse> get(const v1::GetRequest& request) override {
    return call(&v1::Control::Stub::Get, request, v1::GetResponse());
  }
  Result<v1::HistoryResponse> history(const v1::HistoryRequest& request) override {
    return call(&v1::Control::Stub::History, request, v1::HistoryResponse());
  }
  Result<v1::StatusResponse> status() override {
    return call(&v1::Control::Stub::Status, v1::StatusRequest(), v1::StatusResponse());
  }
  Result<v1::VersionResponse> version() override {
    return call(&v1::Control::Stub::Version, v1::VersionRequest(), v1::VersionResponse());
  }

  Result<void> ask(const v1::AskRequest& request,
                   const std::function<bool(const v1::QueryResult&)>& take) override {
    grpc::ClientContext context;
    prepare(context);
    return drain<v1::QueryResult>(context, stub_->Ask(&context, request), take);
  }
  Result<void> trace(const v1::TraceRequest& request,
                     const std::function<bool(const v1::TracedPacket&)>& take) override {
    grpc::ClientContext context;
    context.AddMetadata("sluice-user", user_name());
    return drain<v1::TracedPacket>(context, stub_->TracePackets(&context, request), take);
  }

 private:
  static void prepare(grpc::ClientContext& context, std::uint32_t wait_milliseconds = 0) {
    context.set_deadline(std::chrono::system_clock::now() + kDeadline +
                         std::chrono::milliseconds(wait_milliseconds));
    context.AddMetadata("sluice-user", user_name());
  }

  template <class Method, class Request, class Response>
  Result<Response> call(Method method, const Request& request, Response response,
                        std::uint32_t wait_milliseconds = 0) {
    grpc::ClientContext context;
    prepare(context, wait_milliseconds);
    const grpc::Status status = ((*stub_).*method)(&context, request, &response);
    if (!status.ok()) return failed(status);
    return response;
  }

  template <class Message>
  Result<void> drain(grpc::ClientContext& context,
                     std::unique_ptr<grpc::ClientReader<Message>> reader,
                     const std::function<bool(const Message&)>& take) {
    Message message;
    bool stopped = false;
    while (!stopped && reader->Read(&message)) stopped = !take(message);
    if (stopped) context.TryCancel();
    const grpc::Status status = reader->Finish();
    if (stopped || status.ok()) return {};
    return failed(status);
  }

  [[nodiscard]] tl::unexpected<Error> failed(const grpc::Status& status) const {
    switch (status.error_code()) {
      case grpc::StatusCode::UNAVAILABLE:
        return fail("sluice-control does not answer: " + status.error_message(), address_,
                    secure_ ? model::kHandshakeFix : "see its log, and `sluice status`");
      case grpc::StatusCode::DEADLINE_EXCEEDED:
        return fail("no answer in time: " + status.error_message(), address_, "try again");
      case grpc::StatusCode::RESOURCE_EXHAUSTED:
        return fail("the state is too large: " + status.error_message(), address_,
                    "apply it in parts of less than 64 MiB");
      default:
        return fail(status.error_message());
    }
  }

  std::string address_;
  bool secure_;
  std::unique_ptr<v1::Control::Stub> stub_;
};

}  // namespace

Result<std::unique_ptr<Client>> Client::connect(const Target& target) {
  gpr_set_log_function([](gpr_log_func_args*) {});  // what it says comes as a status too
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kMessageMax);
  arguments.SetMaxSendMessageSize(kMessageMax);
  std::string path = target.address;
  if (path.rfind("unix:", 0) == 0) path = path.substr(5);
  if (path.find('/') != std::string::npos) {
    if (auto reached = probe(path); !reached) return tl::unexpected(reached.error());
    return std::make_unique<GrpcClient>(
        path, false,
        grpc::CreateCustomChannel("unix:" + path, grpc::InsecureChannelCredentials(), arguments));
  }
  if (auto name = model::parse_socket(target.address); !name) return tl::unexpected(name.error());
  auto secure = credentials(target);
  if (!secure) return tl::unexpected(secure.error());
  return std::make_unique<GrpcClient>(
      target.address, true, grpc::CreateCustomChannel(target.address, *secure, arguments));
}

}  // namespace sluice::cli

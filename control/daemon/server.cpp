#include "control/daemon/server.hpp"

#include <cerrno>
#include <chrono>
#include <cstring>
#include <ctime>
#include <filesystem>
#include <system_error>

#include <arpa/inet.h>
#include <fcntl.h>
#include <grp.h>
#include <grpc/support/log.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/security/server_credentials.h>
#include <grpcpp/security/tls_certificate_provider.h>
#include <grpcpp/security/tls_credentials_options.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "control/model/certificates.hpp"
#include "control/model/format.hpp"
#include "dataplane/packet/address.hpp"
#include "dataplane/runtime/log.hpp"
#include "dataplane/runtime/patience.hpp"
#include "dataplane/runtime/socket_address.hpp"

namespace sluice::control {
namespace {

constexpr int kMessageMax = 64 << 20;
/// A daemon that was killed gives its files back one after another; its state folder's lock first.
constexpr Nanoseconds kSocketPatience = kSecond / 2;
constexpr unsigned kCertificateSeconds = 1;  // between looks for new certificate files

/// Holds a lock beside the socket: gRPC would take the path from a daemon that is alive.
class SocketLock {
 public:
  static Result<SocketLock> acquire(const std::string& socket) {
    const std::string path = socket + ".lock";
    std::error_code made;
    const auto folder = std::filesystem::path(socket).parent_path();
    if (!folder.empty()) std::filesystem::create_directories(folder, made);
    const int fd = ::open(path.c_str(), O_CREAT | O_RDWR | O_CLOEXEC | O_NOFOLLOW, 0600);
    if (fd < 0) {
      return fail(std::string("cannot make the lock of the socket: ") + std::strerror(errno), path,
                  "check the folder, or set `socket` to another path");
    }
    SocketLock lock(fd);
    Patience patience(kSocketPatience);
    while (::flock(fd, LOCK_EX | LOCK_NB) != 0) {
      if (patience.wait("the daemon before this one to leave its socket", socket)) continue;
      return fail("another sluice-control serves this socket", socket,
                  "stop it, or set `socket` to another path");
    }
    // With the lock held, a socket that is left here is nobody's.
    if (::unlink(socket.c_str()) != 0 && errno != ENOENT) {
      return fail(std::string("cannot remove the old socket: ") + std::strerror(errno), socket,
                  "remove it, or set `socket` to another path");
    }
    return lock;
  }

  SocketLock(SocketLock&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  SocketLock& operator=(SocketLock&&) = delete;
  ~SocketLock() {
    if (fd_ >= 0) ::close(fd_);
  }

 private:
  explicit SocketLock(int fd) : fd_(fd) {}
  int fd_;
};

class GrpcServer final : public Server {
 public:
  GrpcServer(SocketLock lock, std::vector<std::unique_ptr<grpc::Service>> services,
             std::unique_ptr<grpc::Server> server, std::string socket)
      : lock_(std::move(lock)),
        services_(std::move(services)),
        server_(std::move(server)),
        socket_(std::move(socket)) {}
  ~GrpcServer() override { stop(0); }

  void stop(unsigned seconds) override {
    if (server_ == nullptr) return;
    server_->Shutdown(std::chrono::system_clock::now() + std::chrono::seconds(seconds));
    server_->Wait();
    server_ = nullptr;
    ::unlink(socket_.c_str());
  }

 private:
  SocketLock lock_;
  std::vector<std::unique_ptr<grpc::Service>> services_;
  std::unique_ptr<grpc::Server> server_;
  std::string socket_;
};

/// Tries the address first, because gRPC does not say why it could not bind.
Result<void> try_bind(const model::SocketName& name, const std::string& text) {
  const auto address = IpAddress::parse(name.address);
  if (!address) return tl::unexpected(address.error());
  const SocketAddress at = socket_address(address->bytes, name.port);
  const int fd = ::socket(at.get()->sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const int on = 1;
  if (fd >= 0) ::setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &on, sizeof on);
  const int status = fd < 0 ? -1 : ::bind(fd, at.get(), at.size);
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (status == 0) return {};
  return fail(std::string("cannot listen: ") + std::strerror(error), text,
              error == EADDRINUSE ? "stop what listens there, or set another address"
                                  : "set an address of this host");
}

Result<std::shared_ptr<grpc::ServerCredentials>> credentials(const v1::Tls& tls) {
  const auto checked =
      model::read_certificates({tls.certificate(), tls.key(), tls.authority()}, std::time(nullptr));
  if (!checked) return tl::unexpected(checked.error());
  const auto provider = std::make_shared<grpc::experimental::FileWatcherCertificateProvider>(
      tls.key(), tls.certificate(), tls.authority(), kCertificateSeconds);
  grpc::experimental::TlsServerCredentialsOptions options(provider);
  options.watch_root_certs();
  options.watch_identity_key_cert_pairs();
  options.set_cert_request_type(GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  auto made = grpc::experimental::TlsServerCredentials(options);
  if (made == nullptr) {
    return fail("the certificates cannot be used", tls.certificate(),
                "check that they are PEM and fit the key");
  }
  return made;
}

/// For members of the group "sluice", where there is one.
void give_to_group(const std::string& socket) {
  const group* sluice = ::getgrnam("sluice");
  if (sluice == nullptr) return;
  if (::chown(socket.c_str(), static_cast<uid_t>(-1), sluice->gr_gid) != 0) {
    log_warning("cannot give the socket to group sluice",
                {{"socket", socket}, {"reason", std::strerror(errno)}});
  }
}

}  // namespace

Result<std::unique_ptr<Server>> listen(const v1::ControlConfig& config,
                                       std::vector<std::unique_ptr<grpc::Service>> services) {
  const auto name = model::parse_socket("unix:" + config.socket());
  if (!name) return tl::unexpected(name.error());
  // Refused handshakes are said here and nowhere else.
  gpr_set_log_function([](gpr_log_func_args* said) {
    log_warning("grpc", {{"message", said->message}});
  });
  auto lock = SocketLock::acquire(config.socket());
  if (!lock) return tl::unexpected(lock.error());

  grpc::ServerBuilder builder;
  builder.SetMaxReceiveMessageSize(kMessageMax);
  builder.SetMaxSendMessageSize(kMessageMax);
  // Otherwise a second server shares the port, and clients reach either.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  int unix_bound = 0;
  int tcp_bound = 0;
  builder.AddListeningPort("unix:" + config.socket(), grpc::InsecureServerCredentials(),
                           &unix_bound);
  if (!config.listen().empty()) {
    const auto address = model::parse_socket(config.listen());
    if (!address) return tl::unexpected(address.error());
    if (!config.has_tls()) {
      return fail("`listen` is set without `tls`", config.listen(),
                  "give certificate, key and authority; the API is not served in the clear");
    }
    if (auto free = try_bind(*address, config.listen()); !free) return tl::unexpected(free.error());
    auto tls = credentials(config.tls());
    if (!tls) return tl::unexpected(tls.error());
    builder.AddListeningPort(config.listen(), *tls, &tcp_bound);
  }
  for (const auto& service : services) builder.RegisterService(service.get());

  // The socket is made with the mode it keeps: nobody else can connect in between.
  const mode_t before = ::umask(0117);
  std::unique_ptr<grpc::Server> server = builder.BuildAndStart();
  ::umask(before);
  if (server == nullptr || unix_bound == 0) {
    return fail("cannot listen on the socket", config.socket(),
                "check that its folder exists and can be written");
  }
  if (!config.listen().empty() && tcp_bound == 0) {
    return fail("cannot listen", config.listen(), "set another address or port");
  }
  give_to_group(config.socket());
  return std::make_unique<GrpcServer>(*std::move(lock), std::move(services), std::move(server),
                                      config.socket());
}

}  // namespace sluice::control

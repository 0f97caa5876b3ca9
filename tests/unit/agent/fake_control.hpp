/// A control daemon for tests: keeps what it is told and, on Hello, sends what it was given to
/// send.
#pragma once

#include <mutex>
#include <string>
#include <vector>

#include <grpcpp/grpcpp.h>

#include "sluice/v1/steering.grpc.pb.h"

namespace sluice::agent::test {

class FakeControl final : public v1::Steering::Service {
 public:
  explicit FakeControl(const std::string& target) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort(target, grpc::InsecureServerCredentials());
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeControl() override {
    server_->Shutdown(std::chrono::system_clock::now());
    const std::lock_guard lock(mutex_);  // shows ThreadSanitizer that the handlers are done
  }

  std::vector<v1::ToDataplane> on_hello;  ///< set before a client connects

  [[nodiscard]] std::vector<v1::FromDataplane> received() {
    const std::lock_guard lock(mutex_);
    return received_;
  }
  /// To the client that is connected now.
  void send(const v1::ToDataplane& message) {
    const std::lock_guard lock(mutex_);
    if (stream_ != nullptr) stream_->Write(message);
  }

 private:
  using Stream = grpc::ServerReaderWriter<v1::ToDataplane, v1::FromDataplane>;
  grpc::Status Connect(grpc::ServerContext*, Stream* stream) override {
    v1::FromDataplane message;
    while (stream->Read(&message)) {
      if (message.has_hello()) {
        for (const v1::ToDataplane& out : on_hello) stream->Write(out);
      }
      const std::lock_guard lock(mutex_);
      stream_ = stream;
      received_.push_back(message);
    }
    const std::lock_guard lock(mutex_);
    stream_ = nullptr;
    return grpc::Status::OK;
  }

  std::unique_ptr<grpc::Server> server_;
  std::mutex mutex_;
  Stream* stream_ = nullptr;
  std::vector<v1::FromDataplane> received_;
};

}  // namespace sluice::agent::test

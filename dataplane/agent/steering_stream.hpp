/// One connection of the SteeringClient, which alone uses it.
#pragma once

#include <condition_variable>
#include <deque>
#include <memory>
#include <mutex>

#include <grpcpp/grpcpp.h>

#include "dataplane/agent/steering_client.hpp"
#include "sluice/v1/steering.grpc.pb.h"

namespace sluice::agent {

/// A call in gRPC's callback form. What the library's threads and ours share is behind one mutex;
/// one read and one write are under way at most.
class SteeringClient::Stream final
    : public grpc::ClientBidiReactor<v1::FromDataplane, v1::ToDataplane> {
 public:
  Stream(const SteeringOptions& options, std::shared_ptr<grpc::Channel> channel,
         v1::FromDataplane hello);
  ~Stream() override;  ///< cancels the call and waits until it is over

  [[nodiscard]] std::optional<v1::ToDataplane> take();
  bool send(v1::FromDataplane message);
  [[nodiscard]] std::size_t unsent() const;
  [[nodiscard]] bool heard() const;  ///< a message has come in
  /// Why the call ended; nothing while it goes on.
  [[nodiscard]] std::optional<Error> ended() const;

 private:
  void OnReadDone(bool good) override;
  void OnWriteDone(bool good) override;
  void OnDone(const grpc::Status& status) override;
  /// Gives up the hold that keeps the call alive for sends from outside. Under the mutex.
  void let_go();

  const SteeringOptions& options_;
  std::shared_ptr<grpc::Channel> channel_;
  std::unique_ptr<v1::Steering::Stub> stub_;
  grpc::ClientContext context_;

  mutable std::mutex mutex_;
  std::condition_variable over_;
  std::deque<v1::FromDataplane> outbox_;  ///< the front is being written
  std::deque<v1::ToDataplane> inbox_;
  v1::ToDataplane incoming_;
  bool reading_ = true;
  bool held_ = true;
  bool heard_ = false;
  std::optional<grpc::Status> status_;
};

}  // namespace sluice::agent

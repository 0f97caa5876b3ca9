#include "control/daemon/steering_service.hpp"

#include <thread>

#include <grpcpp/grpcpp.h>

#include "dataplane/runtime/log.hpp"
#include "sluice/v1/steering.grpc.pb.h"

namespace sluice::control {
namespace {

using Stream = grpc::ServerReaderWriter<v1::ToDataplane, v1::FromDataplane>;

class SteeringService final : public v1::Steering::Service {
 public:
  explicit SteeringService(Fleet& fleet) : fleet_(fleet) {}

  grpc::Status Connect(grpc::ServerContext* context, Stream* stream) override {
    v1::FromDataplane message;
    if (!stream->Read(&message) || !message.has_hello()) {
      return {grpc::StatusCode::INVALID_ARGUMENT, "a stream begins with hello"};
    }
    const std::string node = message.hello().node();
    auto link = fleet_.connect(message.hello());
    if (!link) return {grpc::StatusCode::INVALID_ARGUMENT, link.error().text()};
    log_info("a data plane is connected", {{"node", node}, {"version", message.hello().version()}});

    std::thread writer([&] {
      while (const NodeLink::Message next = (*link)->take()) {
        if (!stream->Write(*next)) break;
      }
      // Closed from here, or broken: the reader below must not wait for ever.
      context->TryCancel();
    });
    while (stream->Read(&message)) fleet_.receive(node, *link, std::move(message));
    (*link)->close();
    writer.join();
    fleet_.disconnect(node, *link);
    log_info("a data plane is gone", {{"node", node}});
    return grpc::Status::OK;
  }

 private:
  Fleet& fleet_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_steering_service(Fleet& fleet) {
  return std::make_unique<SteeringService>(fleet);
}

}  // namespace sluice::control

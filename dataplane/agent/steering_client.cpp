#include "dataplane/agent/steering_client.hpp"

#include <algorithm>
#include <ctime>

#include <grpc/support/log.h>

#include "control/model/certificates.hpp"
#include "dataplane/agent/steering_stream.hpp"
#include "dataplane/runtime/log.hpp"

namespace sluice::agent {
namespace {

Result<std::shared_ptr<grpc::ChannelCredentials>> credentials_of(
    const std::optional<TlsFiles>& files) {
  if (!files) return grpc::InsecureChannelCredentials();
  auto read = model::read_certificates(*files, std::time(nullptr));
  if (!read) return tl::unexpected(read.error());
  return grpc::SslCredentials(
      {std::move(read->authority), std::move(read->key), std::move(read->certificate)});
}

grpc::ChannelArguments arguments_of(const SteeringOptions& options) {
  grpc::ChannelArguments arguments;
  const auto limit = static_cast<int>(std::min<std::size_t>(options.message_bytes_max, INT32_MAX));
  arguments.SetMaxReceiveMessageSize(limit);
  arguments.SetMaxSendMessageSize(limit);
  // Every attempt dials at once: the waiting between attempts is this client's.
  arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
  arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);  // whatever the environment says
  // A peer that vanished without a word is noticed within half a minute.
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIME_MS, 20'000);
  arguments.SetInt(GRPC_ARG_KEEPALIVE_TIMEOUT_MS, 10'000);
  return arguments;
}

}  // namespace

SteeringClient::SteeringClient(SteeringOptions options, std::function<v1::Hello()> hello)
    : options_(std::move(options)), hello_(std::move(hello)), jitter_(options_.jitter_seed | 1U) {
  // Why a connection failed comes as a status too, and is logged once for a row of attempts.
  gpr_set_log_function([](gpr_log_func_args* said) {
    log_debug("grpc", {{"message", said->message}});
  });
}

SteeringClient::~SteeringClient() = default;

void SteeringClient::turn(Nanoseconds now) {
  if (stream_) {
    if (stream_->heard() && standing_ != Standing::connected) {
      standing_ = Standing::connected;
      retry_wait_ = 0;
      log_info("control daemon connected", {{"control", options_.target}});
    }
    if (const auto why = stream_->ended()) {
      stream_.reset();
      retry_later(now, {why->what, why->where, options_.tls ? model::kHandshakeFix : why->fix});
    }
  } else if (now >= retry_at_) {
    dial(now);
  }
}

void SteeringClient::dial(Nanoseconds now) {
  const auto credentials = credentials_of(options_.tls);
  if (!credentials) return retry_later(now, credentials.error());
  auto channel = grpc::CreateCustomChannel(options_.target, *credentials, arguments_of(options_));
  v1::FromDataplane first;
  *first.mutable_hello() = hello_();
  stream_ = std::make_unique<Stream>(options_, std::move(channel), std::move(first));
}

void SteeringClient::retry_later(Nanoseconds now, const Error& why) {
  if (standing_ != Standing::away) {  // the first of a row; the others say nothing new
    standing_ = Standing::away;
    log_warning("control daemon not connected", {{"control", options_.target},
                                                 {"reason", why.what},
                                                 {"where", why.where},
                                                 {"fix", why.fix}});
  }
  retry_wait_ = std::clamp(retry_wait_ * 2, options_.retry_min, options_.retry_max);
  jitter_ = jitter_ * 1664525U + 1013904223U;  // spreads the data planes of one control daemon
  retry_at_ = now + retry_wait_ - retry_wait_ * (jitter_ >> 24U) / 1024;
}

std::optional<v1::ToDataplane> SteeringClient::take() {
  return stream_ ? stream_->take() : std::nullopt;
}

bool SteeringClient::send(v1::FromDataplane message) {
  return stream_ && stream_->send(std::move(message));
}

std::size_t SteeringClient::unsent() const {
  return stream_ ? stream_->unsent() : 0;
}

bool SteeringClient::connected() const {
  return stream_ && stream_->heard() && !stream_->ended();
}

}  // namespace sluice::agent

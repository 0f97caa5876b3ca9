#include "dataplane/io/sim_ring.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include <netinet/in.h>

namespace sluice::io {
namespace {

constexpr Nanoseconds kUsual = 100 * kMicrosecond;

void fill_peer(Operation& operation, const Endpoint& endpoint) {
  sockaddr_in6 in6{};
  in6.sin6_family = AF_INET6;
  in6.sin6_port = static_cast<std::uint16_t>((endpoint.port >> 8) | (endpoint.port << 8));
  std::memcpy(&in6.sin6_addr, endpoint.address.data(), endpoint.address.size());
  std::memcpy(operation.buffer, &in6, sizeof in6);
}

}  // namespace

SimRing::SimRing(SimClock& clock, std::uint64_t seed, Faults faults)
    : clock_(clock), random_(seed), faults_(faults) {}

int SimRing::add_file(SimDisk& disk) {
  files_[++next_descriptor_] = &disk;
  return next_descriptor_;
}

int SimRing::add_listener() {
  ports_[++next_descriptor_];
  return next_descriptor_;
}

std::shared_ptr<SimClient> SimRing::connect(int listener, Endpoint from) {
  auto client = std::make_shared<SimClient>(from);
  schedule({Event::Kind::connected, nullptr, client, listener, {}});
  return client;
}

void SimRing::send(const std::shared_ptr<SimClient>& client, std::span<const std::uint8_t> bytes) {
  while (!bytes.empty()) {
    const std::size_t piece = 1 + random_.below(bytes.size());
    schedule({Event::Kind::arrives,
              nullptr,
              client,
              -1,
              {bytes.begin(), bytes.begin() + static_cast<std::ptrdiff_t>(piece)}},
             last_arrival_[client.get()]);
    bytes = bytes.subspan(piece);
  }
}

void SimRing::finish(const std::shared_ptr<SimClient>& client) {
  schedule({Event::Kind::finished, nullptr, client, -1, {}}, last_arrival_[client.get()]);
}

void SimRing::widen(const std::shared_ptr<SimClient>& client, std::size_t bytes) {
  client->window_ += bytes;
  try_send(*client);
}

void SimRing::schedule(Event event, Nanoseconds not_before) {
  const bool slow = faults_.strikes(FaultPoint::operation_delayed, random_);
  const Nanoseconds delay = 1 + random_.below(slow ? 100 * kUsual : kUsual);
  const Nanoseconds when = std::max(clock_.now() + delay, not_before);
  if (event.client && event.kind != Event::Kind::connected)
    last_arrival_[event.client.get()] = when;
  events_.emplace(std::pair(when, ++sequence_), std::move(event));
}

Nanoseconds SimRing::next() const {
  if (!done_.empty()) return 0;
  return events_.empty() ? kNever : events_.begin()->first.first;
}

void SimRing::submit(Operation& operation) {
  SimClient* client = stream(operation.descriptor);
  switch (operation.kind) {
    case OperationKind::accept:
      if (const auto port = ports_.find(operation.descriptor); port != ports_.end()) {
        port->second.accepting = &operation;
        try_accept(port->second);
      } else {
        done(operation, -EBADF);
      }
      return;
    case OperationKind::receive:
      if (client == nullptr) return done(operation, -EBADF);
      client->receiving_ = &operation;
      return try_receive(*client);
    case OperationKind::send:
      if (client == nullptr) return done(operation, -EBADF);
      client->sending_ = &operation;
      return try_send(*client);
    default:
      schedule({Event::Kind::operation, &operation, nullptr, -1, {}});
  }
}

void SimRing::cancel(Operation& operation) {
  for (auto& [descriptor, port] : ports_) {
    if (port.accepting == &operation) {
      port.accepting = nullptr;
      return done(operation, -ECANCELED);
    }
  }
  for (auto& [descriptor, client] : streams_) {
    if (client->receiving_ == &operation || client->sending_ == &operation) {
      (client->receiving_ == &operation ? client->receiving_ : client->sending_) = nullptr;
      return done(operation, -ECANCELED);
    }
  }
  // Disk operations go on to their end, as the kernel's do once the device has them.
}

void SimRing::reap(Completions& completions, Nanoseconds wait) {
  static_cast<void>(wait);  // time moves only from outside
  while (!events_.empty() && events_.begin()->first.first <= clock_.now()) {
    Event event = std::move(events_.begin()->second);
    events_.erase(events_.begin());
    happen(event);
  }
  std::vector<Operation*> ready;
  ready.swap(done_);
  for (Operation* operation : ready) completions.complete(*operation);
}

void SimRing::happen(Event& event) {
  switch (event.kind) {
    case Event::Kind::operation:
      return perform(*event.operation);
    case Event::Kind::connected:
      if (const auto port = ports_.find(event.descriptor);
          port != ports_.end() && !port->second.shut) {
        port->second.waiting.push_back(event.client);
        return try_accept(port->second);
      }
      event.client->ended_ = event.client->reset_ = true;
      return;
    case Event::Kind::arrives:
      if (faults_.strikes(FaultPoint::connection_reset, random_)) event.client->reset_ = true;
      event.client->to_server_.insert(event.client->to_server_.end(), event.bytes.begin(),
                                      event.bytes.end());
      break;
    case Event::Kind::finished:
      event.client->finished_ = true;
      break;
  }
  try_receive(*event.client);
  if (event.client->reset_) try_send(*event.client);
}

void SimRing::perform(Operation& operation) {
  const auto file = files_.find(operation.descriptor);
  if (file == files_.end()) return done(operation, -EBADF);
  SimDisk& disk = *file->second;
  auto* bytes = static_cast<std::uint8_t*>(operation.buffer);
  switch (operation.kind) {
    case OperationKind::read:
      return done(operation,
                  disk.read(operation.offset, {bytes, operation.length}, faults_, random_));
    case OperationKind::write:
    case OperationKind::write_durable: {
      const bool durable = operation.kind == OperationKind::write_durable;
      return done(operation, disk.write(operation.offset, {bytes, operation.length}, durable,
                                        faults_, random_));
    }
    case OperationKind::sync:
      return done(operation, disk.sync(faults_, random_));
    default:
      return done(operation, -EINVAL);
  }
}

void SimRing::try_accept(Port& port) {
  if (port.accepting == nullptr) return;
  Operation& operation = *port.accepting;
  if (port.shut) {
    port.accepting = nullptr;
    return done(operation, -EINVAL);
  }
  if (port.waiting.empty()) return;
  port.accepting = nullptr;
  if (faults_.strikes(FaultPoint::accept_error, random_)) return done(operation, -EMFILE);
  const auto client = port.waiting.front();
  port.waiting.pop_front();
  fill_peer(operation, client->endpoint_);
  streams_[++next_descriptor_] = client;
  done(operation, next_descriptor_);
}

void SimRing::try_receive(SimClient& client) {
  if (client.receiving_ == nullptr) return;
  if (client.to_server_.empty() && !client.finished_ && !client.reset_) return;
  Operation& operation = *std::exchange(client.receiving_, nullptr);
  if (client.reset_) return done(operation, -ECONNRESET);
  std::size_t length = std::min<std::size_t>(operation.length, client.to_server_.size());
  if (length > 1 && faults_.strikes(FaultPoint::receive_split, random_))
    length = 1 + random_.below(length);
  std::copy_n(client.to_server_.begin(), length, static_cast<std::uint8_t*>(operation.buffer));
  client.to_server_.erase(client.to_server_.begin(),
                          client.to_server_.begin() + static_cast<std::ptrdiff_t>(length));
  done(operation, static_cast<std::int32_t>(length));
}

void SimRing::try_send(SimClient& client) {
  if (client.sending_ == nullptr) return;
  if (client.window_ == 0 && !client.reset_) return;
  Operation& operation = *std::exchange(client.sending_, nullptr);
  if (client.reset_) return done(operation, -ECONNRESET);
  std::size_t length = std::min<std::size_t>(operation.length, client.window_);
  if (length > 1 && faults_.strikes(FaultPoint::send_short, random_))
    length = 1 + random_.below(length);
  const auto* bytes = static_cast<const std::uint8_t*>(operation.buffer);
  client.received_.insert(client.received_.end(), bytes, bytes + length);
  client.window_ -= length;
  done(operation, static_cast<std::int32_t>(length));
}

void SimRing::done(Operation& operation, std::int32_t result) {
  operation.result = result;
  done_.push_back(&operation);
  for (const std::uint64_t word :
       {clock_.now(), static_cast<std::uint64_t>(operation.kind),
        static_cast<std::uint64_t>(operation.descriptor), static_cast<std::uint64_t>(result)}) {
    trace_ = (trace_ ^ word) * 0x100000001b3;  // FNV-1a over words
  }
}

void SimRing::close(int descriptor) {
  if (const auto found = streams_.find(descriptor); found != streams_.end()) {
    found->second->ended_ = true;
    break_off(*found->second, ECANCELED);
    streams_.erase(found);
  }
  ports_.erase(descriptor);
}

void SimRing::shutdown(int descriptor) {
  if (SimClient* client = stream(descriptor)) {
    client->finished_ = true;
    try_receive(*client);
  }
  if (const auto port = ports_.find(descriptor); port != ports_.end()) {
    port->second.shut = true;
    try_accept(port->second);
  }
}

void SimRing::break_off(SimClient& client, int error) {
  for (Operation** slot : {&client.receiving_, &client.sending_}) {
    if (Operation* operation = std::exchange(*slot, nullptr)) done(*operation, -error);
  }
}

SimClient* SimRing::stream(int descriptor) {
  const auto found = streams_.find(descriptor);
  return found == streams_.end() ? nullptr : found->second.get();
}

void SimReactor::run(Nanoseconds time) {
  const Nanoseconds start = clock_.now();
  const Nanoseconds end = time >= kNever - start ? kNever : start + time;
  for (;;) {
    reactor_.turn(clock_.now());
    const Nanoseconds next = std::min(ring_.next(), reactor_.next());
    if (next == kNever || next > end) break;
    // A timer's estimate may be early; time must move all the same.
    clock_.advance_to(std::max(next, clock_.now() + 1));
  }
  if (end != kNever) {
    clock_.advance_to(end);
    reactor_.turn(end);
  }
}

}  // namespace sluice::io

#include "dataplane/packet/worker.hpp"

#include <algorithm>

namespace sluice {
namespace {

constexpr unsigned kMessagesMax = 64;  ///< of a kind, in one round

std::vector<Outlet> outlets_of(const std::vector<WorkerPort>& ports) {
  std::vector<Outlet> outlets;
  outlets.reserve(ports.size());
  for (const WorkerPort& port : ports) outlets.push_back({port.queue, port.through});
  return outlets;
}

}  // namespace

Worker::Worker(const WorkerOptions& options, SnapshotReader& snapshots, PacketPool& pool)
    : snapshots_(snapshots),
      inboxes_(options.inboxes),
      questions_(options.questions),
      pipeline_(options.pipeline),
      transmitter_(options.pipeline.worker, outlets_of(options.ports), options.inboxes, pool,
                   books_),
      burst_(std::make_unique<Burst>()) {
  for (const WorkerPort& port : options.ports)
    if (port.queue != nullptr)
      sources_.push_back({port.queue, port.spread ? ~std::uint64_t{0} : 0});
  context_.worker = options.pipeline.worker;
  context_.seed = options.pipeline.seed;
  context_.books = &books_;
  context_.slots = options.pipeline.slots;
  context_.pool = &pool;
  context_.emitter = &transmitter_;
  context_.punts = TokenBucket(options.punts_per_second, options.punts_per_second / 10);
  context_.icmp_errors =
      TokenBucket(options.icmp_errors_per_second, options.icmp_errors_per_second / 10);
}

bool Worker::turn(Nanoseconds now) {
  context_.now = now;
  const Snapshot* snapshot = snapshots_.read();
  bool busy = false;
  if (snapshot != nullptr) {
    pipeline_.tracer().poll();
    busy = take_messages(*snapshot);
    busy |= take_packets(*snapshot);
    for (const Source& source : sources_) busy |= poll(*snapshot, source);
    pipeline_.tick(context_, *snapshot, !busy);
    transmitter_.flush();
    post_neighbours();
    busy |= answer_question(*snapshot);
  }
  snapshots_.quiescent();
  return busy;
}

bool Worker::poll(const Snapshot& snapshot, const Source& source) {
  burst_->count = source.queue->receive(burst_->packets);
  if (burst_->count == 0) return false;
  books_.received.add(burst_->count);
  burst_sizes_[static_cast<std::size_t>(std::bit_width(burst_->count)) - 1].add(1);
  finish(snapshot, source.may_spread);
  return true;
}

/// Redirects are posted before the packets leave, so that no reply can overtake them.
void Worker::finish(const Snapshot& snapshot, std::uint64_t may_spread) {
  pipeline_.run(context_, snapshot, *burst_, may_spread);
  post_redirects();
  transmitter_.settle(*burst_);
  if (pipeline_.tracer().active()) [[unlikely]]
    pipeline_.tracer().end(*burst_);
}

bool Worker::take_packets(const Snapshot& snapshot) {
  if (inboxes_.empty()) return false;
  Burst& burst = *burst_;
  const unsigned taken = inboxes_[context_.worker]->packets.take(burst.packets);
  burst.count = 0;
  for (unsigned i = 0; i < taken; ++i) {
    if (burst.packets[i].out_port != kNoPort) {
      transmitter_.emit(burst.packets[i]);
    } else {
      burst.packets[burst.count++] = burst.packets[i];
    }
  }
  if (burst.count != 0) finish(snapshot, 0);
  return taken != 0;
}

bool Worker::take_messages(const Snapshot& snapshot) {
  if (inboxes_.empty()) return false;
  Inbox& inbox = *inboxes_[context_.worker];
  std::array<balancer::Redirect, kMessagesMax> redirects;
  const unsigned redirect_count = inbox.redirects.take(redirects);
  for (unsigned i = 0; i < redirect_count; ++i)
    pipeline_.flows().add_redirect(redirects[i], balancer::ticks_of(context_.now));
  std::array<route::NeighbourUpdate, kMessagesMax> updates;
  const unsigned update_count = inbox.neighbours.take(updates);
  for (unsigned i = 0; i < update_count; ++i)
    pipeline_.neighbours().apply(context_, *snapshot.route, updates[i]);
  return redirect_count + update_count != 0;
}

/// A slice of one question a turn. A worker that has one does not rest, so that it comes to an end.
bool Worker::answer_question(const Snapshot& snapshot) {
  if (questions_ == nullptr) return false;
  if (question_ == nullptr && !questions_->asked.take(question_)) return false;
  if (question_->advance(pipeline_, context_, snapshot)) {
    (void)questions_->answered.put(question_);  // as much room as there may be questions
    question_ = nullptr;
  }
  return true;
}

void Worker::post_redirects() {
  if (inboxes_.empty()) return;
  std::array<balancer::Redirect, kMessagesMax> redirects;
  while (const unsigned count = pipeline_.flows().take_redirects(redirects)) {
    for (std::size_t other = 0; other < inboxes_.size(); ++other)
      if (other != context_.worker)
        inboxes_[other]->redirects.from(context_.worker).put(std::span(redirects).first(count));
  }
}

void Worker::post_neighbours() {
  if (inboxes_.empty()) return;
  std::array<route::NeighbourUpdate, kMessagesMax> updates;
  while (const std::size_t count = pipeline_.neighbours().take_updates(updates)) {
    for (std::size_t other = 0; other < inboxes_.size(); ++other)
      if (other != context_.worker)
        inboxes_[other]->neighbours.from(context_.worker).put(std::span(updates).first(count));
  }
}

}  // namespace sluice

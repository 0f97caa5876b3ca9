#include "dataplane/start/workers.hpp"

#include <future>

#include <fmt/format.h>
#include <time.h>

#include "dataplane/nic/eal.hpp"
#include "dataplane/runtime/core.hpp"

namespace sluice::start {
namespace {

constexpr Nanoseconds kDrain = 200 * kMillisecond;  ///< how long stop() lets a worker go on

void sleep_for(Nanoseconds time) {
  const timespec rest{static_cast<time_t>(time / kSecond), static_cast<long>(time % kSecond)};
  clock_nanosleep(CLOCK_MONOTONIC, 0, &rest, nullptr);
}

PipelineOptions pipeline_of(const WorkersOptions& options, std::uint16_t index, CounterBlock& slots,
                            TraceChannel& trace) {
  PipelineOptions pipeline = options.pipeline;
  pipeline.worker = index;
  pipeline.workers = static_cast<std::uint16_t>(options.cores.size());
  pipeline.slots = &slots;
  pipeline.trace = &trace;
  return pipeline;
}

}  // namespace

std::vector<std::vector<WorkerPort>> deal_queues(nic::Ports& ports, std::uint16_t workers) {
  bool spread = false;
  for (PortId port = 0; port < ports.count(); ++port) {
    spread |= workers > 1 && (ports.queues(port) < workers || ports.plan(port).software_spread);
  }
  std::vector<std::vector<WorkerPort>> dealt(workers);
  for (std::uint16_t worker = 0; worker < workers; ++worker) {
    for (PortId port = 0; port < ports.count(); ++port) {
      WorkerPort& mine = dealt[worker].emplace_back();
      const unsigned queues = ports.queues(port);
      if (worker < queues) mine.queue = &ports.queue(port, worker);
      mine.through = static_cast<std::uint16_t>(worker % queues);
      mine.spread = spread;
    }
  }
  return dealt;
}

Workers::Lane::Lane(const WorkersOptions& options, std::uint16_t index,
                    std::vector<WorkerPort> ports, std::vector<Inbox*> inboxes,
                    Publisher<Snapshot>& publisher, PacketPool& pool)
    : slots(options.counters_max),
      reader(publisher, index),
      worker(WorkerOptions{.pipeline = pipeline_of(options, index, slots, trace),
                           .ports = std::move(ports),
                           .inboxes = std::move(inboxes),
                           .questions = &questions,
                           .punts_per_second = options.punts_per_second},
             reader, pool) {
  reader.offline();  // until its thread runs
}

Workers::Workers(const WorkersOptions& options, nic::Ports& ports, Publisher<Snapshot>& publisher)
    : cores_(options.cores), idle_(options.idle) {
  const auto workers = static_cast<std::uint16_t>(options.cores.size());
  std::vector<Inbox*> inboxes;
  for (std::uint16_t i = 0; i < workers && workers > 1; ++i) {
    inboxes.push_back(inboxes_.emplace_back(std::make_unique<Inbox>(workers)).get());
  }
  auto dealt = deal_queues(ports, workers);
  for (const WorkerPort& port : dealt.front()) spread_ |= port.spread;
  for (std::uint16_t i = 0; i < workers; ++i) {
    lanes_.push_back(
        std::make_unique<Lane>(options, i, std::move(dealt[i]), inboxes, publisher, ports.pool()));
  }
}

Workers::~Workers() {
  stop();
}

Result<void> Workers::start() {
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    std::promise<Result<void>> ready;
    auto entered = ready.get_future();
    auto thread =
        start_thread(fmt::format("worker{}", i), cores_[i], [this, &lane = *lanes_[i], &ready] {
          const auto eal = nic::EalThread::enter();
          const bool good = eal.has_value();
          ready.set_value(good ? Result<void>{} : tl::unexpected(eal.error()));
          if (good) run(lane);
        });
    if (!thread) return tl::unexpected(thread.error());
    lanes_[i]->thread = *std::move(thread);
    if (auto result = entered.get(); !result) return result;
  }
  return {};
}

void Workers::run(Lane& lane) {
  use_precise_sleeps();
  MonotonicClock clock;
  lane.reader.online();
  poll_until(
      stop_, clock, idle_, lane.loop, [&lane](Nanoseconds now) { return lane.worker.turn(now); },
      [&lane](Nanoseconds rest) {
        lane.reader.offline();
        sleep_for(rest);
        lane.reader.online();
      });
  const Nanoseconds deadline = clock.now() + kDrain;
  while (lane.worker.turn(clock.now()) && clock.now() < deadline) {
  }
  lane.reader.offline();
}

void Workers::stop() {
  stop_ = true;
  for (const auto& lane : lanes_) {
    if (lane->thread.joinable()) lane->thread.join();
  }
}

void Workers::sample(agent::Samples& samples) const {
  for (std::uint16_t i = 0; i < count(); ++i) {
    samples.books(std::to_string(i), lanes_[i]->worker.books());
    sample_loop(samples, i);
    if (inboxes_.empty()) continue;
    std::uint64_t waiting = 0;
    for (std::uint16_t from = 0; from < count(); ++from) {
      waiting += inboxes_[i]->packets.from(from).size();
    }
    samples.gauge("worker_inbox_packets", {{"worker", std::to_string(i)}},
                  static_cast<double>(waiting));
  }
}

void Workers::append_blocks(std::vector<const CounterBlock*>& blocks) const {
  for (const auto& lane : lanes_) blocks.push_back(&lane->slots);
}

void Workers::sample_loop(agent::Samples& samples, std::uint16_t index) const {
  const std::string worker = std::to_string(index);
  const LoopCounters& loop = lanes_[index]->loop;
  const auto seconds = [&](const char* name, const Counter& nanoseconds) {
    samples.total(name, {{"worker", worker}}, static_cast<double>(nanoseconds.value()) * 1e-9);
  };
  const auto total = [&](const char* name, std::uint64_t value) {
    samples.total(name, {{"worker", worker}}, static_cast<double>(value));
  };
  seconds("worker_busy_seconds_total", loop.busy);
  seconds("worker_polling_seconds_total", loop.polling);
  seconds("worker_sleeping_seconds_total", loop.sleeping);
  total("worker_turns_total", loop.turns.value());
  total("worker_busy_turns_total", loop.busy_turns.value());
  total("worker_sleeps_total", loop.sleeps.value());
  total("trace_records_lost_total", lanes_[index]->trace.records.refused());
  const balancer::FlowTable& flows = lanes_[index]->worker.pipeline().flows();
  total("persistent_clients_refused_total", flows.scheduling().clients().refused().value());
  sample_bursts(samples, worker, lanes_[index]->worker);
}

/// As Prometheus has a histogram: what a bucket counts includes all smaller bursts.
void Workers::sample_bursts(agent::Samples& samples, const std::string& index,
                            const Worker& worker) const {
  std::uint64_t bursts = 0;
  for (std::size_t i = 0; i < worker.burst_sizes().size(); ++i) {
    bursts += worker.burst_sizes()[i].value();
    const bool last = i + 1 == worker.burst_sizes().size();
    samples.total("worker_burst_size_bucket",
                  {{"worker", index}, {"le", last ? "+Inf" : std::to_string((2U << i) - 1)}},
                  static_cast<double>(bursts));
  }
  samples.total("worker_burst_size_count", {{"worker", index}}, static_cast<double>(bursts));
  samples.total("worker_burst_size_sum", {{"worker", index}},
                static_cast<double>(worker.books().received.value()));
}

std::string Workers::stuck() {
  std::string names;
  for (std::size_t i = 0; i < lanes_.size(); ++i) {
    const std::uint64_t turns = lanes_[i]->loop.turns.value();
    if (turns == lanes_[i]->turns_seen) names += fmt::format("{}{}", names.empty() ? "" : ", ", i);
    lanes_[i]->turns_seen = turns;
  }
  return names.empty() ? names : fmt::format("no turn in the last second of worker {}", names);
}

}  // namespace sluice::start

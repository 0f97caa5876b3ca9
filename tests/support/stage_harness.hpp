/// What a test of a stage needs: a context with books, and bursts over exact heap blocks.
#pragma once

#include <stdexcept>
#include <vector>

#include "dataplane/packet/memory_queue.hpp"
#include "dataplane/packet/parse.hpp"
#include "tests/support/packet_builder.hpp"

namespace sluice::test {

/// Keeps copies of the frames that stages emit, and counts them as the transmitter does.
class RecordingEmitter final : public Emitter {
 public:
  struct Frame {
    PortId port;
    Bytes bytes;
  };

  RecordingEmitter(PacketPool& pool, Books& books) : pool_(pool), books_(books) {}
  void emit(const Packet& packet) override {
    if (packet.verdict == Verdict::sent) books_.sent.add(1);
    if (packet.verdict == Verdict::answered) books_.answered.add(1);
    frames.push_back({packet.out_port, Bytes(packet.data, packet.data + packet.length)});
    Packet copy = packet;
    pool_.release(copy);
  }

  std::vector<Frame> frames;

 private:
  PacketPool& pool_;
  Books& books_;
};

/// Everything a Context points to.
struct StageHarness {
  explicit StageHarness(MemoryPool::Layout layout = {}, std::uint32_t slot_count = 1024)
      : pool(layout), emitter(pool, books), slots(slot_count), registry(slot_count) {
    context.now = kSecond;
    context.books = &books;
    context.slots = &slots;
    context.pool = &pool;
    context.emitter = &emitter;
  }

  MemoryPool pool;
  Books books;
  RecordingEmitter emitter;
  CounterBlock slots;
  SlotRegistry registry;
  Context context;
};

/// A burst of parsed frames; gives its buffers back at the end.
class TestBurst {
 public:
  TestBurst(StageHarness& harness, const std::vector<Bytes>& frames, PortId in_port = 0)
      : harness_(harness) {
    for (const Bytes& frame : frames) {
      Packet& p = burst.packets.at(burst.count);
      if (!harness.pool.load(p, frame)) throw std::length_error("no packet buffer");
      p.in_port = in_port;
      ++burst.count;
    }
    burst.start();
    plain = parse({}, burst);
  }
  ~TestBurst() {
    for (unsigned i = 0; i < burst.count; ++i)
      if (burst.packets[i].owner != nullptr && burst.packets[i].verdict != Verdict::held)
        harness_.pool.release(burst.packets[i]);
  }
  TestBurst(const TestBurst&) = delete;
  TestBurst& operator=(const TestBurst&) = delete;

  [[nodiscard]] Packet& operator[](unsigned i) { return burst.packets[i]; }
  [[nodiscard]] Bytes bytes(unsigned i) const {
    return {burst.packets[i].data, burst.packets[i].data + burst.packets[i].length};
  }

  Burst burst;
  std::uint64_t plain = 0;  ///< as parse() says

 private:
  StageHarness& harness_;
};

}  // namespace sluice::test

/// What a stage is given beside the burst. One per worker; nothing in it is shared for writing.
#pragma once

#include <array>
#include <cstdint>

#include "dataplane/packet/packet.hpp"
#include "dataplane/runtime/clock.hpp"
#include "dataplane/runtime/counters.hpp"
#include "dataplane/runtime/rate.hpp"

namespace sluice {

/// The books of one worker: received == sum of verdicts + held_now (handed packets are counted by
/// the worker that decides them, so the equation holds over all workers).
struct Books {
  Counter received;
  Counter sent;
  Counter answered;
  Counter punted;
  Counter held_now;                           ///< a gauge
  std::array<Counter, kDropReasons> dropped;  ///< by DropReason
  Counter originated;                         ///< frames of our own: ARP and neighbour requests
  Counter handed;  ///< passed to another worker (in flight until counted there)
};

/// Where a stage gets a buffer for a packet of its own, and gives one back. Rare events only.
class PacketPool {
 public:
  virtual ~PacketPool() = default;
  /// Fills data, owner, room and headroom of an empty packet. False: no buffer left.
  [[nodiscard]] virtual bool allocate(Packet& packet) = 0;
  virtual void release(Packet& packet) = 0;
};

/// Takes frames that are in no burst: the stages' own, and packets that waited. It owns the packet
/// afterwards. The packet's verdict says how it enters the books when it leaves: `sent` or
/// `answered` for one that was received and is no longer held, `none` for a frame of our own.
class Emitter {
 public:
  virtual ~Emitter() = default;
  virtual void emit(const Packet& packet) = 0;  ///< out_port is set
};

struct Context {
  Nanoseconds now = 0;       ///< one reading of the clock a burst
  std::uint16_t worker = 0;  ///< index of this worker
  HashSeed seed;
  Books* books = nullptr;
  CounterBlock* slots = nullptr;
  PacketPool* pool = nullptr;
  Emitter* emitter = nullptr;
  TokenBucket icmp_errors{1000,
                          100};  ///< errors that this worker may send (RFC 4443 section 2.4 (f))
  std::uint16_t ipv4_id = 0;     ///< of the next IPv4 header that begins here (RFC 6864)
  TokenBucket punts{10'000, 1'000};  ///< packets that this worker may give to the host
};

}  // namespace sluice

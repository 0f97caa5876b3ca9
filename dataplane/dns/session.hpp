/// DNS over TCP (RFC 7766) without I/O: takes bytes, gives bytes. Owns no socket; one connection,
/// one thread.
///
///   take from the socket → receive → output → give to the socket → sent, and tick now and then
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <vector>

#include "dataplane/dns/stages.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::dns {

struct SessionLimits {
  /// Octets of answers that may wait for the client; no further query is read above it. One answer
  /// may go over it.
  std::size_t output_max = 65536;
  /// A connection that completes no query and takes no answers for so long is ended.
  Nanoseconds idle = 10 * kSecond;
};

/// Why a session is over.
enum class SessionEnd : std::uint8_t {
  none,         ///< it goes on
  idle,         ///< too long without a whole query (a trickle of bytes is none)
  not_a_query,  ///< a message that may not be answered: too short, or an answer
};

class Session {
 public:
  Session(SessionLimits limits, Nanoseconds now);

  /// Takes bytes as they came, however they were cut, and answers each whole query at once, in
  /// order. Returns how many were taken: less than given when answers wait for the client (offer
  /// the rest again after sent), or when the session is over. Each answer is wholly from `zones`,
  /// which may be another set at each call. Counts into `counters` unless it is nullptr.
  [[nodiscard]] std::size_t receive(const ZoneSet& zones, std::span<const std::uint8_t> bytes,
                                    Nanoseconds now, CounterBlock* counters);

  /// Bytes for the client; valid until the next call of receive or sent.
  [[nodiscard]] std::span<const std::uint8_t> output() const {
    return {output_.get() + output_begin_, output_end_ - output_begin_};
  }
  /// The first `count` bytes of output() are on their way.
  void sent(std::size_t count, Nanoseconds now);

  /// Ends the session if its time is over.
  void tick(Nanoseconds now);
  /// When tick will end it, unless something happens.
  [[nodiscard]] Nanoseconds deadline() const { return active_ + limits_.idle; }

  /// Whether receive would take bytes.
  [[nodiscard]] bool wants_input() const {
    return end_ == SessionEnd::none && output().size() < limits_.output_max;
  }
  /// Other than none: send what output() still holds (not after idle), then close.
  [[nodiscard]] SessionEnd end() const { return end_; }

 private:
  std::size_t take_partial(std::span<const std::uint8_t> bytes);
  void answer_query(const ZoneSet& zones, std::span<const std::uint8_t> query,
                    CounterBlock* counters);

  SessionLimits limits_;
  std::vector<std::uint8_t> partial_;  ///< of one message with its length, at most 65,537 octets
  std::unique_ptr<std::uint8_t[]> output_;
  std::size_t output_begin_ = 0;
  std::size_t output_end_ = 0;
  Nanoseconds active_;
  SessionEnd end_ = SessionEnd::none;
};

}  // namespace sluice::dns

#include "dataplane/dns/session.hpp"

#include <algorithm>
#include <cstring>

#include "dataplane/packet/bytes.hpp"

namespace sluice::dns {

namespace {

constexpr std::size_t kLength = 2;         ///< octets before each message (RFC 1035 section 4.2.2)
constexpr std::size_t kAnswerMax = 65535;  ///< what two octets can say

}  // namespace

Session::Session(SessionLimits limits, Nanoseconds now)
    : limits_(limits),
      // Not touched before it is used: an idle connection holds no memory for it.
      output_(new std::uint8_t[limits.output_max + kLength + kAnswerMax]),
      active_(now) {}

std::size_t Session::receive(const ZoneSet& zones, std::span<const std::uint8_t> bytes,
                             Nanoseconds now, CounterBlock* counters) {
  std::size_t taken = 0;
  while (wants_input() && taken < bytes.size()) {
    const auto rest = bytes.subspan(taken);
    const bool whole = partial_.empty() && rest.size() >= kLength &&
                       rest.size() - kLength >= load_be16(rest.data());
    if (whole) {  // the usual case: answered where it lies
      const std::size_t size = load_be16(rest.data());
      answer_query(zones, rest.subspan(kLength, size), counters);
      taken += kLength + size;
      active_ = now;
      continue;
    }
    taken += take_partial(rest);
    if (partial_.size() >= kLength && partial_.size() == kLength + load_be16(partial_.data())) {
      answer_query(zones, std::span<const std::uint8_t>(partial_).subspan(kLength), counters);
      partial_ = {};
      active_ = now;
    }
  }
  return taken;
}

/// Moves what the message under way lacks; returns how much was there of it.
std::size_t Session::take_partial(std::span<const std::uint8_t> bytes) {
  const std::size_t whole =
      partial_.size() < kLength ? kLength : kLength + load_be16(partial_.data());
  const std::size_t count = std::min(bytes.size(), whole - partial_.size());
  partial_.insert(partial_.end(), bytes.begin(),
                  bytes.begin() + static_cast<std::ptrdiff_t>(count));
  return count;
}

void Session::answer_query(const ZoneSet& zones, std::span<const std::uint8_t> query,
                           CounterBlock* counters) {
  if (output_begin_ != 0) {  // the answer needs the room in front
    std::memmove(output_.get(), output_.get() + output_begin_, output_end_ - output_begin_);
    output_end_ -= output_begin_;
    output_begin_ = 0;
  }
  std::uint8_t* at = output_.get() + output_end_;
  const auto answer = answer_stream(zones, query, {at + kLength, kAnswerMax}, counters);
  if (answer.empty()) {
    end_ = SessionEnd::not_a_query;
    return;
  }
  store_be16(at, static_cast<std::uint16_t>(answer.size()));
  output_end_ += kLength + answer.size();
}

void Session::sent(std::size_t count, Nanoseconds now) {
  output_begin_ += std::min(count, output_end_ - output_begin_);
  if (output_begin_ == output_end_) {
    output_begin_ = output_end_ = 0;
    active_ = now;
  }
}

void Session::tick(Nanoseconds now) {
  if (end_ == SessionEnd::none && now >= deadline()) end_ = SessionEnd::idle;
}

}  // namespace sluice::dns

#include "dataplane/replay/replay.hpp"

#include <algorithm>
#include <optional>

#include <sys/stat.h>
#include <x86intrin.h>

#include "dataplane/replay/capture_reader.hpp"
#include "dataplane/replay/capture_writer.hpp"
#include "dataplane/replay/memory_node.hpp"
#include "dataplane/replay/verdict_writer.hpp"

namespace sluice::replay {
namespace {

constexpr std::uint32_t kCounters = 65'536;
/// The longest frame that a packet's 16 bits can say; of longer ones this much is seen.
constexpr std::size_t kFrameMax = 0xffff;

/// Time goes on between packets, as far as a worker's tables can notice.
constexpr Nanoseconds kIdleStep = 100 * kMillisecond;
constexpr Nanoseconds kIdleTurnsMax = 1024;

/// The clock of the worker: it begins at a second and never goes back, as a monotonic clock does.
class CaptureClock {
 public:
  void start(Nanoseconds capture) { origin_ = capture; }
  /// The worker's time at a time of the capture.
  [[nodiscard]] Nanoseconds at(Nanoseconds capture) const {
    return std::max(now_, capture > origin_ ? kStart + (capture - origin_) : kStart);
  }
  void set(Nanoseconds now) { now_ = now; }
  [[nodiscard]] Nanoseconds now() const { return now_; }
  /// The worker's time as the capture counts.
  [[nodiscard]] Nanoseconds capture_time() const { return origin_ + (now_ - kStart); }
  [[nodiscard]] Nanoseconds passed() const { return now_ - kStart; }

 private:
  static constexpr Nanoseconds kStart = kSecond;
  Nanoseconds origin_ = 0;
  Nanoseconds now_ = kStart;
};

/// Puts what leaves into the output capture, at the time it is then.
class Wires final : public FrameSink {
 public:
  Wires(CaptureWriter writer, const CaptureClock& clock)
      : writer_(std::move(writer)), clock_(clock) {}
  void frame(PortId port, std::span<const std::uint8_t> bytes) override {
    writer_.write(port, clock_.capture_time(), bytes);
  }
  [[nodiscard]] Result<void> close() { return writer_.close(); }

 private:
  CaptureWriter writer_;
  const CaptureClock& clock_;
};

std::vector<std::string> port_names(const Sources& sources) {
  std::vector<std::string> names;
  for (const route::PortSource& port : sources.route.ports) names.push_back(port.name);
  return names;
}

/// By which port a packet comes in.
class PortChooser {
 public:
  explicit PortChooser(const std::vector<route::PortSource>& ports) : ports_(ports) {}

  /// Error: there is no such port.
  [[nodiscard]] Result<void> use_only(const std::string& name) {
    only_ = named(name);
    if (only_) return {};
    std::string known;
    for (const route::PortSource& port : ports_) known += (known.empty() ? "" : ", ") + port.name;
    return fail("the state has no port '" + name + "'", "--port", "use one of: " + known);
  }
  /// The one asked for; else the one that the capture's interface is called after; else the one to
  /// whose Ethernet address it is sent; else the first.
  [[nodiscard]] PortId port_of(const CapturedPacket& packet) const {
    if (only_) return *only_;
    if (const auto port = named(packet.interface)) return *port;
    for (const route::PortSource& port : ports_) {
      const auto& mac = port.mac.bytes;
      if (packet.bytes.size() >= mac.size() &&
          std::equal(mac.begin(), mac.end(), packet.bytes.begin()))
        return port.id;
    }
    return 0;
  }

 private:
  [[nodiscard]] std::optional<PortId> named(std::string_view name) const {
    for (const route::PortSource& port : ports_)
      if (port.name == name) return port.id;
    return std::nullopt;
  }

  const std::vector<route::PortSource>& ports_;
  std::optional<PortId> only_;
};

class Player {
 public:
  Player(const Request& request, MemoryNode& node, const PortChooser& chooser, CaptureClock& clock,
         VerdictWriter* verdicts, Summary& summary)
      : request_(request),
        node_(node),
        chooser_(chooser),
        clock_(clock),
        verdicts_(verdicts),
        summary_(summary),
        burst_(std::clamp(request.burst, 1U, MemoryNode::kBurst)) {}

  /// Plays `packet`, the first one, if `more`, and all that the reader has after it.
  [[nodiscard]] Result<void> play(CaptureReader& reader, CapturedPacket packet, Result<bool> more) {
    if (more && *more) clock_.start(packet.time);
    while (more && *more) {
      const Nanoseconds time = clock_.at(packet.time);
      pass_until(time);
      clock_.set(time);
      do {
        if (auto offered = offer(packet); !offered) return offered;
        more = reader.next(packet);
      } while (more && *more && offered_ < burst_ && clock_.at(packet.time) == time);
      turn();
    }
    return more ? Result<void>{} : tl::unexpected(more.error());
  }

 private:
  [[nodiscard]] Result<void> offer(const CapturedPacket& packet) {
    const PortId port = chooser_.port_of(packet);
    const auto frame = packet.bytes.first(std::min(packet.bytes.size(), kFrameMax));
    summary_.cut += frame.size() < packet.original_length ? 1 : 0;
    if (!node_.offer(port, frame)) return fail("no packet buffer is left", request_.in);
    ways_[offered_++] = {port, packet.number, nullptr};
    return {};
  }

  void turn() {
    const std::uint64_t before = request_.cycles ? __rdtsc() : 0;
    node_.turn(clock_.now());
    const std::uint64_t spent = request_.cycles ? (__rdtsc() - before) / offered_ : 0;
    note_ways();
    for (unsigned i = 0; i < offered_ && verdicts_ != nullptr; ++i) {
      verdicts_->write(ways_[i].number, *ways_[i].record,
                       request_.cycles ? std::optional(spent) : std::nullopt);
    }
    summary_.packets += offered_;
    offered_ = 0;
  }

  /// Records come by port; within a port they are in order.
  void note_ways() {
    for (const TraceRecord& record : node_.records()) {
      const auto way = std::find_if(ways_.begin(), ways_.begin() + offered_, [&](const Way& w) {
        return w.port == record.in_port && w.record == nullptr;
      });
      assert(way != ways_.begin() + offered_);
      way->record = &record;
    }
    assert(node_.records().size() == offered_);
  }

  /// Lets time-outs happen in between, in steps.
  void pass_until(Nanoseconds time) {
    const Nanoseconds gap = time - clock_.now();
    const Nanoseconds turns = std::min(gap / kIdleStep, kIdleTurnsMax);
    for (Nanoseconds i = 1; i < turns; ++i) {
      clock_.set(clock_.now() + gap / turns);
      node_.turn(clock_.now());
    }
  }

  struct Way {
    PortId port = kNoPort;
    std::uint64_t number = 0;
    const TraceRecord* record = nullptr;
  };

  const Request& request_;
  MemoryNode& node_;
  const PortChooser& chooser_;
  CaptureClock& clock_;
  VerdictWriter* verdicts_;
  Summary& summary_;
  unsigned burst_;
  unsigned offered_ = 0;
  std::array<Way, MemoryNode::kBurst> ways_;
};

void take_books(const Books& books, Summary& summary) {
  summary.sent = books.sent.value();
  summary.answered = books.answered.value();
  summary.punted = books.punted.value();
  summary.held = books.held_now.value();
  summary.originated = books.originated.value();
  for (unsigned i = 0; i < kDropReasons; ++i) summary.dropped[i] = books.dropped[i].value();
}

/// The same file, whatever it is called here and there.
bool same_file(const std::string& a, const std::string& b) {
  struct stat left {};
  struct stat right {};
  return stat(a.c_str(), &left) == 0 && stat(b.c_str(), &right) == 0 && S_ISREG(left.st_mode) &&
         left.st_dev == right.st_dev && left.st_ino == right.st_ino;
}

Result<void> check_files(const Request& request) {
  for (const std::string& output : {request.out, request.verdicts}) {
    if (same_file(request.in, output))
      return fail("the capture would be overwritten", output, "name another file to write");
  }
  if (request.out == request.verdicts || same_file(request.out, request.verdicts))
    return fail("packets and verdicts would go to one file", request.out, "name two");
  return {};
}

Result<void> first_error(std::initializer_list<Result<void>> results) {
  for (const Result<void>& result : results)
    if (!result) return result;
  return {};
}

}  // namespace

Result<void> replay(const Sources& given, const Request& request, Summary& summary) {
  const Sources sources = with_surroundings(given);
  SlotRegistry slots(kCounters);
  auto snapshot = compile(sources, 1, slots);
  if (!snapshot) return tl::unexpected(snapshot.error().front());
  if (sources.route.ports.empty())
    return fail("the state has no Port, by which packets could come in", {},
                "add a document of kind Port");
  PortChooser chooser(sources.route.ports);
  if (!request.port.empty())
    if (auto found = chooser.use_only(request.port); !found) return found;
  if (auto checked = check_files(request); !checked) return checked;
  auto reader = CaptureReader::open(request.in);
  if (!reader) return tl::unexpected(reader.error());
  CapturedPacket first;
  const Result<bool> more = (*reader)->next(first);
  if (!more) return tl::unexpected(more.error());

  auto writer = CaptureWriter::create(request.out, port_names(sources));
  if (!writer) return tl::unexpected(writer.error());
  std::optional<VerdictWriter> verdicts;
  if (!request.verdicts.empty()) {
    auto created = VerdictWriter::create(request.verdicts, **snapshot);
    if (!created) return tl::unexpected(created.error());
    verdicts.emplace(*std::move(created));
  }
  CaptureClock clock;
  Wires wires(*std::move(writer), clock);
  MemoryNode node(sources, *snapshot, kCounters, wires);
  Player player(request, node, chooser, clock, verdicts ? &*verdicts : nullptr, summary);
  const Result<void> played = player.play(**reader, first, more);
  take_books(node.books(), summary);
  summary.span = clock.passed();
  return first_error({played, wires.close(), verdicts ? verdicts->close() : Result<void>{}});
}

}  // namespace sluice::replay

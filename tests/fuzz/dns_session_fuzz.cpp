// DNS over TCP: however the bytes of a connection are cut and however slowly its answers are taken,
// the same bytes come back as in one piece, and each is a well-formed answer.
#include <algorithm>
#include <vector>

#include "dataplane/dns/session.hpp"
#include "dataplane/packet/bytes.hpp"
#include "tests/fuzz/dns_message.hpp"
#include "tests/fuzz/input.hpp"
#include "tests/support/world.hpp"

namespace sluice::fuzz {
namespace {

using Bytes = std::vector<std::uint8_t>;

constexpr std::size_t kStreamMax = 8192;
/// Sizes of pieces repeat after so many.
constexpr std::size_t kCuts = 8;

struct Outcome {
  Bytes answers;
  dns::SessionEnd end = dns::SessionEnd::none;
  bool operator==(const Outcome&) const = default;
};

void take_output(dns::Session& session, std::size_t most, Bytes& into) {
  const auto output = session.output().first(std::min(most, session.output().size()));
  into.insert(into.end(), output.begin(), output.end());
  session.sent(output.size(), 0);
}

/// Offers `cuts[i]` bytes (all that are left: 0) and takes as many of the answers, in turns.
Outcome run(std::span<const std::uint8_t> stream, std::span<const std::uint8_t> cuts,
            std::size_t output_max) {
  dns::Session session({.output_max = output_max}, 0);
  Outcome out;
  std::size_t turn = 0;
  while (!stream.empty() && session.end() == dns::SessionEnd::none) {
    const std::size_t cut = cuts.empty() ? 0 : cuts[turn++ % cuts.size()];
    const auto piece = cut == 0 ? stream : stream.first(std::min(cut, stream.size()));
    const std::size_t taken = session.receive(*test::world_zones(), piece, 0, nullptr);
    require(taken <= piece.size(), "no more is taken than there is");
    const bool stuck = taken == 0 && session.output().empty();
    require(!stuck || session.end() != dns::SessionEnd::none, "a session goes on or is over");
    stream = stream.subspan(taken);
    take_output(session, cut == 0 ? SIZE_MAX : cut, out.answers);
  }
  take_output(session, SIZE_MAX, out.answers);
  out.end = session.end();
  return out;
}

/// Both sides in step: each answer belongs to the query at its place.
void check_answers(std::span<const std::uint8_t> stream, std::span<const std::uint8_t> answers) {
  const auto next = [](std::span<const std::uint8_t>& bytes) {
    require(bytes.size() >= 2 && bytes.size() - 2 >= load_be16(bytes.data()), "messages are whole");
    const auto message = bytes.subspan(2, load_be16(bytes.data()));
    bytes = bytes.subspan(2 + message.size());
    return message;
  };
  while (!answers.empty()) {
    const auto answer = next(answers);
    check_dns_answer(next(stream), answer);
  }
}

}  // namespace
}  // namespace sluice::fuzz

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace sluice::fuzz;
  Input input(data, size);
  const auto cuts = input.take(kCuts);
  const auto stream = input.take(kStreamMax);
  const Outcome whole = run(stream, {}, 65536);
  check_answers(stream, whole.answers);
  require(run(stream, cuts, 65536) == whole, "pieces give what the whole gives");
  require(run(stream, cuts, 100) == whole, "a full output only delays");
  return 0;
}

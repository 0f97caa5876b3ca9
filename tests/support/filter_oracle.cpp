// A rule set and packets in, what became of them out: the pipeline with its firewall as a filter,
// for comparison with kernel nftables.
//
//   filter_oracle RULES
//
// The ports are wan (198.18.0.1/24, 2001:2::1/64; 10.0.0.0/8 and 2001:db8:a::/48 behind it) and lan
// (198.18.1.1/24, 2001:2:0:1::1/64; 172.16.0.0/12 and 2001:db8:b::/48 behind it). A line of input
// is a burst: words PORT:HEX, each an IP packet. A line of output is a packet, as JSON: verdict,
// reason, stage, state, rule, out, and the IP packet that left. A last line has the counters, of
// named ones and of each rule's own in order, as [packets, bytes].
#include <algorithm>
#include <fstream>
#include <iostream>
#include <sstream>

#include "dataplane/firewall/rule_set.hpp"
#include "dataplane/packet/names.hpp"
#include "dataplane/packet/pipeline.hpp"
#include "tests/support/stage_harness.hpp"

namespace {

using namespace sluice;
using test::Bytes;

constexpr PortId kWan = 0, kLan = 1;
// More than the rate of ICMP errors needs between two of them.
constexpr Nanoseconds kBetweenBursts = kSecond / 10;
constexpr std::uint32_t kSlots = 4096;

IpAddress address(const std::string& text) {
  return *IpAddress::parse(text);
}

void add_port(route::Source& source, PortId id, const std::string& name, const std::string& net4,
              const std::string& net6, const std::string& behind4, const std::string& behind6) {
  route::PortSource port;
  port.name = name;
  port.id = id;
  port.mac = test::kOurMac;
  port.addresses = {*Prefix::parse(net4 + ".1/24"), *Prefix::parse(net6 + "::1/64")};
  port.neighbours = {{address(net4 + ".2"), test::kTheirMac},
                     {address(net6 + "::2"), test::kTheirMac}};
  source.ports.push_back(port);
  for (const auto& [prefix, via] :
       {std::pair{behind4, net4 + ".2"}, std::pair{behind6, net6 + "::2"}}) {
    route::RouteEntry entry;
    entry.prefix = *Prefix::parse(prefix);
    entry.via = address(via);
    source.routes.push_back(entry);
  }
}

std::shared_ptr<const Snapshot> load(const std::string& file, SlotRegistry& slots) {
  std::stringstream text;
  text << std::ifstream(file).rdbuf();
  Sources sources;
  add_port(sources.route, kWan, "wan", "198.18.0", "2001:2:0:0", "10.0.0.0/8", "2001:db8:a::/48");
  add_port(sources.route, kLan, "lan", "198.18.1", "2001:2:0:1", "172.16.0.0/12",
           "2001:db8:b::/48");
  sources.firewall.rules.push_back({"rules", text.str(), file + ":1"});
  sources.firewall.ports = {{"wan", kWan}, {"lan", kLan}};
  auto snapshot = compile(sources, 1, slots);
  if (snapshot) return *snapshot;
  for (const Error& error : snapshot.error()) std::cerr << error.text() << '\n';
  return nullptr;
}

std::optional<Bytes> bytes_of(std::string_view hex) {
  Bytes out;
  if (hex.size() % 2 != 0) return std::nullopt;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    const std::string digits(hex.substr(i, 2));
    if (digits.find_first_not_of("0123456789abcdef") != std::string::npos) return std::nullopt;
    out.push_back(static_cast<std::uint8_t>(std::stoul(digits, nullptr, 16)));
  }
  return out;
}

std::string hex_of(std::span<const std::uint8_t> bytes) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const std::uint8_t byte : bytes) {
    out += kDigits[byte >> 4U];
    out += kDigits[byte & 15U];
  }
  return out;
}

/// Fills the burst from a line. False: it cannot be read.
bool read_burst(const std::string& line, MemoryPool& pool, Burst& burst) {
  std::istringstream words(line);
  burst.count = 0;
  for (std::string word; words >> word;) {
    const auto colon = word.find(':');
    if (colon == std::string::npos || burst.count == kBurstMax) return false;
    const auto ip = bytes_of(word.substr(colon + 1));
    if (!ip || ip->empty()) return false;
    const bool v6 = ip->front() >> 4U == 6;
    Bytes frame(test::kOurMac.bytes.begin(), test::kOurMac.bytes.end());
    frame.insert(frame.end(), test::kTheirMac.bytes.begin(), test::kTheirMac.bytes.end());
    frame.insert(frame.end(), {static_cast<std::uint8_t>(v6 ? 0x86 : 0x08),
                               static_cast<std::uint8_t>(v6 ? 0xdd : 0x00)});
    frame.insert(frame.end(), ip->begin(), ip->end());
    Packet& packet = burst.packets[burst.count];
    if (!pool.load(packet, frame)) return false;
    packet.in_port = word.substr(0, colon) == "lan" ? kLan : kWan;
    packet.flags = 0;
    ++burst.count;
  }
  return true;
}

std::string_view name_of_state(ConnectionState state) {
  switch (state) {
    case ConnectionState::untracked:
      return "untracked";
    case ConnectionState::fresh:
      return "new";
    case ConnectionState::established:
      return "established";
    case ConnectionState::related:
      return "related";
    case ConnectionState::invalid:
      break;
  }
  return "invalid";
}

void print(const Packet& p, const Snapshot& snapshot) {
  const bool leaves = p.verdict == Verdict::sent || p.verdict == Verdict::answered;
  const std::size_t end = std::max<std::size_t>(p.l3, p.end);
  std::cout << R"({"verdict":")" << name_of(p.verdict) << R"(","reason":")" << name_of(p.reason)
            << R"(","stage":")" << stage_name(p.stage) << R"(","state":")"
            << name_of_state(p.connection) << R"(","rule":")" << rule_name(snapshot, p.rule)
            << R"(","out":")" << (leaves ? port_name(snapshot, p.out_port) : "")
            << R"(","packet":")" << (leaves ? hex_of({p.data + p.l3, end - p.l3}) : "") << "\"}\n";
}

void print_counters(const firewall::RuleSet& rules, const CounterBlock& slots) {
  std::string named, own;
  for (const firewall::NamedCounter& counter : rules.counters()) {
    const SlotValue value = slots.read(counter.slot);
    const std::string numbers =
        "[" + std::to_string(value.events) + "," + std::to_string(value.units) + "]";
    std::string& list = counter.of_rule ? own : named;
    if (!list.empty()) list += ',';
    list += counter.of_rule ? numbers : '"' + counter.name + "\":" + numbers;
  }
  std::cout << R"({"named":{)" << named << R"(},"own":[)" << own << "]}\n";
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) {
    std::cerr << "filter_oracle RULES < BURSTS\n";
    return 2;
  }
  test::StageHarness harness({}, kSlots);
  const auto snapshot = load(argv[1], harness.registry);
  if (snapshot == nullptr) return 1;
  PipelineOptions options;
  options.slots = &harness.slots;
  Pipeline pipeline(options);
  const auto burst = std::make_unique<Burst>();
  for (std::string line; std::getline(std::cin, line);) {
    if (!read_burst(line, harness.pool, *burst)) {
      std::cerr << "filter_oracle: not a burst: " << line << '\n';
      return 1;
    }
    harness.context.now += kBetweenBursts;
    pipeline.run(harness.context, *snapshot, *burst);
    for (unsigned i = 0; i < burst->count; ++i) {
      print(burst->packets[i], *snapshot);
      harness.pool.release(burst->packets[i]);
    }
  }
  print_counters(*snapshot->firewall, harness.slots);
  return 0;
}

#include "bench/tester/options.hpp"

#include <algorithm>
#include <charconv>
#include <map>
#include <string>

namespace sluice::tester {
namespace {

constexpr std::array kModes{nic::PortMode::pci, nic::PortMode::af_xdp, nic::PortMode::af_packet,
                            nic::PortMode::tap, nic::PortMode::memif,  nic::PortMode::ring,
                            nic::PortMode::null};

/// MODE:DEVICE[:ARGUMENTS]; a PCI address has colons of its own.
Result<nic::PortSpec> read_port(const std::string& name, const std::string& text) {
  const std::size_t colon = text.find(':');
  const std::string mode = text.substr(0, colon);
  const auto known = std::find_if(kModes.begin(), kModes.end(),
                                  [&](nic::PortMode m) { return nic::name_of(m) == mode; });
  if (known == kModes.end())
    return fail("'" + mode + "' is no mode of a port", "--" + name,
                "write MODE:DEVICE, as in af_packet:eth0");
  nic::PortSpec spec;
  spec.name = name;
  spec.mode = *known;
  spec.queues = 1;
  if (colon == std::string::npos) return spec;
  spec.device = text.substr(colon + 1);
  const std::size_t end = spec.device.find(':');
  if (spec.mode == nic::PortMode::pci || end == std::string::npos) return spec;
  spec.driver_arguments = spec.device.substr(end + 1);
  spec.device.resize(end);
  return spec;
}

Result<std::uint32_t> read_number(const std::string& key, const std::string& text,
                                  std::uint32_t least, std::uint32_t most) {
  std::uint32_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size() || value < least || value > most)
    return fail(
        "'" + text + "' is no number from " + std::to_string(least) + " to " + std::to_string(most),
        key, "give such a number");
  return value;
}

Result<IpAddress> read_ipv4(const std::string& key, const std::string& text) {
  auto address = IpAddress::parse(text);
  if (!address || !address->is_v4())
    return fail("'" + text + "' is no IPv4 address", key, "write it as 198.18.0.2");
  return *address;
}

}  // namespace

Result<Options> read_options(int argc, char** argv) {
  std::map<std::string, std::string> given{{"--flows", "1024"}, {"--core", "0"}};
  for (int i = 1; i < argc; i += 2) {
    if (i + 1 == argc) return fail("needs a value", argv[i], "see scripts/pktgen --help");
    given[argv[i]] = argv[i + 1];
  }
  for (const char* key : {"--tx", "--rx", "--mac", "--from", "--to"})
    if (!given.contains(key)) return fail("is missing", key, "see scripts/pktgen --help");
  Options options;
  auto tx = read_port("tx", given["--tx"]);
  if (!tx) return tl::unexpected(tx.error());
  auto rx = read_port("rx", given["--rx"]);
  if (!rx) return tl::unexpected(rx.error());
  options.ports = {*tx, *rx};
  auto mac = MacAddress::parse(given["--mac"]);
  if (!mac) return tl::unexpected(mac.error());
  options.to_mac = *mac;
  auto from = read_ipv4("--from", given["--from"]);
  if (!from) return tl::unexpected(from.error());
  auto to = read_ipv4("--to", given["--to"]);
  if (!to) return tl::unexpected(to.error());
  options.source = *from;
  options.destination = *to;
  auto flows = read_number("--flows", given["--flows"], 1, 60'000);
  if (!flows) return tl::unexpected(flows.error());
  options.flows = *flows;
  auto core = read_number("--core", given["--core"], 0, 1023);
  if (!core) return tl::unexpected(core.error());
  options.core = *core;
  return options;
}

}  // namespace sluice::tester

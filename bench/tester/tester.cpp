/// A tester in the words of RFC 2544: offers test frames to a device under test by one port, and
/// counts those that come back by the other. Reads trials from standard input, a line each, and
/// answers each with a line of JSON. scripts/pktgen drives it.
#include <cstdio>
#include <iostream>
#include <sstream>

#include "bench/tester/options.hpp"
#include "bench/tester/trial.hpp"
#include "dataplane/nic/eal.hpp"
#include "dataplane/nic/port.hpp"
#include "dataplane/runtime/monotonic_clock.hpp"

namespace {

using namespace sluice;  // NOLINT: a program of one file

int give_up(const std::string& why) {
  std::fprintf(stderr, "tester: %s\n", why.c_str());
  return 1;
}

void print(const tester::TrialResult& result) {
  std::printf(
      "{\"size\": %u, \"offered\": %llu, \"received\": %llu, \"seconds\": %.6f, \"refused\": "
      "%llu}\n",
      result.size, static_cast<unsigned long long>(result.offered),
      static_cast<unsigned long long>(result.received), result.seconds,
      static_cast<unsigned long long>(result.refused));
  std::fflush(stdout);
}

int run(const tester::Options& options) {
  nic::EalOptions eal_options;
  eal_options.file_prefix = "sluice-tester-" + std::to_string(getpid());
  eal_options.control_core = options.core;
  eal_options.megabytes = 128;
  eal_options.buffers = 16384;
  auto eal = nic::Eal::start(eal_options, options.ports);
  if (!eal) return give_up(eal.error().text());
  auto ports = nic::open_ports(options.ports, {.workers = 1, .buffers = eal_options.buffers});
  if (!ports) return give_up(ports.error().text());

  MonotonicClock clock;
  tester::Tester tester((*ports)->queue(0, 0), (*ports)->queue(1, 0), (*ports)->pool(), clock,
                        {.from_mac = (*ports)->mac(0),
                         .to_mac = options.to_mac,
                         .source = options.source,
                         .destination = options.destination,
                         .flows = options.flows});
  std::puts("ready");
  std::fflush(stdout);
  for (std::string line; std::getline(std::cin, line);) {
    tester::Trial trial;
    std::istringstream words(line);
    if (!(words >> trial.size >> trial.rate >> trial.seconds) || !tester::valid(trial))
      return give_up("'" + line + "' is no trial: SIZE RATE SECONDS, 64 to 1518 bytes with FCS");
    print(tester.run(trial));
  }
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  auto options = tester::read_options(argc, argv);
  if (!options) {
    std::fprintf(stderr, "tester: %s\n", options.error().text().c_str());
    return 2;
  }
  return run(*options);
}

/// Services and stages as the tests of this room use them.
#pragma once

#include <memory>

#include <gtest/gtest.h>

#include "dataplane/balancer/flow_table.hpp"
#include "dataplane/balancer/service_table.hpp"
#include "tests/support/stage_harness.hpp"

namespace sluice::balancer {

inline IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}

inline BackendSource backend(std::string name, std::vector<std::string> addresses,
                             std::uint16_t port = 0) {
  BackendSource source;
  source.name = std::move(name);
  for (const std::string& a : addresses) source.addresses.push_back(address(a));
  source.port = port;
  return source;
}

/// A service of either family with a small table: 198.18.100.N and [2001:2:0:100::N].
inline ServiceSource service(std::string name, const std::string& n, std::uint16_t port,
                             std::uint8_t protocol) {
  ServiceSource source;
  source.name = std::move(name);
  source.addresses = {address("198.18.100." + n), address("2001:2:0:100::" + n)};
  source.port = port;
  source.protocol = protocol;
  source.table_size = 1021;
  return source;
}

/// The lab's services: web (TCP, NAT to 8080), web-dsr (TCP, direct return), echo (UDP, NAT).
inline Source lab_source() {
  const auto backends = [](std::uint16_t port) {
    return std::vector<BackendSource>{backend("be1", {"198.18.1.11", "2001:2:0:1::11"}, port),
                                      backend("be2", {"198.18.1.12", "2001:2:0:1::12"}, port),
                                      backend("be3", {"198.18.1.13", "2001:2:0:1::13"}, port)};
  };
  Source source;
  source.flows_max = 1024;
  ServiceSource web = service("web", "80", 80, ip_protocol::kTcp);
  web.backends = backends(8080);
  ServiceSource direct = service("web-dsr", "81", 8080, ip_protocol::kTcp);
  direct.mode = Mode::direct_return;
  direct.backends = backends(0);
  ServiceSource echo = service("echo", "82", 7, ip_protocol::kUdp);
  echo.backends = backends(0);
  source.services = {web, direct, echo};
  return source;
}

/// One worker's balancer.
struct Balancer {
  explicit Balancer(Source initial = lab_source(), std::uint16_t workers = 1,
                    std::uint16_t worker = 0, MemoryPool::Layout layout = {},
                    std::uint32_t clients = 1024)
      : harness(layout), source(std::move(initial)) {
    apply();
    FlowTableOptions options;
    options.flows_max = source.flows_max;
    options.worker = worker;
    options.workers = workers;
    options.seed = harness.context.seed;
    options.clients_max = clients;
    options.slots = &harness.slots;
    flows = std::make_unique<FlowTable>(options);
    harness.context.worker = worker;
  }

  /// Compiles `source` as it is now.
  void apply() {
    auto compiled = compile(source, harness.registry, ways);
    if (!compiled) throw std::runtime_error(compiled.error().front().text());
    services = *compiled;
  }

  /// Both stages over a burst of frames.
  void run(test::TestBurst& burst, std::uint64_t shared = 0) {
    restore(harness.context, *services, *flows, burst.burst);
    translate(harness.context, *services, *flows, burst.burst, ~std::uint64_t{0}, shared);
  }

  /// One frame through both stages; what became of it is checked by the caller.
  struct Outcome {
    Packet packet;
    test::Bytes bytes;
  };
  Outcome send(const test::Bytes& frame, std::uint64_t shared = 0) {
    test::TestBurst burst(harness, {frame});
    EXPECT_EQ(DropReason::none, burst[0].reason);
    run(burst, shared);
    return {burst[0], burst.bytes(0)};
  }

  void wait(Nanoseconds time) { harness.context.now += time; }
  [[nodiscard]] SlotValue counted(std::string_view name) {
    return harness.slots.read(harness.registry.slot_of(name));
  }
  [[nodiscard]] std::string backend_of(const Packet& p) const {
    return p.backend == 0 ? "" : services->backend_name(p.backend - 1);
  }

  test::StageHarness harness;
  Source source;
  Ways ways;
  std::shared_ptr<const ServiceTable> services;
  std::unique_ptr<FlowTable> flows;
};

}  // namespace sluice::balancer

#include "bench/path/balance.hpp"

#include "dataplane/packet/packet.hpp"

namespace sluice::bench {
namespace {

constexpr std::uint32_t kNeighbours = 16;
constexpr std::uint32_t kNearFirst = (198U << 24U) | (18U << 16U) | 11U;
constexpr std::uint32_t kFarFirst = (203U << 24U) | 1U;
constexpr std::uint32_t kFirstServiceValue = (198U << 24U) | (19U << 16U);

[[nodiscard]] balancer::BackendSource backend(std::uint32_t address, std::string name) {
  balancer::BackendSource out;
  out.name = std::move(name);
  out.addresses = {IpAddress::v4(address)};
  return out;
}

}  // namespace

std::vector<balancer::ServiceSource> balanced_services(const Load& load) {
  std::vector<balancer::ServiceSource> services(load.services);
  const bool near = load.services * load.backends <= kNeighbours;
  std::uint32_t address = near ? kNearFirst : kFarFirst;
  for (std::uint32_t s = 0; s < load.services; ++s) {
    balancer::ServiceSource& service = services[s];
    service.name = "service-" + std::to_string(s);
    service.addresses = {IpAddress::v4(kFirstServiceValue + s)};
    service.port = kServicePort;
    service.protocol = ip_protocol::kUdp;
    service.mode = load.service_mode;
    if (balancer::is_tunnel(load.service_mode))
      service.tunnel.sources = {Prefix::parse("172.16.0.0/16").value()};
    if (load.service_mode == balancer::Mode::full_nat)
      service.local.addresses = {Prefix::parse("172.17.0.0/24").value()};
    for (std::uint32_t b = 0; b < load.backends; ++b)
      service.backends.push_back(backend(address++, "backend-" + std::to_string(b)));
  }
  return services;
}

}  // namespace sluice::bench

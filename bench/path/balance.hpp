/// The services that case balance sends to.
#pragma once

#include <string>
#include <vector>

#include "bench/path/load.hpp"
#include "dataplane/packet/address.hpp"

namespace sluice::bench {

/// The first service's address; those of the others follow it.
inline constexpr const char* kFirstService = "198.19.0.0";
inline constexpr std::uint32_t kServicesMax = 10'000;
inline constexpr std::uint32_t kBackendsMax = 60'000;  ///< of all services
inline constexpr std::uint16_t kServicePort = 80;      ///< UDP

/// Up to 16 backends, as many as each service has, are neighbours on 198.18.0.0/24, from
/// 198.18.0.11; where there are more they are behind the routers of 203.0.0.0/16.
[[nodiscard]] std::vector<balancer::ServiceSource> balanced_services(const Load& load);

}  // namespace sluice::bench

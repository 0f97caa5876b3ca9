/// What is checked: every address of every backend of every service that has a check.
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <tuple>
#include <vector>

#include "control/health/standing.hpp"
#include "dataplane/packet/address.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::health {

/// What names a target in every state: service, backend, address.
using Key = std::tuple<std::string, std::string, IpAddress>;

struct Target {
  Key key;
  std::uint16_t port = 0;
  /// The address of the data plane's port that leads there: what is sent from it goes through the
  /// data plane. Nothing: no port has an address of the family.
  std::optional<IpAddress> source;
  Rhythm rhythm;
  std::shared_ptr<const v1::HealthCheck> check;  ///< defaults filled in; shared by a service

  [[nodiscard]] const std::string& service() const { return std::get<0>(key); }
  [[nodiscard]] const std::string& backend() const { return std::get<1>(key); }
  [[nodiscard]] const IpAddress& address() const { return std::get<2>(key); }
  /// Asks the same in the same way.
  [[nodiscard]] bool same_as(const Target& other) const;
};

/// The targets of a state that validates.
[[nodiscard]] std::vector<Target> targets_of(const v1::DesiredState& state);

/// The address of the port by which the data plane would send to an address: of the segment that it
/// is on, of the router on the way, or of a port that learns its router by itself.
[[nodiscard]] std::optional<IpAddress> source_for(const v1::DesiredState& state,
                                                  const IpAddress& to);

}  // namespace sluice::health

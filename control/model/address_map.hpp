/// Who lives where in a state: what addresses of our own making are checked against.
#pragma once

#include <string>
#include <vector>

#include "dataplane/packet/address.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// What lives at addresses, and the networks of ports and routes.
class AddressMap {
 public:
  /// Something that is not to be within a prefix that is chosen freely.
  struct Taken {
    Prefix prefix;
    std::string owner;
  };

  explicit AddressMap(const v1::DesiredState& state);

  /// Who has an address of a tunnel's source; null: it is free. An address may lie in a port's
  /// network, or be the port's own; a prefix may not.
  [[nodiscard]] const Taken* owner_of(const Prefix& source) const;
  /// Who has one of some local addresses, which may lie in a port's network but not hold the port's
  /// own; null: they are free.
  [[nodiscard]] const Taken* owner_of_local(const Prefix& local) const;
  [[nodiscard]] bool has_port_of_family(bool v4) const;

 private:
  void add(const v1::Document& document);
  void add_address(const std::string& text, const std::string& owner);
  [[nodiscard]] const Taken* address_or_route_in(const Prefix& prefix) const;

  std::vector<Taken> addresses_;
  std::vector<Taken> ports_;  ///< networks
  std::vector<Taken> own_;    ///< addresses of ports
  std::vector<Taken> routes_;
};

/// Routers send packets to it, and errors back to it.
[[nodiscard]] bool is_routed_unicast(const IpAddress& address);

}  // namespace sluice::model

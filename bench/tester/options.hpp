/// What the tester is told when it starts.
#pragma once

#include <array>

#include "dataplane/nic/port_modes.hpp"
#include "dataplane/packet/address.hpp"

namespace sluice::tester {

struct Options {
  /// The first offers, the second receives.
  std::array<nic::PortSpec, 2> ports;
  MacAddress to_mac;              ///< the device's port that is offered to
  IpAddress source, destination;  ///< of the test frames
  std::uint32_t flows = 1024;     ///< source ports in turn
  unsigned core = 0;
};

/// --tx MODE:DEVICE[:ARGUMENTS] --rx MODE:DEVICE[:ARGUMENTS] --mac MAC --from IPV4 --to IPV4
/// [--flows N] [--core N]. Error: what is wrong with them.
[[nodiscard]] Result<Options> read_options(int argc, char** argv);

}  // namespace sluice::tester

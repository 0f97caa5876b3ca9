/// A desired state into what the rooms of the data plane compile: plain values. Used by the data
/// plane for its snapshots, by replay, and by validation, so that all three see one meaning.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "control/model/problems.hpp"
#include "dataplane/packet/packet.hpp"
#include "dataplane/packet/snapshot.hpp"
#include "sluice/v1/state.pb.h"

namespace sluice::model {

/// What a state does not say but a node knows: its ports and its reserved tables.
struct NodeFacts {
  struct Port {
    std::string name;
    PortId id = kNoPort;
    MacAddress mac;
    bool mac_known = true;  ///< otherwise it is made up, and the port takes frames to any
  };
  std::vector<Port> ports;
  PortId host_port = kNoPort;  ///< the exception TAP, if there is one
  MacAddress host_mac;
  std::uint32_t flows_max = 262'144;
};

/// Facts for a state without a node: its Port documents in their order, with the MAC given there,
/// or 02:00:00:00:01:NN where none is known.
[[nodiscard]] NodeFacts facts_of(const v1::DesiredState& state);

/// Fields that cannot be used (no such port, a malformed address) are problems; the rest is still
/// compiled. `places`, where known, lets the rooms name files and lines in their own errors.
[[nodiscard]] Sources compile_sources(const v1::DesiredState& state, const NodeFacts& facts,
                                      Problems& problems, const Places* places = nullptr);

}  // namespace sluice::model

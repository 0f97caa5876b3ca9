/// The kernel's side of the exception path: our addresses on the TAP, and the way back through it.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "dataplane/packet/address.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::nic {

/// Sets up the TAP of the exception path by rtnetlink. What it set up outside the TAP, the policy
/// rules, goes with it; addresses and routes go with the TAP. Needs cap_net_admin. One thread.
class HostNet {
 public:
  /// `tap` exists; `gateway` is the Ethernet address that the data plane has on it.
  [[nodiscard]] static Result<HostNet> open(const std::string& tap, const MacAddress& gateway);
  HostNet(HostNet&&) noexcept;
  HostNet& operator=(HostNet&&) noexcept;
  ~HostNet();

  /// Makes these the host's addresses on the TAP: what it sends from them leaves through the TAP.
  /// Only what differs is changed. Error: the kernel refuses one of them.
  [[nodiscard]] Result<void> apply(std::span<const IpAddress> addresses);

 private:
  struct State;
  explicit HostNet(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::nic

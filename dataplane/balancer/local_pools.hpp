/// From what services say of local ends to the pools that workers choose from.
#pragma once

#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "dataplane/balancer/local_ports.hpp"
#include "dataplane/balancer/source.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::balancer {

/// Local ends for one family at one backend, whose port has the address `way.source` and is shared
/// with the host unless the configuration names addresses of that family. Of size 0: there are
/// none.
[[nodiscard]] LocalPool pool_for(const LocalSource& source, bool v4, const Way& way);
/// Some end is in both.
[[nodiscard]] bool overlap(const LocalPool& a, const LocalPool& b);
/// Adds the mistakes in what a service says of local ends and PROXY headers; `where` names it.
void check_local(const ServiceSource& service, const std::string& where, const Ways& ways,
                 std::vector<Error>& errors);

/// The pools of all services, as a table has them: two for each backend of full NAT.
class LocalPools {
 public:
  /// Appends those for a backend, IPv4 first; of size 0 where it has no address of the family.
  void add(const ServiceSource& service, const BackendSource& backend, const Ways& ways);
  [[nodiscard]] std::uint32_t size() const { return static_cast<std::uint32_t>(pools_.size()); }
  /// Ends it. Services that reach the same backend from the same addresses have a part of them
  /// each.
  [[nodiscard]] std::vector<LocalPool> take();

 private:
  std::vector<LocalPool> pools_;
  /// Pools by the backend's address, port and protocol.
  std::map<std::tuple<IpAddress, std::uint16_t, std::uint8_t>, std::vector<std::size_t>> at_;
};

}  // namespace sluice::balancer

#include "control/model/validate_local.hpp"

#include <algorithm>
#include <array>

#include "control/model/address_map.hpp"
#include "control/model/format.hpp"
#include "control/model/kinds.hpp"
#include "control/model/rules.hpp"
#include "dataplane/balancer/local_ports.hpp"
#include "dataplane/balancer/source.hpp"

namespace sluice::model {
namespace {

std::uint64_t addresses_of(const Prefix& prefix) {
  const unsigned host = (prefix.is_v4() ? 32U : 128U) - prefix.length;
  return host > 32 ? std::uint64_t{1} << 32U : std::uint64_t{1} << host;
}

/// Fields of the mode in another one.
void check_mode(const v1::Service& service, const std::string& path, Problems& problems) {
  const std::string mode = "mode " + v1::Service::Mode_Name(service.mode());
  if (service.mode() != v1::Service::FULL_NAT) {
    if (service.local_addresses_size() != 0)
      problems.add(path + ".local_addresses", mode + " keeps the client's address",
                   "remove them, or use mode FULL_NAT");
    if (service.has_local_ports())
      problems.add(path + ".local_ports", mode + " keeps the client's port",
                   "remove them, or use mode FULL_NAT");
  }
  if (service.proxy_protocol() == v1::Service::NONE) return;
  if (service.protocol() != v1::Service::TCP)
    problems.add(path + ".proxy_protocol", "only a TCP connection can begin with a header",
                 "remove the line");
  else if (service.mode() != v1::Service::FULL_NAT && service.mode() != v1::Service::NAT)
    problems.add(path + ".proxy_protocol",
                 mode + " leaves connections to the backend and the client",
                 "remove the line, or use mode FULL_NAT or NAT");
}

void check_addresses(const v1::Service& service, const std::string& path, const AddressMap& map,
                     Problems& problems) {
  std::array<std::uint64_t, 2> count{};
  for (int i = 0; i < service.local_addresses_size(); ++i) {
    const auto local = Prefix::parse(service.local_addresses(i));
    if (!local) continue;
    const std::string here = path_to(path + ".local_addresses", static_cast<std::size_t>(i));
    const std::string text = quoted(local->text());
    count[local->is_v4() ? 0 : 1] += addresses_of(*local);
    if (!is_routed_unicast(local->address)) {
      problems.add(here, text + " is no source of packets that routers forward",
                   "use a unicast address or prefix that is not loopback or link-local");
    } else if (const AddressMap::Taken* taken = map.owner_of_local(*local)) {
      problems.add(here, text + " holds addresses of " + taken->owner,
                   "use addresses that only the balancer has; without any, flows share the port's");
    } else if (std::max(count[0], count[1]) > balancer::kLocalAddressesMax) {
      problems.add(here, "these are too many addresses",
                   "name " + std::to_string(balancer::kLocalAddressesMax) + " of a family at most");
    }
  }
}

void check_ports(const v1::Service& service, const std::string& path, Problems& problems) {
  const v1::LocalPorts& ports = service.local_ports();
  constexpr std::uint32_t kFirst = 1024;
  const std::uint32_t first = ports.first() == 0 ? kFirst : ports.first();
  if (ports.last() != 0 && ports.last() < first)
    problems.add(path + ".local_ports.last",
                 "the last port is before the first, " + std::to_string(first),
                 "give a range that holds ports");
  if (ports.last() == 0 && service.local_addresses().empty() && first > balancer::kSharedPortLast)
    problems.add(path + ".local_ports.first",
                 "of a port's own address only the ports up to 32767 are used, unless told",
                 "name local_addresses, or the last port too");
}

/// Every backend needs an end to be reached from: a configured one, or the address of a port.
void check_families(const v1::Service& service, const std::string& path, const AddressMap& map,
                    Problems& problems) {
  const auto serves = [&](bool v4) {
    return std::any_of(service.addresses().begin(), service.addresses().end(),
                       [&](const std::string& text) {
                         const auto address = IpAddress::parse(text);
                         return address && address->is_v4() == v4;
                       });
  };
  const auto has_local = [&](bool v4) {
    return !serves(v4) || map.has_port_of_family(v4) ||
           std::any_of(service.local_addresses().begin(), service.local_addresses().end(),
                       [&](const std::string& text) {
                         const auto local = Prefix::parse(text);
                         return local && local->is_v4() == v4;
                       });
  };
  for (int i = 0; i < service.backends_size(); ++i) {
    const std::string at = path_to(path + ".backends", static_cast<std::size_t>(i)) + ".addresses";
    const v1::Backend& backend = service.backends(i);
    for (int j = 0; j < backend.addresses_size(); ++j) {
      const auto address = IpAddress::parse(backend.addresses(j));
      if (!address || has_local(address->is_v4())) continue;
      problems.add(path_to(at, static_cast<std::size_t>(j)),
                   "no port has an address of this family to send from",
                   "give one to a port, or name some in local_addresses");
    }
  }
}

}  // namespace

void check_local_ends(const v1::DesiredState& state, Problems& problems) {
  const AddressMap map(state);
  for (const v1::Document& document : state.documents()) {
    if (!document.has_service()) continue;
    const v1::Service& service = document.service();
    const std::string path = key_of(document) + ": spec";
    check_mode(service, path, problems);
    if (service.mode() != v1::Service::FULL_NAT) continue;
    check_addresses(service, path, map, problems);
    check_ports(service, path, problems);
    check_families(service, path, map, problems);
  }
}

}  // namespace sluice::model

#include "dataplane/balancer/local_pools.hpp"

#include <algorithm>
#include <array>

#include "dataplane/balancer/tunnel.hpp"

namespace sluice::balancer {
namespace {

std::uint64_t addresses_of(const Prefix& prefix) {
  const unsigned host = (prefix.is_v4() ? 32U : 128U) - prefix.length;
  return host > 32 ? ~std::uint32_t{0} : std::uint64_t{1} << host;
}

bool serves_family(const ServiceSource& service, bool v4) {
  return std::any_of(service.addresses.begin(), service.addresses.end(),
                     [&](const IpAddress& address) { return address.is_v4() == v4; });
}

}  // namespace

LocalPool pool_for(const LocalSource& source, bool v4, const Way& way) {
  LocalPool pool;
  std::uint16_t last = source.last_port == 0 ? std::uint16_t{65'535} : source.last_port;
  for (const Prefix& prefix : source.addresses)
    if (prefix.is_v4() == v4) pool.prefixes.push_back(prefix);
  if (pool.prefixes.empty()) {
    if (way.source.is_unspecified() || way.source.is_v4() != v4) return pool;
    pool.prefixes.push_back({way.source, static_cast<std::uint8_t>(v4 ? 32 : 128)});
    if (source.last_port == 0) last = kSharedPortLast;
  }
  for (const Prefix& prefix : pool.prefixes)
    pool.addresses += static_cast<std::uint32_t>(addresses_of(prefix));
  pool.first_port = source.first_port;
  pool.ports = last < source.first_port ? 0U : last - source.first_port + 1U;
  return pool;
}

bool overlap(const LocalPool& a, const LocalPool& b) {
  const auto meet = [](const Prefix& x, const Prefix& y) {
    return x.is_v4() == y.is_v4() && (x.contains(y.address) || y.contains(x.address));
  };
  return a.first_port < b.first_port + b.ports && b.first_port < a.first_port + a.ports &&
         std::any_of(a.prefixes.begin(), a.prefixes.end(), [&](const Prefix& x) {
           return std::any_of(b.prefixes.begin(), b.prefixes.end(),
                              [&](const Prefix& y) { return meet(x, y); });
         });
}

void check_local(const ServiceSource& service, const std::string& where, const Ways& ways,
                 std::vector<Error>& errors) {
  const auto report = [&](std::string at, std::string what, std::string fix) {
    errors.push_back({std::move(what), std::move(at), std::move(fix)});
  };
  if (service.proxy != 0 && (service.protocol != ip_protocol::kTcp || !replies_pass(service.mode)))
    report(where, "PROXY headers need TCP whose replies pass here", "use TCP, and FULL_NAT or NAT");
  if (service.proxy > 2) report(where, "there is no such version of PROXY headers", "use 1 or 2");
  if (service.mode != Mode::full_nat) return;
  std::array<std::uint64_t, 2> of_family{};
  for (const Prefix& prefix : service.local.addresses) {
    of_family[prefix.is_v4() ? 0 : 1] += addresses_of(prefix);
    if (prefix.network() != prefix)
      report(where, prefix.text() + " has bits set after its length",
             "write " + prefix.network().text());
  }
  if (std::max(of_family[0], of_family[1]) > kLocalAddressesMax)
    report(where, "its local addresses are too many",
           "name " + std::to_string(kLocalAddressesMax) + " of a family at most");
  if (!errors.empty()) return;
  for (const BackendSource& backend : service.backends)
    for (const IpAddress& address : backend.addresses)
      if (serves_family(service, address.is_v4()) &&
          pool_for(service.local, address.is_v4(), way_to(ways, address)).size() == 0)
        report(where + ", backend " + backend.name,
               "there is no local address and port to reach " + address.text() + " from",
               "give local addresses of that family, or the port an address, and a range of ports");
}

void LocalPools::add(const ServiceSource& service, const BackendSource& backend, const Ways& ways) {
  const std::uint16_t port = backend.port == 0 ? service.port : backend.port;
  const std::size_t first = pools_.size();
  pools_.resize(first + 2);
  for (const IpAddress& address : backend.addresses) {
    const std::size_t at = first + (address.is_v4() ? 0U : 1U);
    pools_[at] = pool_for(service.local, address.is_v4(), way_to(ways, address));
    at_[{address, port, service.protocol}].push_back(at);
  }
}

std::vector<LocalPool> LocalPools::take() {
  for (const auto& [end, pools] : at_)
    for (const std::size_t at : pools)
      pools_[at].services = static_cast<std::uint32_t>(
          std::count_if(pools.begin(), pools.end(),
                        [&](std::size_t other) { return overlap(pools_[at], pools_[other]); }));
  return std::move(pools_);
}

}  // namespace sluice::balancer

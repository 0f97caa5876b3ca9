#include "dataplane/balancer/full_nat.hpp"

#include <algorithm>

#include "dataplane/balancer/proxy_stream.hpp"
#include "dataplane/balancer/rewrite.hpp"
#include "dataplane/balancer/tcp_options.hpp"
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

/// Timestamps of many clients behind one address look to a backend like a clock that jumps: it
/// would drop segments as old (RFC 7323 section 5, PAWS), or refuse a port in TIME_WAIT. What the
/// client does not offer, neither side uses.
void leave_out_timestamps(Packet& p) {
  TcpEdit edit(p);
  edit.blank({tcp_option::kTimestamps});
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

LocalEnd local_end_of(const Service& service, const Flow& flow, const Packet& first) {
  LocalEnd end;
  end.rest = service.local_port_rest;
  end.in_use = service.local_slots.in_use;
  if (service.proxy != 0) begin_proxy(first, flow, service.proxy, end);
  return end;
}

DropReason to_backend(Packet& p, const Flow& flow, LocalEnd& end) {
  if (end.proxy != 0 && !proxy_to_backend(p, flow, end)) return DropReason::tunnel_room;
  if (end.port != 0) {
    if ((p.tcp_flags & tcp_flag::kSyn) != 0 && p.key.protocol == ip_protocol::kTcp)
      leave_out_timestamps(p);
    rewrite(p, End::source, end.address, end.port);
  }
  rewrite(p, End::destination, flow.backend, flow.backend_port);
  return DropReason::none;
}

void to_client(Packet& p, const Flow& flow, LocalEnd& end) {
  if (end.proxy != 0) proxy_to_client(p, end);
  if (end.port != 0) rewrite(p, End::destination, flow.client, flow.client_port);
  rewrite(p, End::source, flow.service, flow.service_port);
}

}  // namespace sluice::balancer

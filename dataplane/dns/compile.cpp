#include <algorithm>
#include <iterator>

#include "dataplane/dns/stages.hpp"
#include "dataplane/dns/zone_set_builder.hpp"

namespace sluice::dns {

namespace {

void load_zones(const std::vector<ZoneSource>& sources, Catalog& catalog,
                std::vector<Error>& errors) {
  const auto take = [&](std::vector<Error>&& more) {
    errors.insert(errors.end(), std::make_move_iterator(more.begin()),
                  std::make_move_iterator(more.end()));
  };
  for (const ZoneSource& source : sources) {
    auto records = read_zone_file(source);
    if (!records) {
      take(std::move(records.error()));
      continue;
    }
    auto zone = Zone::build(std::move(*records), source.where);
    if (!zone) {
      take(std::move(zone.error()));
    } else if (!catalog.add(std::move(*zone))) {
      errors.push_back(
          {"the zone " + source.origin + " is given twice", source.where, "remove one of them"});
    }
  }
}

void check_servers(const std::vector<ServerSource>& servers, std::vector<Error>& errors) {
  for (std::size_t i = 0; i < servers.size(); ++i) {
    const ServerSource& server = servers[i];
    if (server.udp_size_max < 512) {
      errors.push_back({"UDP answers of at most " + std::to_string(server.udp_size_max) + " bytes",
                        "name server " + server.name, "512 is the least (RFC 1035)"});
    }
    for (std::size_t k = 0; k < i; ++k) {
      for (const IpAddress& address : servers[k].addresses) {
        if (servers[k].port != server.port ||
            std::find(server.addresses.begin(), server.addresses.end(), address) ==
                server.addresses.end()) {
          continue;
        }
        errors.push_back({"the name server " + servers[k].name + " has " + address.text() +
                              " port " + std::to_string(server.port) + " too",
                          "name server " + server.name, "give each its own address or port"});
      }
    }
  }
}

}  // namespace

tl::expected<std::shared_ptr<const ZoneSet>, std::vector<Error>> compile(const Source& source,
                                                                         SlotRegistry& slots) {
  Catalog catalog;
  std::vector<Error> errors;
  load_zones(source.zones, catalog, errors);
  check_servers(source.servers, errors);
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return ZoneSetBuilder(catalog, source.servers, source.seed, slots).build();
}

}  // namespace sluice::dns

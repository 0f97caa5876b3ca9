/// From a Source to a Table: checks every entry, collects every mistake, then fills the tries.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "dataplane/route/stages.hpp"
#include "dataplane/route/table.hpp"

namespace sluice::route {

/// Used once: construct, then run().
class Compiler {
 public:
  explicit Compiler(const Source& source) : source_(source) {}

  [[nodiscard]] tl::expected<std::shared_ptr<const Table>, std::vector<Error>> run();

 private:
  struct Leaf {
    Prefix prefix;
    std::uint32_t index;
  };

  void add_fixed();
  void add_ports();
  void add_port(const PortSource& port, const std::string& where);
  void add_address(const PortSource& port, const Prefix& address, const std::string& where);
  void check_overlap(const PortSource& port, const Prefix& address, const std::string& where);
  void add_neighbours();
  void add_neighbour(PortId port, const StaticNeighbour& neighbour, const std::string& where);
  void add_routes();
  void add_route(const RouteEntry& route, const std::string& where);
  void add_locals();
  void add_local(const Prefix& prefix, std::uint8_t kinds);
  void set_host_port();
  void fill_tries();
  void list_entries();

  /// The port a gateway is behind, or kNoPort with an error recorded.
  [[nodiscard]] PortId port_of_gateway(const RouteEntry& route, const std::string& where);
  [[nodiscard]] std::uint32_t index_of(RouteKind kind, PortId port, const IpAddress& gateway);
  [[nodiscard]] bool claim(const Prefix& prefix, const std::string& where);
  [[nodiscard]] bool refuse_reserved(const Prefix& prefix, const std::string& where);
  [[nodiscard]] bool port_known(PortId id) const { return table_.port(id).known; }
  void error(std::string what, std::string where, std::string fix) {
    errors_.push_back({std::move(what), std::move(where), std::move(fix)});
  }

  const Source& source_;
  Table table_;
  std::vector<Error> errors_;
  std::vector<Leaf> leaves_;
  std::map<std::pair<PortId, IpAddress>, MacAddress> static_neighbours_;
  std::map<std::pair<PortId, IpAddress>, std::uint32_t> next_hops_;
  std::map<Prefix, std::string> claimed_;            ///< networks, with the field that claimed each
  std::map<Prefix, std::uint8_t> locals_;            ///< kinds by prefix
  std::map<IpAddress, std::string> port_addresses_;  ///< with the field that holds each
};

}  // namespace sluice::route

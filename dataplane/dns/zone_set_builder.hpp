/// Lays a catalog of zones out as a ZoneSet. Linear in names and records.
#pragma once

#include <deque>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataplane/dns/answer_compiler.hpp"
#include "dataplane/dns/zone_set.hpp"

namespace sluice::dns {

class ZoneSetBuilder {
 public:
  ZoneSetBuilder(const Catalog& catalog, std::vector<ServerSource> servers, HashSeed seed,
                 SlotRegistry& slots);

  /// Errors: an answer that fits no message, more names than a table can hold.
  [[nodiscard]] tl::expected<std::shared_ptr<const ZoneSet>, std::vector<Error>> build();

 private:
  void add_zone(const Zone& zone, std::uint32_t index);
  void add_node(const Zone& zone, std::uint32_t index, const ZoneNode& node);
  void add_ancestors(std::string_view name);
  void link_wildcards();
  void link_parent_sides();
  void fill_table();
  void name_counters(const Zone& zone, ServedZone& served);
  void name_server_counters();

  std::uint32_t append_node(std::string_view name, Node head, const NodeAnswers& answers);
  std::size_t append_answer(const RenderedAnswer& rendered, bool movable);
  void append(const void* bytes, std::size_t size);
  void link(std::uint32_t node, std::uint32_t Node::*field, std::uint32_t target);

  const Catalog& catalog_;
  SlotRegistry& slot_names_;
  std::shared_ptr<ZoneSet> set_;
  std::vector<Error> errors_;
  std::unordered_map<std::string_view, std::uint32_t> nodes_;         ///< by name
  std::unordered_map<std::string_view, std::uint32_t> parent_sides_;  ///< by origin below
  std::vector<std::size_t> negatives_;                                ///< arena offsets by zone
  std::deque<std::string> ancestors_;  ///< names of gaps and of nodes outside
  bool full_ = false;
};

}  // namespace sluice::dns

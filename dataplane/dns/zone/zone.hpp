/// A zone as a tree of names with record sets: checked, its delegations marked. What answers are
/// compiled from; terms as in RFC 9499.
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "dataplane/dns/zone/zone_file.hpp"

namespace sluice::dns {

struct RecordSet {
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;           ///< the lowest of its records (RFC 2181 section 5.2)
  std::vector<std::string> rdata;  ///< wire form, no duplicates, in the order of the file
};

struct ZoneNode {
  std::string name;             ///< wire form, lowered
  std::vector<RecordSet> sets;  ///< by type; none at an empty non-terminal (RFC 4592 section 2.2.2)
  bool cut = false;             ///< NS below the apex: the zone ends here
  bool occluded = false;        ///< below a cut: glue, never answered with authority

  [[nodiscard]] const RecordSet* find(std::uint16_t type) const;
};

class Zone {
 public:
  /// Errors: no or several SOA, no NS at the apex, CNAME beside other data, several CNAMEs, NS at a
  /// wildcard, a record set that fits no message.
  [[nodiscard]] static tl::expected<std::unique_ptr<Zone>, std::vector<Error>> build(
      ZoneRecords records, const std::string& where);

  [[nodiscard]] const std::string& origin() const { return origin_; }
  [[nodiscard]] const ZoneNode& apex() const { return *find(origin_); }
  /// The node of a lowered name, empty non-terminals and glue included; nullptr if there is none.
  [[nodiscard]] const ZoneNode* find(std::string_view name) const;
  /// The last node on the way down to a lowered name at or below the origin; the cut, if one is on
  /// the way.
  [[nodiscard]] const ZoneNode& closest_encloser(std::string_view name) const;
  /// In the order of the file: an ancestor may follow its descendants.
  [[nodiscard]] const std::vector<std::unique_ptr<ZoneNode>>& nodes() const { return nodes_; }

 private:
  ZoneNode& node_for(const std::string& name);
  void add(Record record, const std::string& where, std::vector<Error>& errors);
  void check(const std::string& where, std::vector<Error>& errors) const;
  void mark_cuts();

  std::string origin_;
  std::vector<std::unique_ptr<ZoneNode>> nodes_;
  std::unordered_map<std::string_view, ZoneNode*> index_;
};

/// Most octets of the records of one set, so that it fits a message of 65,535 with any question,
/// OPT and an alias in front of it.
inline constexpr std::size_t kRecordSetBytesMax = 64'000;

}  // namespace sluice::dns

#include "dataplane/dns/zone/zone.hpp"

#include <algorithm>

#include "dataplane/dns/zone/ldns_rdata.hpp"
#include "dataplane/dns/zone/name.hpp"
#include "dataplane/dns/zone/types.hpp"

namespace sluice::dns {

namespace {

/// Octets of a record whose owner is a compression pointer, without its rdata.
constexpr std::size_t kRecordHead = 12;

bool is_wildcard(std::string_view name) {
  return name.size() >= 2 && name[0] == 1 && name[1] == '*';
}

}  // namespace

const RecordSet* ZoneNode::find(std::uint16_t type) const {
  for (const RecordSet& set : sets) {
    if (set.type == type) return &set;
  }
  return nullptr;
}

tl::expected<std::unique_ptr<Zone>, std::vector<Error>> Zone::build(ZoneRecords records,
                                                                    const std::string& where) {
  std::unique_ptr<Zone> zone(new Zone);
  std::vector<Error> errors;
  zone->origin_ = std::move(records.origin);
  zone->node_for(zone->origin_);
  for (Record& record : records.records) {
    if (errors.size() >= kZoneErrorsMax) break;
    zone->add(std::move(record), where, errors);
  }
  zone->check(where, errors);
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  zone->mark_cuts();
  return zone;
}

const ZoneNode* Zone::find(std::string_view name) const {
  const auto found = index_.find(name);
  return found == index_.end() ? nullptr : found->second;
}

const ZoneNode& Zone::closest_encloser(std::string_view name) const {
  const ZoneNode* node = find(name);
  while (node == nullptr) {
    name = parent_of(name);
    node = find(name);
  }
  while (node->occluded) {
    name = parent_of(name);
    node = find(name);
  }
  return *node;
}

/// Makes the node and the empty non-terminals between it and the apex.
ZoneNode& Zone::node_for(const std::string& name) {
  if (const auto found = index_.find(name); found != index_.end()) return *found->second;
  nodes_.push_back(std::make_unique<ZoneNode>());
  ZoneNode& node = *nodes_.back();
  node.name = name;
  index_.emplace(node.name, &node);
  if (name != origin_) node_for(std::string(parent_of(name)));
  return node;
}

void Zone::add(Record record, const std::string& where, std::vector<Error>& errors) {
  const auto error = [&](std::string what, std::string fix = {}) {
    errors.push_back({std::move(what), where + ":" + std::to_string(record.line), std::move(fix)});
  };
  ZoneNode& node = node_for(lowered(record.owner));
  if (record.type == type::kSoa && node.name != origin_) {
    return error("an SOA below the zone's origin " + text_of(origin_), "make it a zone of its own");
  }
  if (record.type == type::kNs && is_wildcard(node.name)) {
    return error("NS at the wildcard " + text_of(node.name) +
                 " has no meaning (RFC 4592 section 4.2)");
  }
  auto set = std::find_if(node.sets.begin(), node.sets.end(),
                          [&](const RecordSet& s) { return s.type == record.type; });
  if (set == node.sets.end()) set = node.sets.insert(set, {record.type, record.ttl, {}});
  set->ttl = std::min(set->ttl, record.ttl);
  if (std::find(set->rdata.begin(), set->rdata.end(), record.rdata) != set->rdata.end()) return;
  if (!set->rdata.empty() && (record.type == type::kSoa || record.type == type::kCname)) {
    return error("a second " + text_of_type(record.type) + " at " + text_of(node.name),
                 "keep one of them");
  }
  std::size_t bytes = kRecordHead + record.rdata.size();
  for (const std::string& other : set->rdata) bytes += kRecordHead + other.size();
  if (bytes > kRecordSetBytesMax) {
    return error("the " + text_of_type(record.type) + " records of " + text_of(node.name) +
                     " fit no DNS message of 65535 octets",
                 "have fewer or shorter ones");
  }
  set->rdata.push_back(std::move(record.rdata));
}

void Zone::check(const std::string& where, std::vector<Error>& errors) const {
  const ZoneNode& top = apex();
  if (top.find(type::kSoa) == nullptr) {
    errors.push_back({"the zone " + text_of(origin_) + " has no SOA record", where,
                      "begin it with one at its origin"});
  }
  if (top.find(type::kNs) == nullptr) {
    errors.push_back({"the zone " + text_of(origin_) + " has no NS record at its origin", where,
                      "name its servers"});
  }
  for (const auto& node : nodes_) {
    if (errors.size() >= kZoneErrorsMax) return;
    if (node->sets.size() > 1 && node->find(type::kCname) != nullptr) {
      errors.push_back({"CNAME beside other records at " + text_of(node->name), where,
                        "an alias has no other data (RFC 2181 section 10.1)"});
    }
  }
}

void Zone::mark_cuts() {
  for (const auto& node : nodes_) {
    std::sort(node->sets.begin(), node->sets.end(),
              [](const RecordSet& a, const RecordSet& b) { return a.type < b.type; });
    node->cut = node->name != origin_ && node->find(type::kNs) != nullptr;
  }
  for (const auto& node : nodes_) {
    std::string_view name = node->name;
    while (name != origin_ && !node->occluded) {
      name = parent_of(name);
      node->occluded = name != origin_ && find(name)->cut;
    }
  }
}

}  // namespace sluice::dns

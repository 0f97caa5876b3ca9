#include "dataplane/dns/zone_set_builder.hpp"

#include <algorithm>
#include <bit>

#include "dataplane/dns/zone/name.hpp"

namespace sluice::dns {

namespace {

unsigned label_count(std::string_view name) {
  unsigned labels = 1;
  for (; name.size() > 1; name = parent_of(name)) ++labels;
  return labels;
}

/// "example.test" for counters; "." for the root.
std::string plain_text(std::string_view origin) {
  std::string text = text_of(origin);
  if (text.size() > 1) text.pop_back();
  return text;
}

bool is_wildcard(std::string_view name) {
  return name.size() >= 2 && name[0] == 1 && name[1] == '*';
}

}  // namespace

ZoneSetBuilder::ZoneSetBuilder(const Catalog& catalog, std::vector<ServerSource> servers,
                               HashSeed seed, SlotRegistry& slots)
    : catalog_(catalog), slot_names_(slots), set_(std::make_shared<ZoneSet>()) {
  set_->servers_ = std::move(servers);
  set_->seed_ = seed;
}

tl::expected<std::shared_ptr<const ZoneSet>, std::vector<Error>> ZoneSetBuilder::build() {
  name_server_counters();
  set_->arena_.resize(kNodeUnit);  // node 0 is none
  for (std::uint32_t i = 0; i < catalog_.zones().size(); ++i) add_zone(*catalog_.zones()[i], i);
  if (!errors_.empty()) return tl::unexpected(std::move(errors_));
  add_ancestors(std::string_view("\0", 1));
  for (const auto& zone : catalog_.zones()) add_ancestors(parent_of(zone->origin()));
  if (full_) errors_.push_back({"the zones' answers need more than 64 GiB", {}, "serve fewer"});
  if (!errors_.empty()) return tl::unexpected(std::move(errors_));
  link_wildcards();
  link_parent_sides();
  fill_table();
  set_->arena_.resize(set_->arena_.size() + kNamePadding);
  set_->arena_.shrink_to_fit();
  for (std::size_t i = 0; i < negatives_.size(); ++i) {
    set_->zones_[i].negative = set_->arena_.data() + negatives_[i];
  }
  return std::shared_ptr<const ZoneSet>(std::move(set_));
}

void ZoneSetBuilder::add_zone(const Zone& zone, std::uint32_t index) {
  ServedZone served{};
  served.origin_size = static_cast<std::uint8_t>(zone.origin().size());
  name_counters(zone, served);
  set_->zones_.push_back(served);
  negatives_.push_back(append_answer(negative_answer_of(zone), true));
  for (const auto& node : zone.nodes()) {
    if (!node->occluded) add_node(zone, index, *node);
  }
}

void ZoneSetBuilder::add_node(const Zone& zone, std::uint32_t index, const ZoneNode& node) {
  // What a zone says at or below the origin of a deeper one that is served too is asked for DS at
  // that origin only.
  const bool hidden = catalog_.zone_of(node.name) != &zone;
  const bool parent_side = hidden && catalog_.find_ds(node.name).zone == &zone;
  if (hidden && !parent_side) return;
  auto answers = answers_of(catalog_, zone, node);
  if (!answers) {
    errors_.push_back(answers.error());
    return;
  }
  Node head{};
  head.zone = index;
  head.kind = node.cut ? NodeKind::cut : NodeKind::name;
  const std::uint32_t at = append_node(node.name, head, *answers);
  (parent_side ? parent_sides_ : nodes_).emplace(node.name, at);
}

/// Every name has its ancestors in the table (see zone_set.hpp).
void ZoneSetBuilder::add_ancestors(std::string_view name) {
  for (std::string_view above = name; nodes_.count(above) == 0; above = parent_of(above)) {
    Node head{};
    if (const Zone* holder = catalog_.zone_of(above)) {
      head.kind = NodeKind::gap;
      head.link = nodes_.at(holder->closest_encloser(above).name);
    } else {
      head.kind = NodeKind::outside;
    }
    ancestors_.emplace_back(above);
    nodes_.emplace(ancestors_.back(), append_node(above, head, {}));
  }
}

void ZoneSetBuilder::link_wildcards() {
  for (const auto& [name, at] : nodes_) {
    if (!is_wildcard(name)) continue;
    const auto above = nodes_.find(parent_of(name));
    const Node below = ZoneSet::load_node(set_->node_at(at));
    const Node parent = ZoneSet::load_node(set_->node_at(above->second));
    if (parent.kind == NodeKind::name && below.kind == NodeKind::name &&
        parent.zone == below.zone) {
      link(above->second, &Node::link, at);
    }
  }
}

/// From each origin to its name in the zone above or, if it is not there, its closest encloser.
void ZoneSetBuilder::link_parent_sides() {
  for (const auto& zone : catalog_.zones()) {
    const std::string& origin = zone->origin();
    const Zone* above = catalog_.find_ds(origin).zone;
    if (above == zone.get()) continue;
    const std::string& encloser = above->closest_encloser(origin).name;
    const bool itself = encloser == origin;
    link(nodes_.at(origin), &Node::parent_side, (itself ? parent_sides_ : nodes_).at(encloser));
  }
}

void ZoneSetBuilder::fill_table() {
  const std::size_t size = std::bit_ceil(std::max<std::size_t>(2 * nodes_.size(), 64));
  set_->slots_.resize(size);
  set_->mask_ = size - 1;
  NameBuffer name{};
  for (const auto& [text, node] : nodes_) {
    std::memcpy(name.bytes, text.data(), text.size());
    const std::uint64_t hash = set_->hash(name, text.size());
    std::uint64_t at = hash & set_->mask_;
    while (set_->slots_[at].node != 0) at = (at + 1) & set_->mask_;
    set_->slots_[at] = {hash, node, static_cast<std::uint32_t>(text.size())};
    set_->labels_max_ = std::max(set_->labels_max_, label_count(text));
  }
}

void ZoneSetBuilder::name_counters(const Zone& zone, ServedZone& served) {
  const std::string origin = plain_text(zone.origin());
  const auto slot = [&](const char* what) {
    const Slot given = slot_names_.slot_of("zone/" + origin + "/" + what);
    set_->counters_.push_back({origin, what, given});
    return given;
  };
  served.queries = slot("queries");
  served.noerror = slot("noerror");
  served.nxdomain = slot("nxdomain");
}

void ZoneSetBuilder::name_server_counters() {
  const auto slot = [&](const char* what) {
    const Slot given = slot_names_.slot_of(std::string("dns/") + what);
    set_->counters_.push_back({{}, what, given});
    return given;
  };
  set_->server_slots_ = {slot("formerr"), slot("notimp"), slot("refused"), slot("badvers"),
                         slot("truncated")};
}

std::uint32_t ZoneSetBuilder::append_node(std::string_view name, Node head,
                                          const NodeAnswers& answers) {
  auto& arena = set_->arena_;
  arena.resize((arena.size() + kNodeUnit - 1) / kNodeUnit * kNodeUnit);
  const std::size_t start = arena.size();
  full_ = full_ || start / kNodeUnit > UINT32_MAX;
  head.name_size = static_cast<std::uint8_t>(name.size());
  head.types = static_cast<std::uint16_t>(answers.by_type.size());
  append(&head, sizeof head);
  append(name.data(), name.size());
  const std::size_t types_at = arena.size();
  arena.resize(types_at + answers.by_type.size() * sizeof(TypeAnswer));

  std::vector<std::uint32_t> offsets{0};
  const bool movable = is_wildcard(name) || head.kind == NodeKind::cut;
  for (const RenderedAnswer& answer : answers.answers) {
    offsets.push_back(static_cast<std::uint32_t>(arena.size() - start));
    append_answer(answer, movable);
  }
  full_ = full_ || arena.size() - start > UINT32_MAX;
  for (std::size_t i = 0; i < answers.by_type.size(); ++i) {
    const TypeAnswer entry{answers.by_type[i].first, offsets[answers.by_type[i].second]};
    std::memcpy(arena.data() + types_at + i * sizeof entry, &entry, sizeof entry);
  }
  head.otherwise = offsets[answers.otherwise];
  std::memcpy(arena.data() + start, &head, sizeof head);
  return static_cast<std::uint32_t>(start / kNodeUnit);
}

/// The offset in the arena at which the answer lies.
std::size_t ZoneSetBuilder::append_answer(const RenderedAnswer& rendered, bool movable) {
  const std::size_t at = set_->arena_.size();
  Answer head{};
  head.size = static_cast<std::uint16_t>(rendered.bytes.size());
  head.required = rendered.required;
  head.answers = rendered.counts[0];
  head.authorities = rendered.counts[1];
  head.additionals = rendered.counts[2];
  head.required_additionals = rendered.required_additional;
  head.moving = static_cast<std::uint16_t>(movable ? rendered.moving.size() : 0);
  head.rcode = rendered.rcode;
  head.authoritative = rendered.authoritative;
  append(&head, sizeof head);
  append(rendered.bytes.data(), rendered.bytes.size());
  append(rendered.moving.data(), head.moving * sizeof(std::uint16_t));
  return at;
}

void ZoneSetBuilder::append(const void* bytes, std::size_t size) {
  const auto* first = static_cast<const std::uint8_t*>(bytes);
  set_->arena_.insert(set_->arena_.end(), first, first + size);
}

void ZoneSetBuilder::link(std::uint32_t node, std::uint32_t Node::*field, std::uint32_t target) {
  std::uint8_t* at = set_->arena_.data() + node * kNodeUnit;
  Node head = ZoneSet::load_node(at);
  head.*field = target;
  std::memcpy(at, &head, sizeof head);
}

}  // namespace sluice::dns

#include "dataplane/dns/answer_compiler.hpp"

#include <algorithm>
#include <unordered_set>

#include "dataplane/dns/zone/ldns_rdata.hpp"
#include "dataplane/dns/zone/name.hpp"
#include "dataplane/dns/zone/rdata.hpp"
#include "dataplane/dns/zone/types.hpp"

namespace sluice::dns {

namespace {

/// TTL of negative answers: the lower of the SOA's own and its MINIMUM (RFC 2308 section 5).
std::uint32_t negative_ttl(const RecordSet& soa) {
  const std::string& rdata = soa.rdata.front();
  std::uint32_t minimum = 0;
  for (std::size_t i = rdata.size() - 4; i < rdata.size(); ++i) {
    minimum = (minimum << 8) | static_cast<std::uint8_t>(rdata[i]);
  }
  return std::min(soa.ttl, minimum);
}

bool add_soa(AnswerWriter& writer, const Zone& zone) {
  const RecordSet& soa = *zone.apex().find(type::kSoa);
  return writer.add(Section::authority, zone.origin(), false, soa, negative_ttl(soa));
}

/// Compiles the answers of one node.
class NodeCompiler {
 public:
  NodeCompiler(const Catalog& catalog, const Zone& zone, const ZoneNode& node)
      : catalog_(catalog),
        zone_(zone),
        node_(node),
        wildcard_(node.name.size() >= 2 && node.name[0] == 1 && node.name[1] == '*') {}

  Result<NodeAnswers> compile() {
    if (node_.cut) {
      compile_cut();
    } else if (const RecordSet* cname = node_.find(type::kCname)) {
      compile_alias(*cname);
    } else {
      compile_sets();
    }
    if (too_large_) {
      return fail("the answer at " + text_of(node_.name) + " fits no DNS message of 65535 octets",
                  {}, "have fewer or shorter records");
    }
    return std::move(result_);
  }

 private:
  AnswerWriter writer() const { return {node_.name, wildcard_}; }

  std::uint32_t keep(AnswerWriter& writer) {
    result_.answers.push_back(std::move(writer.answer()));
    return static_cast<std::uint32_t>(result_.answers.size());
  }

  void require(bool fitted) { too_large_ = too_large_ || !fitted; }

  /// A set of the node itself with the addresses it calls for.
  std::uint32_t positive(const RecordSet& set) {
    AnswerWriter w = writer();
    require(w.add(Section::answer, node_.name, true, set));
    w.end_required();
    add_addresses(w, zone_, set);
    return keep(w);
  }

  /// Minimal ANY (RFC 8482 section 4.1): one set, the one of the lowest type.
  void compile_sets() {
    for (const RecordSet& set : node_.sets) {
      result_.by_type.emplace_back(set.type, positive(set));
    }
    if (!node_.sets.empty()) result_.by_type.emplace_back(type::kAny, std::uint32_t{1});
  }

  /// DS at a cut is the parent's data (RFC 4035 section 3.1.4.1); all else is referred.
  void compile_cut() {
    const RecordSet* ds = node_.find(type::kDs);
    result_.by_type.emplace_back(type::kDs, ds == nullptr ? 0 : positive(*ds));
    AnswerWriter w = writer();
    refer(w, zone_, node_);
    w.answer().authoritative = false;
    result_.otherwise = keep(w);
  }

  /// The alias with what it leads to, for each type found there and for all others.
  void compile_alias(const RecordSet& cname) {
    const std::uint32_t own = positive(cname);
    result_.by_type = {{type::kCname, own}, {type::kAny, own}, {type::kRrsig, 0}, {type::kNsec, 0}};
    AnswerWriter w = writer();
    const Match end = follow(w, cname);
    const Match ds = end.zone == nullptr ? Match{} : catalog_.find_ds(target_);
    const bool ds_apart = ds.zone != end.zone || ds.kind == Match::Kind::delegation;
    if (ds_apart) add_ds_behind_alias(cname, ds);
    if (end.kind == Match::Kind::exact || end.kind == Match::Kind::wildcard) {
      for (const RecordSet& set : end.node->sets) {
        if (!ds_apart || set.type != type::kDs) add_set_behind_alias(cname, end, set);
      }
    }
    finish_alias(w, end);
    result_.otherwise = keep(w);
  }

  void add_set_behind_alias(const RecordSet& cname, const Match& end, const RecordSet& set) {
    if (set.type == type::kCname) return;  // a loop
    AnswerWriter w = writer();
    follow(w, cname);
    require(w.add(Section::answer, target_, false, set));
    w.end_required();
    add_addresses(w, *end.zone, set);
    result_.by_type.emplace_back(set.type, keep(w));
  }

  /// The DS of a name that is delegated: known above the cut, whoever serves what is below it.
  void add_ds_behind_alias(const RecordSet& cname, const Match& match) {
    AnswerWriter w = writer();
    follow(w, cname);
    const bool at_cut = match.kind == Match::Kind::delegation && match.node->name == target_;
    const bool found = at_cut || match.kind == Match::Kind::exact;
    const RecordSet* ds = found ? match.node->find(type::kDs) : nullptr;
    if (ds != nullptr) {
      require(w.add(Section::answer, target_, false, *ds));
      w.end_required();
    } else {
      finish_alias(w, at_cut ? Match{Match::Kind::exact, match.zone, match.node} : match);
    }
    result_.by_type.emplace_back(type::kDs, keep(w));
  }

  /// Writes the chain that begins with `cname` and leaves its last name in target_. The end is
  /// `outside` where the chain stops without an answer: left our zones, loops, or too long.
  Match follow(AnswerWriter& w, const RecordSet& cname) {
    require(w.add(Section::answer, node_.name, true, cname));
    std::vector<std::string> seen{node_.name};
    target_ = lowered(cname.rdata.front());
    while (seen.size() < kChainMax) {
      if (std::find(seen.begin(), seen.end(), target_) != seen.end()) return {};
      const Match match = catalog_.find(target_);
      if (match.kind != Match::Kind::exact && match.kind != Match::Kind::wildcard) return match;
      const RecordSet* next = match.node->find(type::kCname);
      if (next == nullptr) return match;
      require(w.add(Section::answer, target_, false, *next));
      seen.push_back(target_);
      target_ = lowered(next->rdata.front());
    }
    return {};
  }

  /// The end of a chain at which the asked type is not found.
  void finish_alias(AnswerWriter& w, const Match& end) {
    switch (end.kind) {
      case Match::Kind::outside:
        break;
      case Match::Kind::delegation:
        refer(w, *end.zone, *end.node);
        return;
      case Match::Kind::absent:
        w.answer().rcode = rcode::kNxDomain;
        [[fallthrough]];
      case Match::Kind::exact:
      case Match::Kind::wildcard:
        require(add_soa(w, *end.zone));
    }
    w.end_required();
  }

  /// NS of the cut; the addresses below it are required (RFC 9471), others are a help.
  void refer(AnswerWriter& w, const Zone& zone, const ZoneNode& cut) {
    const RecordSet& ns = *cut.find(type::kNs);
    require(w.add(Section::authority, cut.name, false, ns));
    for_each_address(zone, ns, [&](const std::string& target, const RecordSet& addresses) {
      if (is_at_or_below(target, cut.name)) {
        require(w.add(Section::additional, target, false, addresses));
      }
    });
    w.end_required();
    for_each_address(zone, ns, [&](const std::string& target, const RecordSet& addresses) {
      if (is_at_or_below(target, cut.name)) return;
      static_cast<void>(w.add(Section::additional, target, false, addresses));
    });
  }

  void add_addresses(AnswerWriter& w, const Zone& zone, const RecordSet& set) {
    for_each_address(zone, set, [&](const std::string& target, const RecordSet& addresses) {
      static_cast<void>(w.add(Section::additional, target, false, addresses));
    });
  }

  /// Calls f(name, addresses) for the A and AAAA sets in the zone of the names that `set` points
  /// to, each name once.
  template <class F>
  void for_each_address(const Zone& zone, const RecordSet& set, F&& f) {
    std::unordered_set<std::string> seen;
    for (const std::string& rdata : set.rdata) {
      const auto written = additional_target(set.type, rdata);
      if (!written) return;
      const std::string target = lowered(*written);
      const ZoneNode* node = find_target(zone, target);
      if (node == nullptr || !seen.insert(target).second) continue;
      for (const std::uint16_t address : {type::kA, type::kAaaa}) {
        if (const RecordSet* found = node->find(address)) f(target, *found);
      }
    }
  }

  const Catalog& catalog_;
  const Zone& zone_;
  const ZoneNode& node_;
  const bool wildcard_;
  NodeAnswers result_;
  std::string target_;
  bool too_large_ = false;
};

}  // namespace

Result<NodeAnswers> answers_of(const Catalog& catalog, const Zone& zone, const ZoneNode& node) {
  return NodeCompiler(catalog, zone, node).compile();
}

RenderedAnswer negative_answer_of(const Zone& zone) {
  AnswerWriter writer(zone.origin(), false);
  static_cast<void>(add_soa(writer, zone));  // two names and 20 octets always fit
  writer.end_required();
  return std::move(writer.answer());
}

}  // namespace sluice::dns

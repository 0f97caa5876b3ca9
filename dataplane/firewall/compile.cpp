#include <algorithm>

#include "dataplane/firewall/binder.hpp"
#include "dataplane/firewall/language/parser.hpp"
#include "dataplane/firewall/rule_set.hpp"
#include "dataplane/firewall/stages.hpp"

namespace sluice::firewall {
namespace {

void check_ports(const Source& source, std::vector<Error>& errors) {
  for (const PortName& port : source.ports) {
    if (port.id < kPortsMax) continue;
    errors.push_back({"firewall rules tell apart " + std::to_string(kPortsMax) + " ports",
                      port.name, "name fewer ports"});
  }
}

void check_names(const Source& source, std::vector<Error>& errors) {
  for (std::size_t i = 0; i < source.sets.size(); ++i)
    for (std::size_t j = 0; j < i; ++j)
      if (source.sets[i].name == source.sets[j].name)
        errors.push_back(
            {"there are two address sets of this name", source.sets[i].name, "rename one"});
}

void bind_document(const RulesSource& document, const Source& source, const AddressSets& sets,
                   SlotRegistry& slots, RuleSet::Parts& parts, std::vector<Error>& errors) {
  Diagnostics diagnostics(document.where.empty() ? document.name : document.where);
  const auto tables = parse_rules(document.text, source.ports, diagnostics);
  Binder binder(document.name, sets, slots, diagnostics, parts);
  for (const TableDeclaration& table : tables) binder.bind(table);
  errors.insert(errors.end(), diagnostics.errors().begin(), diagnostics.errors().end());
  parts.warnings.insert(parts.warnings.end(), diagnostics.warnings().begin(),
                        diagnostics.warnings().end());
}

}  // namespace

tl::expected<std::shared_ptr<const RuleSet>, std::vector<Error>> compile(const Source& source,
                                                                         SlotRegistry& slots) {
  std::vector<Error> errors;
  check_ports(source, errors);
  check_names(source, errors);
  RuleSet::Parts parts;
  parts.tracking = source.tracking;
  const AddressSets sets(source.sets);
  for (const RulesSource& document : source.rules)
    bind_document(document, source, sets, slots, parts, errors);
  if (!errors.empty()) return tl::make_unexpected(std::move(errors));
  for (auto& walk : parts.walks)
    std::stable_sort(walk.begin(), walk.end(), [](const BaseChain& a, const BaseChain& b) {
      return a.priority < b.priority;
    });
  for (const AddressSetSource& set : source.sets)
    if (set.early_drop)
      parts.early_drop.insert(parts.early_drop.end(), set.prefixes.begin(), set.prefixes.end());
  return std::make_shared<const RuleSet>(std::move(parts));
}

}  // namespace sluice::firewall

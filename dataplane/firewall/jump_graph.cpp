#include "dataplane/firewall/jump_graph.hpp"

#include <algorithm>

#include "dataplane/firewall/rule_set.hpp"

namespace sluice::firewall {

void JumpGraph::check(const TableDeclaration& table, Diagnostics& diagnostics) {
  for (std::size_t i = 0; i < nodes_.size(); ++i)
    if (!visit(i, 0, diagnostics)) return;
  for (std::size_t i = 0; i < nodes_.size(); ++i) {
    const ChainDeclaration& chain = table.chains[i];
    if (chain.hook == Hook::none) continue;
    if (facts_[i].depth > kJumpDepthMax)
      diagnostics.error(
          chain.at,
          "chain " + chain.name + " enters others " + std::to_string(facts_[i].depth) + " deep",
          "at most " + std::to_string(kJumpDepthMax));
    if (facts_[i].visits > kChainVisitsMax)
      diagnostics.error(chain.at,
                        "one packet could walk more than " + std::to_string(kChainVisitsMax) +
                            " chains from chain " + chain.name,
                        "jump to a shared chain from fewer places");
    if (chain.precedes_tracking() && facts_[i].state_at)
      diagnostics.error(*facts_[i].state_at,
                        std::string("ct state in a chain that hook ") +
                            (chain.hook == Hook::ingress ? "ingress" : "prerouting") +
                            " enters: connections are not known there yet",
                        chain.hook == Hook::ingress
                            ? "use hook prerouting"
                            : "give chain " + chain.name + " a priority of " +
                                  std::to_string(kTrackingPriority) + " or more, such as mangle");
  }
}

/// Depth first. False: a loop or an abyss was told.
bool JumpGraph::visit(std::size_t chain, unsigned depth, Diagnostics& diagnostics) {
  Facts& facts = facts_[chain];
  if (facts.mark == Mark::left) return true;
  facts.mark = Mark::entered;
  facts.state_at = nodes_[chain].state_at;
  for (const Jump& jump : nodes_[chain].jumps) {
    if (facts_[jump.to].mark == Mark::entered) {
      diagnostics.error(jump.at, "this jump closes a loop of chains", "remove it");
      return false;
    }
    if (depth >= 1000) {
      diagnostics.error(jump.at, "chains enter one another without measure", "jump less deep");
      return false;
    }
    if (!visit(jump.to, depth + 1, diagnostics)) return false;
    const Facts& below = facts_[jump.to];
    facts.depth = std::max(facts.depth, below.depth + 1);
    facts.visits = std::min<std::uint64_t>(facts.visits + below.visits, kChainVisitsMax + 1);
    if (!facts.state_at) facts.state_at = below.state_at;
  }
  facts.mark = Mark::left;
  return true;
}

}  // namespace sluice::firewall

/// Which chain enters which: loops, depth and worst-case work are judged before anything runs.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "dataplane/firewall/language/diagnostics.hpp"
#include "dataplane/firewall/language/syntax.hpp"

namespace sluice::firewall {

class JumpGraph {
 public:
  struct Jump {
    std::size_t to = 0;  ///< index of a chain in its table
    Position at;
  };
  struct Node {
    std::vector<Jump> jumps;
    std::optional<Position> state_at;  ///< where the chain asks for the state of connections
  };

  JumpGraph() = default;
  explicit JumpGraph(std::size_t chains) : nodes_(chains), facts_(chains) {}

  void set(std::size_t chain, Node node) { nodes_[chain] = std::move(node); }
  /// Refuses loops, chains entered deeper than kJumpDepthMax, more than kChainVisitsMax visits by
  /// one packet, and connection state in chains before tracking.
  void check(const TableDeclaration& table, Diagnostics& diagnostics);

 private:
  enum class Mark : std::uint8_t { unseen, entered, left };
  struct Facts {
    Mark mark = Mark::unseen;
    std::uint32_t depth = 0;           ///< jumps below this chain at most
    std::uint64_t visits = 1;          ///< chains walked from here at most, itself included
    std::optional<Position> state_at;  ///< in this chain or below
  };

  bool visit(std::size_t chain, unsigned depth, Diagnostics& diagnostics);

  std::vector<Node> nodes_;
  std::vector<Facts> facts_;
};

}  // namespace sluice::firewall

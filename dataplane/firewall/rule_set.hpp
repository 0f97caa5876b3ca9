/// A compiled rule set: chains behind hooks, immutable and shared by all workers.
#pragma once

#include <array>
#include <memory>
#include <string>
#include <vector>

#include "dataplane/firewall/classifier/classifier.hpp"
#include "dataplane/firewall/classifier/interval_map.hpp"
#include "dataplane/firewall/language/syntax.hpp"
#include "dataplane/firewall/source.hpp"
#include "dataplane/firewall/tracking/passage_table.hpp"
#include "dataplane/runtime/counters.hpp"

namespace sluice::firewall {

/// nft's own limit of chains that may be entered from one another.
inline constexpr unsigned kJumpDepthMax = 16;
/// Chains that one packet may walk at worst, over all jumps of a base chain.
inline constexpr std::uint32_t kChainVisitsMax = 4096;

/// A counter that operators look at.
struct NamedCounter {
  std::string document;
  std::string name;      ///< of a named counter; of a rule's own: table, chain and text
  bool of_rule = false;  ///< counted by a rule's own `counter`
  Slot slot = kNoSlot;
};

/// What an entry of a chain does when a packet meets it.
struct Action {
  VerdictKind kind = VerdictKind::continue_;
  bool tcp_reset = false;
  bool on_invalid = false;  ///< the rule is about packets of ct state invalid and no others
  std::uint8_t code4 = 0;   ///< of reject
  std::uint8_t code6 = 0;
  std::uint32_t chain = 0;  ///< of jump and goto
  std::uint32_t rule = 0;   ///< 1 + index of the rule it is part of
  Slot counter = kNoSlot;
};

struct Chain {
  Classifier classifier;
  std::vector<Action> actions;  ///< one an entry of the classifier
};

struct BaseChain {
  std::uint32_t chain = 0;
  std::uint8_t family = 0;  ///< 4, 6, or 0 for both
  bool policy_drop = false;
  std::uint32_t policy_rule = 0;  ///< 1 + index of the name under which the policy is told
  int priority = 0;
  std::vector<PortId> devices;  ///< empty: all
};

/// Groups of base chains in the order in which packets meet them. Every packet meets those of one
/// walk after those of the one before, and either `input` or `forward`.
enum class Walk : std::uint8_t {
  ingress,
  raw,         ///< prerouting, before tracking
  prerouting,  ///< and after it
  input,
  forward,
};
inline constexpr unsigned kWalks = 5;

/// What the chains of a walk decided.
struct Decision {
  VerdictKind kind = VerdictKind::accept;  ///< accept, drop or reject
  std::uint32_t rule = 0;                  ///< as Packet::rule
  const Action* action = nullptr;          ///< that decided; null for a policy
};

class RuleSet {
 public:
  /// Everything that compile() found out.
  struct Parts {
    std::vector<Chain> chains;
    std::array<std::vector<BaseChain>, kWalks> walks;  ///< by Walk; each by priority
    std::vector<std::string> rule_names;
    std::vector<NamedCounter> counters;
    std::vector<Error> warnings;
    std::vector<Prefix> early_drop;
    TrackingSource tracking;
    bool tracks = false;
    std::uint32_t asked = 0;  ///< bits by Dimension: some rule asks for it
  };
  explicit RuleSet(Parts parts);

  /// No chain and no early-drop set: the stages have nothing to do.
  [[nodiscard]] bool empty() const;
  /// Some rule asks for the state of connections.
  [[nodiscard]] bool tracks() const { return parts_.tracks; }
  [[nodiscard]] bool has_chains() const;
  [[nodiscard]] bool has_chains(Walk walk) const {
    return !parts_.walks[static_cast<unsigned>(walk)].empty();
  }
  [[nodiscard]] const TrackingSource& tracking() const { return parts_.tracking; }
  [[nodiscard]] bool drops_early(const IpAddress& source) const;

  /// Runs the base chains of a walk in order. `bytes` is what counters count for this packet.
  /// Counters are noted in `passage` too, unless that is null.
  [[nodiscard]] Decision run(Walk walk, const PacketView& view, CounterBlock& slots,
                             std::uint32_t bytes, Passage* passage = nullptr) const;

  /// All that the chains behind tracking may ask of a packet beside its flow key: packets of equal
  /// keys and traits meet the same rules. Not for fragments.
  [[nodiscard]] std::uint64_t traits_of(const Packet& packet, bool local) const {
    const std::uint64_t always = std::uint64_t{packet.in_port} | std::uint64_t{local} << 16U |
                                 static_cast<std::uint64_t>(packet.connection) << 17U;
    return asks_contents_ ? always | contents_of(packet) << 20U : always;
  }
  /// A number that no other rule set of this process has or had.
  [[nodiscard]] std::uint64_t id() const { return id_; }

  /// "edge:12" for the rule on line 12 of the text of document edge; from 0, Packet::rule less 1.
  [[nodiscard]] const std::string& rule_name(std::uint32_t index) const;
  [[nodiscard]] std::size_t rules() const { return parts_.rule_names.size(); }
  [[nodiscard]] const std::vector<NamedCounter>& counters() const { return parts_.counters; }
  /// Rules that no packet can reach and the like; nothing that hinders.
  [[nodiscard]] const std::vector<Error>& warnings() const { return parts_.warnings; }
  /// Sources to be dropped as early as a port can.
  [[nodiscard]] const std::vector<Prefix>& early_drop() const { return parts_.early_drop; }

 private:
  [[nodiscard]] Decision run_chain(const BaseChain& base, const PacketView& view,
                                   CounterBlock& slots, std::uint32_t bytes,
                                   Passage* passage) const;
  [[nodiscard]] bool asks(Dimension dimension) const {
    return ((parts_.asked >> index_of(dimension)) & 1U) != 0;
  }
  /// What may differ from packet to packet of a connection, where rules ask for it: 40 bits.
  [[nodiscard]] std::uint64_t contents_of(const Packet& packet) const;

  Parts parts_;
  std::uint64_t id_;
  bool asks_contents_;
  IntervalMap<std::uint32_t, 32> early4_;  ///< 1: drop
  IntervalMap<Number, 128> early6_;
};

}  // namespace sluice::firewall

/// The data planes: who is connected, what each has in force, what it reports, and how questions
/// reach it. Safe for several threads; knows nothing of gRPC.
#pragma once

#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "control/daemon/conversation.hpp"
#include "control/daemon/node_link.hpp"
#include "dataplane/runtime/clock.hpp"
#include "dataplane/runtime/result.hpp"
#include "sluice/v1/control.pb.h"
#include "sluice/v1/steering.pb.h"

namespace sluice::control {

class Fleet {
 public:
  static constexpr std::size_t kNodesMax = 256;
  static constexpr std::size_t kSamplesMax = 200'000;           ///< of one node
  static constexpr Nanoseconds kHostDropsMemory = 3 * kSecond;  ///< three reports
  static constexpr Nanoseconds kSilenceMax = 5 * kSecond;       ///< reports come every second

  /// A connected data plane refused a revision that it was steered to.
  using OnRefused = std::function<void(const std::string& node, const v1::Refuse& refusal)>;

  explicit Fleet(Clock& clock) : clock_(clock) {}
  /// Before the first connection. Called without any lock of the fleet held.
  void on_refused(OnRefused callback) { on_refused_ = std::move(callback); }

  /// A data plane has said hello. A second connection of the same name takes the place of the
  /// first: a data plane that restarts comes before the old connection is known to be dead.
  [[nodiscard]] Result<std::shared_ptr<NodeLink>> connect(const v1::Hello& hello);
  void receive(const std::string& node, const std::shared_ptr<NodeLink>& link,
               v1::FromDataplane message);
  void disconnect(const std::string& node, const std::shared_ptr<NodeLink>& link);
  /// Ends connections that have been silent for too long.
  void expire();
  void close_all();

  /// Sends a revision to all, those that connect later included; returns who is connected now. A
  /// revision that a node refused is never sent to it again. 0: nothing is desired yet.
  std::vector<std::string> steer(std::uint64_t revision, const v1::DesiredState& state);
  /// What health checks have decided: told to all, those that connect later included.
  void tell_health(const v1::Health& changed);
  /// These are no longer checked: who connects later is told nothing of them.
  void forget_health(const v1::Health& forgotten);
  /// Waits until all connected nodes have it, one has refused it, or another is desired instead.
  /// True: refused.
  bool wait_for(std::uint64_t revision, std::uint32_t milliseconds);

  [[nodiscard]] std::vector<v1::NodeStatus> status(bool with_samples) const;
  /// A data plane has said lately that it drops packets to its host above its rate.
  [[nodiscard]] bool drops_to_host() const;
  [[nodiscard]] std::uint64_t target() const;
  /// How often each node refused, for /metrics.
  [[nodiscard]] std::map<std::string, std::uint64_t> refusals() const;

  /// Puts a question to a node (empty: the only one). The conversation ends with stop().
  [[nodiscard]] Result<std::shared_ptr<Conversation>> ask(const std::string& node,
                                                          v1::ToDataplane question);
  void stop(const std::shared_ptr<Conversation>& conversation);

 private:
  struct Node {
    v1::NodeStatus status;           ///< all but `state`
    std::shared_ptr<NodeLink> link;  ///< null: not connected
    std::uint64_t refused = 0;       ///< the last revision that it refused
    bool refusal_settled = false;    ///< on_refused has returned for it
    std::uint64_t refusals = 0;
    double host_drops = 0;            ///< packets, since it started
    Nanoseconds host_drops_grew = 0;  ///< when; 0: never
    Nanoseconds heard = 0;
  };

  void acknowledged(Node& node, std::uint64_t revision);
  void reported(Node& node, v1::Report report);
  void answered(std::uint64_t id, v1::FromDataplane message);
  void drop_link(Node& node);
  [[nodiscard]] std::string state_of(const Node& node) const;
  [[nodiscard]] Result<Node*> choose(const std::string& name);

  Clock& clock_;
  OnRefused on_refused_;
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::map<std::string, Node> nodes_;
  std::uint64_t target_ = 0;
  NodeLink::Message snapshot_;        ///< of the target; null: none
  std::map<HealthKey, bool> health_;  ///< all that is decided and still checked
  std::map<std::uint64_t, std::shared_ptr<Conversation>> conversations_;
  std::uint64_t last_question_ = 0;
};

}  // namespace sluice::control

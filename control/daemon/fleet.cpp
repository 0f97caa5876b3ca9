#include "control/daemon/fleet.hpp"

#include <algorithm>
#include <chrono>

#include "control/model/format.hpp"
#include "dataplane/runtime/log.hpp"

namespace sluice::control {

namespace {

/// Packets that were for the host and above its rate.
double host_drops(const v1::Report& report) {
  double sum = 0;
  for (const v1::Sample& sample : report.samples()) {
    if (sample.name() != "packets_dropped_total") continue;
    for (const v1::Label& label : sample.labels()) {
      if (label.name() == "reason" && label.value() == "punt_rate") sum += sample.value();
    }
  }
  return sum;
}

}  // namespace

Result<std::shared_ptr<NodeLink>> Fleet::connect(const v1::Hello& hello) {
  if (auto complaint = model::check_format(v1::NAME, hello.node())) {
    return fail("the node's name: " + complaint->what, {}, complaint->fix);
  }
  const std::lock_guard lock(mutex_);
  if (nodes_.size() >= kNodesMax && nodes_.count(hello.node()) == 0) {
    return fail("there are " + std::to_string(kNodesMax) + " nodes already", hello.node(),
                "restart sluice-control to forget those that are gone");
  }
  Node& node = nodes_[hello.node()];
  if (node.link != nullptr) node.link->close();
  node.link = std::make_shared<NodeLink>();
  node.heard = clock_.now();
  // Another version may take what the last one refused.
  if (node.status.version() != hello.version()) node.refused = 0;
  node.status.set_node(hello.node());
  node.status.set_version(hello.version());
  node.status.set_revision(hello.revision());
  node.status.set_workers(hello.workers());
  node.status.set_start_time_unix(hello.start_time_unix());
  *node.status.mutable_ports() = hello.ports();
  if (snapshot_ != nullptr && node.refused != target_) node.link->steer(snapshot_);
  node.link->tell(health_message(health_));
  changed_.notify_all();
  return node.link;
}

void Fleet::receive(const std::string& name, const std::shared_ptr<NodeLink>& link,
                    v1::FromDataplane message) {
  std::unique_lock lock(mutex_);
  Node& node = nodes_[name];
  if (node.link != link) return;  // the past of a node that is here again
  node.heard = clock_.now();
  switch (message.message_case()) {
    case v1::FromDataplane::kAcknowledge:
      acknowledged(node, message.acknowledge().revision());
      break;
    case v1::FromDataplane::kReport:
      reported(node, std::move(*message.mutable_report()));
      break;
    case v1::FromDataplane::kResult: {
      const std::uint64_t id = message.result().id();
      answered(id, std::move(message));
      break;
    }
    case v1::FromDataplane::kTraced: {
      const std::uint64_t id = message.traced().id();
      answered(id, std::move(message));
      break;
    }
    case v1::FromDataplane::kRefuse: {
      node.refused = message.refuse().revision();
      node.refusal_settled = false;
      ++node.refusals;
      *node.status.mutable_problems() = message.refuse().problems();
      lock.unlock();
      if (on_refused_) on_refused_(name, message.refuse());
      lock.lock();
      node.refusal_settled = true;  // nodes are never removed
      break;
    }
    default:
      break;
  }
  changed_.notify_all();
}

void Fleet::acknowledged(Node& node, std::uint64_t revision) {
  node.status.set_revision(revision);
  // The refusal stays visible until something newer works.
  if (revision > node.refused) node.status.clear_problems();
}

void Fleet::reported(Node& node, v1::Report report) {
  node.status.set_revision(report.revision());
  *node.status.mutable_ports() = std::move(*report.mutable_ports());
  if (static_cast<std::size_t>(report.samples_size()) > kSamplesMax) {
    report.mutable_samples()->DeleteSubrange(static_cast<int>(kSamplesMax),
                                             report.samples_size() - static_cast<int>(kSamplesMax));
  }
  const double drops = host_drops(report);
  // That of another process began at 0 again.
  if (drops > node.host_drops) node.host_drops_grew = clock_.now();
  node.host_drops = drops;
  *node.status.mutable_samples() = std::move(*report.mutable_samples());
  node.status.set_unhealthy_reason(report.healthy() ? std::string() : report.unhealthy_reason());
}

void Fleet::answered(std::uint64_t id, v1::FromDataplane message) {
  const auto found = conversations_.find(id);
  if (found != conversations_.end()) found->second->put(std::move(message));
}

void Fleet::drop_link(Node& node) {
  node.link->close();
  node.link = nullptr;
  for (auto& [id, conversation] : conversations_) {
    if (conversation->node() == node.status.node()) conversation->end();
  }
}

void Fleet::disconnect(const std::string& name, const std::shared_ptr<NodeLink>& link) {
  const std::lock_guard lock(mutex_);
  Node& node = nodes_[name];
  if (node.link != link) return;
  drop_link(node);
  changed_.notify_all();
}

void Fleet::expire() {
  const std::lock_guard lock(mutex_);
  for (auto& [name, node] : nodes_) {
    if (node.link == nullptr || clock_.now() - node.heard <= kSilenceMax) continue;
    log_warning("a data plane has gone silent", {{"node", name}});
    drop_link(node);
    changed_.notify_all();
  }
}

void Fleet::close_all() {
  const std::lock_guard lock(mutex_);
  for (auto& [name, node] : nodes_) {
    if (node.link != nullptr) drop_link(node);
  }
  changed_.notify_all();
}

std::vector<std::string> Fleet::steer(std::uint64_t revision, const v1::DesiredState& state) {
  const std::lock_guard lock(mutex_);
  target_ = revision;
  snapshot_ = nullptr;
  std::vector<std::string> connected;
  if (revision != 0) {
    auto message = std::make_shared<v1::ToDataplane>();
    message->mutable_snapshot()->set_revision(revision);
    *message->mutable_snapshot()->mutable_state() = state;
    snapshot_ = std::move(message);
  }
  for (auto& [name, node] : nodes_) {
    if (node.link == nullptr) continue;
    connected.push_back(name);
    if (snapshot_ != nullptr && node.refused != revision) node.link->steer(snapshot_);
  }
  changed_.notify_all();
  return connected;
}

void Fleet::tell_health(const v1::Health& changed) {
  const std::lock_guard lock(mutex_);
  for (const v1::BackendHealth& one : changed.backends()) {
    health_[health_key(one)] = one.healthy();
  }
  for (auto& [name, node] : nodes_) {
    if (node.link != nullptr) node.link->tell(changed);
  }
}

void Fleet::forget_health(const v1::Health& forgotten) {
  const std::lock_guard lock(mutex_);
  for (const v1::BackendHealth& one : forgotten.backends()) health_.erase(health_key(one));
}

bool Fleet::wait_for(std::uint64_t revision, std::uint32_t milliseconds) {
  std::unique_lock lock(mutex_);
  const auto refused = [&] {
    return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
      return entry.second.refused == revision && entry.second.refusal_settled;
    });
  };
  const auto settled = [&] {
    if (target_ != revision || refused()) return true;
    return std::all_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
      const Node& node = entry.second;
      return node.link == nullptr || node.status.revision() == revision;
    });
  };
  changed_.wait_for(lock, std::chrono::milliseconds(milliseconds), settled);
  return refused();
}

std::string Fleet::state_of(const Node& node) const {
  if (node.link == nullptr) return "disconnected";
  if (target_ != 0 && node.refused == target_) return "refused";
  return node.status.revision() == target_ ? "applied" : "pending";
}

std::vector<v1::NodeStatus> Fleet::status(bool with_samples) const {
  const std::lock_guard lock(mutex_);
  std::vector<v1::NodeStatus> out;
  for (const auto& [name, node] : nodes_) {
    v1::NodeStatus status;
    if (with_samples) {
      status = node.status;
    } else {
      // A copy without its longest part.
      status.set_node(name);
      status.set_revision(node.status.revision());
      status.set_version(node.status.version());
      status.set_workers(node.status.workers());
      status.set_start_time_unix(node.status.start_time_unix());
      status.set_unhealthy_reason(node.status.unhealthy_reason());
      *status.mutable_ports() = node.status.ports();
      *status.mutable_problems() = node.status.problems();
    }
    status.set_connected(node.link != nullptr);
    status.set_state(state_of(node));
    out.push_back(std::move(status));
  }
  return out;
}

bool Fleet::drops_to_host() const {
  const std::lock_guard lock(mutex_);
  const Nanoseconds now = clock_.now();
  return std::any_of(nodes_.begin(), nodes_.end(), [&](const auto& entry) {
    const Node& node = entry.second;
    return node.host_drops_grew != 0 && now - node.host_drops_grew <= kHostDropsMemory;
  });
}

std::uint64_t Fleet::target() const {
  const std::lock_guard lock(mutex_);
  return target_;
}

std::map<std::string, std::uint64_t> Fleet::refusals() const {
  const std::lock_guard lock(mutex_);
  std::map<std::string, std::uint64_t> out;
  for (const auto& [name, node] : nodes_) out[name] = node.refusals;
  return out;
}

Result<Fleet::Node*> Fleet::choose(const std::string& name) {
  if (!name.empty()) {
    const auto found = nodes_.find(name);
    if (found == nodes_.end() || found->second.link == nullptr) {
      return fail("no data plane " + model::quoted(name) + " is connected", {},
                  "see `sluice status`");
    }
    return &found->second;
  }
  Node* only = nullptr;
  for (auto& [other, node] : nodes_) {
    if (node.link == nullptr) continue;
    if (only != nullptr) {
      return fail("several data planes are connected", {}, "name one with --node");
    }
    only = &node;
  }
  if (only == nullptr) {
    return fail("no data plane is connected", {},
                "start sluice-dataplane with `control:` set to this daemon's socket");
  }
  return only;
}

Result<std::shared_ptr<Conversation>> Fleet::ask(const std::string& name,
                                                 v1::ToDataplane question) {
  const std::lock_guard lock(mutex_);
  const auto node = choose(name);
  if (!node) return tl::unexpected(node.error());
  const std::uint64_t id = ++last_question_;
  if (question.has_query()) question.mutable_query()->set_id(id);
  if (question.has_trace()) question.mutable_trace()->set_id(id);
  auto conversation = std::make_shared<Conversation>((*node)->status.node(), question.has_trace());
  if (!(*node)->link->push(std::make_shared<v1::ToDataplane>(std::move(question)))) {
    return fail("too many questions wait for the data plane", conversation->node(),
                "try again in a moment");
  }
  conversations_.emplace(id, conversation);
  return conversation;
}

void Fleet::stop(const std::shared_ptr<Conversation>& conversation) {
  const std::lock_guard lock(mutex_);
  const auto found = std::find_if(conversations_.begin(), conversations_.end(),
                                  [&](const auto& entry) { return entry.second == conversation; });
  if (found == conversations_.end()) return;
  const auto node = nodes_.find(conversation->node());
  if (conversation->is_trace() && node != nodes_.end() && node->second.link != nullptr) {
    auto message = std::make_shared<v1::ToDataplane>();
    message->mutable_stop_trace()->set_id(found->first);
    (void)node->second.link->push(std::move(message));
  }
  conversations_.erase(found);
}

}  // namespace sluice::control

#include "control/health/target.hpp"

#include "control/model/format.hpp"
#include "control/model/rules.hpp"

namespace sluice::health {
namespace {

/// Its address in the network of `to`, or nothing.
std::optional<IpAddress> on_segment(const v1::Port& port, const IpAddress& to) {
  for (const std::string& text : port.addresses()) {
    const auto prefix = Prefix::parse(text);
    if (prefix && prefix->is_v4() == to.is_v4() && prefix->contains(to)) return prefix->address;
  }
  return std::nullopt;
}

std::optional<IpAddress> of_family(const v1::Port& port, bool v4) {
  for (const std::string& text : port.addresses()) {
    const auto prefix = Prefix::parse(text);
    if (prefix && prefix->is_v4() == v4 && !prefix->address.is_link_local()) {
      return prefix->address;
    }
  }
  return std::nullopt;
}

/// The route with the longest prefix that holds the address; null if none does.
const v1::Route* route_to(const v1::DesiredState& state, const IpAddress& to) {
  const v1::Route* best = nullptr;
  int best_length = -1;
  for (const v1::Document& document : state.documents()) {
    if (!document.has_route()) continue;
    const auto prefix = Prefix::parse(document.route().prefix());
    if (!prefix || prefix->is_v4() != to.is_v4() || !prefix->contains(to)) continue;
    if (prefix->length <= best_length) continue;
    best = &document.route();
    best_length = prefix->length;
  }
  return best;
}

std::optional<IpAddress> by_segment(const v1::DesiredState& state, const IpAddress& to,
                                    const std::string& port) {
  for (const v1::Document& document : state.documents()) {
    if (!document.has_port() || (!port.empty() && document.name() != port)) continue;
    if (const auto source = on_segment(document.port(), to)) return source;
  }
  return std::nullopt;
}

/// Of the port of this name or, without one, of those that ask for a router.
std::optional<IpAddress> by_port(const v1::DesiredState& state, bool v4, const std::string& port) {
  for (const v1::Document& document : state.documents()) {
    if (!document.has_port()) continue;
    const bool wanted =
        port.empty() ? !v4 && document.port().router_solicitation() : document.name() == port;
    if (!wanted) continue;
    if (const auto source = of_family(document.port(), v4)) return source;
  }
  return std::nullopt;
}

Rhythm rhythm_of(const v1::HealthCheck& check) {
  Rhythm rhythm;
  rhythm.interval = model::parse_duration(check.interval()).value_or(rhythm.interval);
  rhythm.fast_interval =
      model::parse_duration(check.fast_interval()).value_or(rhythm.fast_interval);
  rhythm.timeout = model::parse_duration(check.timeout()).value_or(rhythm.timeout);
  rhythm.rise = check.rise();
  rhythm.fall = check.fall();
  return rhythm;
}

void add_targets(const v1::DesiredState& state, const v1::Document& document,
                 std::vector<Target>& out) {
  const v1::Service& service = document.service();
  auto check = std::make_shared<v1::HealthCheck>(service.health_check());
  model::fill_defaults(*check);
  for (const v1::Backend& backend : service.backends()) {
    for (const std::string& text : backend.addresses()) {
      const auto address = IpAddress::parse(text);
      if (!address) continue;
      Target& target = out.emplace_back();
      target.key = {document.name(), backend.name(), *address};
      const std::uint32_t own = backend.port() != 0 ? backend.port() : service.port();
      target.port = static_cast<std::uint16_t>(check->port() != 0 ? check->port() : own);
      target.source = source_for(state, *address);
      target.rhythm = rhythm_of(*check);
      target.check = check;
    }
  }
}

}  // namespace

bool Target::same_as(const Target& other) const {
  return key == other.key && port == other.port && source == other.source &&
         rhythm == other.rhythm && check->SerializeAsString() == other.check->SerializeAsString();
}

std::optional<IpAddress> source_for(const v1::DesiredState& state, const IpAddress& to) {
  if (const auto source = by_segment(state, to, {})) return source;
  const v1::Route* route = route_to(state, to);
  if (route != nullptr && route->blackhole()) return std::nullopt;
  if (route != nullptr) {
    const auto via = IpAddress::parse(route->via());
    if (via) {
      if (const auto source = by_segment(state, *via, route->port())) return source;
    }
    if (!route->port().empty()) return by_port(state, to.is_v4(), route->port());
  }
  return by_port(state, to.is_v4(), {});
}

std::vector<Target> targets_of(const v1::DesiredState& state) {
  std::vector<Target> out;
  for (const v1::Document& document : state.documents()) {
    if (document.service().has_health_check()) add_targets(state, document, out);
  }
  return out;
}

}  // namespace sluice::health

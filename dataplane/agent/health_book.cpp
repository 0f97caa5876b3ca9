#include "dataplane/agent/health_book.hpp"

namespace sluice::agent {

HealthBook HealthBook::kept_for(const v1::DesiredState& state) const {
  HealthBook kept;
  for (const v1::Document& document : state.documents()) {
    if (!document.service().has_health_check()) continue;
    for (const v1::Backend& backend : document.service().backends()) {
      for (const std::string& text : backend.addresses()) {
        const auto address = IpAddress::parse(text);
        if (!address) continue;
        Key key{document.name(), backend.name(), *address};
        const auto known = lives_.find(key);
        kept.lives_.emplace(std::move(key), known == lives_.end() || known->second);
      }
    }
  }
  return kept;
}

bool HealthBook::note(const v1::BackendHealth& said) {
  const auto address = IpAddress::parse(said.address());
  if (!address) return false;
  const auto known = lives_.find(Key{said.service(), said.backend(), *address});
  if (known == lives_.end() || known->second == said.healthy()) return false;
  known->second = said.healthy();
  return true;
}

void HealthBook::mark(balancer::ServiceSource& service) const {
  for (balancer::BackendSource& backend : service.backends) {
    for (const IpAddress& address : backend.addresses) {
      const auto known = lives_.find(Key{service.name, backend.name, address});
      backend.alive[address.is_v4() ? 0 : 1] = known == lives_.end() || known->second;
    }
  }
}

v1::Health HealthBook::all() const {
  v1::Health out;
  for (const auto& [key, lives] : lives_) {
    v1::BackendHealth& one = *out.add_backends();
    one.set_service(std::get<0>(key));
    one.set_backend(std::get<1>(key));
    one.set_address(std::get<2>(key).text());
    one.set_healthy(lives);
  }
  return out;
}

}  // namespace sluice::agent

#include "dataplane/agent/drain_book.hpp"

namespace sluice::agent {

DrainBook DrainBook::next(balancer::Source& source, Nanoseconds now) const {
  DrainBook book;
  for (balancer::ServiceSource& service : source.services) {
    for (balancer::BackendSource& backend : service.backends) {
      if (backend.weight != 0) continue;
      Key key{service.name, backend.name};
      const auto known = since_.find(key);
      const Nanoseconds since = known == since_.end() ? now : known->second;
      backend.drains_since = since;
      book.since_.emplace(std::move(key), since);
    }
  }
  return book;
}

}  // namespace sluice::agent

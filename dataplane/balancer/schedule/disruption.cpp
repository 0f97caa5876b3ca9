#include "dataplane/balancer/schedule/disruption.hpp"

#include <algorithm>
#include <map>
#include <tuple>
#include <vector>

#include "dataplane/balancer/schedule/candidates.hpp"

namespace sluice::balancer {
namespace {

/// What makes a backend the same one.
using Identity = std::tuple<std::string, IpAddress, std::uint16_t>;

Identity identity_of(const ServiceSource& service, const BackendSource& backend, unsigned family) {
  return {backend.name, address_for(service, backend, family),
          backend.port == 0 ? service.port : backend.port};
}

constexpr std::uint32_t kGone = ~std::uint32_t{0};

/// For each backend of `before` the index of the same one in `after`.
std::vector<std::uint32_t> successors(const ServiceSource& before, const ServiceSource& after,
                                      unsigned family) {
  std::map<Identity, std::uint32_t> index;
  for (std::size_t i = 0; i < after.backends.size(); ++i)
    index.emplace(identity_of(after, after.backends[i], family), static_cast<std::uint32_t>(i));
  std::vector<std::uint32_t> all;
  for (const BackendSource& backend : before.backends) {
    const auto found = index.find(identity_of(before, backend, family));
    all.push_back(found == index.end() ? kGone : found->second);
  }
  return all;
}

std::vector<double> shares(const ServiceSource& service, unsigned family) {
  std::vector<double> all;
  double sum = 0;
  for (const BackendSource& backend : service.backends) {
    all.push_back(share_of(service, backend, family));
    sum += all.back();
  }
  for (double& share : all) share = sum == 0 ? 0 : share / sum;
  return all;
}

double least_moved(const ServiceSource& before, const ServiceSource& after,
                   const std::vector<std::uint32_t>& next, unsigned family) {
  const std::vector<double> had = shares(before, family);
  const std::vector<double> has = shares(after, family);
  double sum = 0;
  for (std::size_t i = 0; i < had.size(); ++i)
    sum += std::max(0.0, had[i] - (next[i] == kGone ? 0.0 : has[next[i]]));
  return sum;
}

}  // namespace

Disruption disruption(const ServiceSource& before, const ServiceSource& after, unsigned family) {
  const std::vector<std::uint32_t> next = successors(before, after, family);
  Disruption out;
  out.least = least_moved(before, after, next, family);
  const auto old_table = maglev_of(before, family);
  const auto new_table = maglev_of(after, family);
  if (old_table->empty()) return out;
  if (new_table->empty()) {
    out.moved = 1;
    return out;
  }
  // Both divide the hash space evenly. In units of 1 / (a * b) every border is a whole number.
  const std::uint64_t a = old_table->slots().size(), b = new_table->slots().size();
  std::uint64_t moved = 0;
  for (std::uint64_t at = 0, i = 0, j = 0; at < a * b;) {
    const std::uint64_t end = std::min((i + 1) * b, (j + 1) * a);
    if (next[old_table->slots()[i]] != new_table->slots()[j]) moved += end - at;
    at = end;
    if (at == (i + 1) * b) ++i;
    if (at == (j + 1) * a) ++j;
  }
  out.moved = static_cast<double>(moved) / static_cast<double>(a * b);
  return out;
}

}  // namespace sluice::balancer

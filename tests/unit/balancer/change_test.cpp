// No established flow moves, whatever becomes of the backends, whichever scheduler chose it.
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "tests/unit/balancer/full_nat.hpp"

namespace sluice::balancer {
namespace {

using test::packet;

/// Sequences for each of the five schedulers: 10,000 in all.
constexpr unsigned kSequences = 2'000;
constexpr unsigned kChanges = 5;
constexpr unsigned kServices = 4;
constexpr std::uint16_t kFlows = 6;  ///< of each service

class Sequence {
 public:
  Sequence(Scheduler scheduler, unsigned seed) : random_(seed), lab_(source_of(scheduler)) {
    for (unsigned service = 0; service < kServices; ++service)
      for (std::uint16_t n = 0; n < kFlows; ++n) establish({service, n});
  }

  void run() {
    for (unsigned n = 0; n < kChanges; ++n) {
      change(lab_.source.services[random_() % kServices].backends);
      lab_.apply();
      for (auto it = at_.begin(); it != at_.end();) it = look(it) ? std::next(it) : at_.erase(it);
      if (::testing::Test::HasFailure()) return;
    }
    check_counts();
  }

 private:
  struct Name {
    unsigned service;
    std::uint16_t n;
    auto operator<=>(const Name&) const = default;
  };

  static Source source_of(Scheduler scheduler) {
    Source source = lab_source();
    source.flows_max = 64;
    ServiceSource full = service("web-full", "83", 80, ip_protocol::kTcp);
    full.mode = Mode::full_nat;
    full.local.addresses = local_prefixes();
    full.backends = source.services[0].backends;
    source.services.push_back(full);
    for (ServiceSource& service : source.services) service.scheduler = scheduler;
    return source;
  }

  Packet send(const Name& name, std::uint8_t flags) {
    const ServiceSource& service = lab_.source.services[name.service];
    const auto port = static_cast<std::uint16_t>(4000 + name.n);
    auto builder = packet().ip("198.18.0.2", service.addresses[0].text());
    if (service.protocol == ip_protocol::kTcp)
      builder.tcp(port, service.port, flags);
    else
      builder.udp(port, service.port);
    return lab_.send(builder.build()).packet;
  }

  void establish(const Name& name) {
    const Packet first = send(name, tcp_flag::kSyn);
    at_[name] = lab_.backend_of(first);
    const ServiceSource& service = lab_.source.services[name.service];
    if (service.protocol == ip_protocol::kTcp && replies_pass(service.mode))
      static_cast<void>(lab_.send(tcp_reply(first, kSynAck)));
    static_cast<void>(send(name, tcp_flag::kAck));
  }

  void change(std::vector<BackendSource>& backends) {
    const std::size_t which = random_() % backends.size();
    switch (random_() % 6) {
      case 0:
        backends.push_back(backend("new" + std::to_string(++added_),
                                   {"198.18.2." + std::to_string(added_), "2001:2:0:2::1"}));
        return;
      case 1:
        if (backends.size() > 1) backends.erase(backends.begin() + static_cast<long>(which));
        return;
      case 2:
        backends[which].weight = static_cast<std::uint32_t>(random_() % 100 + 1);
        return;
      case 3:
        backends[which].weight = 0;
        return;
      case 4:
        backends[which].alive[0] = !backends[which].alive[0];
        return;
      default:
        std::shuffle(backends.begin(), backends.end(), random_);
    }
  }

  /// False: the flow's backend is no more, or is dead and the flow, being UDP, has moved on.
  bool look(const std::map<Name, std::string>::iterator& it) {
    const ServiceSource& service = lab_.source.services[it->first.service];
    const auto found = std::find_if(service.backends.begin(), service.backends.end(),
                                    [&](const BackendSource& b) { return b.name == it->second; });
    if (found == service.backends.end()) return false;
    const bool udp = service.protocol == ip_protocol::kUdp;
    if (udp && !found->alive[0]) return false;
    EXPECT_EQ(it->second, lab_.backend_of(send(it->first, tcp_flag::kAck)))
        << "service " << it->first.service << " flow " << it->first.n;
    return true;
  }

  /// What schedulers go by is what there is.
  void check_counts() {
    std::map<std::uint32_t, std::uint64_t> there;
    for (std::uint32_t i = 0; i < lab_.flows->capacity(); ++i)
      if (const Flow* flow = lab_.flows->record(i, ticks_of(lab_.harness.context.now)))
        ++there[flow->backend_id];
    for (const Backend& backend : lab_.services->backends())
      EXPECT_EQ(there[backend.id()], flows_at(lab_.harness.slots, backend));
  }

  std::mt19937 random_;
  Balancer lab_;
  std::map<Name, std::string> at_;
  unsigned added_ = 0;
};

class Change : public ::testing::TestWithParam<Scheduler> {};

TEST_P(Change, EstablishedFlowsStay) {
  for (unsigned seed = 0; seed < kSequences && !HasFailure(); ++seed) {
    SCOPED_TRACE(seed);
    Sequence(GetParam(), seed).run();
  }
}

INSTANTIATE_TEST_SUITE_P(Schedulers, Change,
                         ::testing::Values(Scheduler::maglev, Scheduler::weighted_round_robin,
                                           Scheduler::least_connections, Scheduler::source_hash,
                                           Scheduler::random_of_two));

}  // namespace
}  // namespace sluice::balancer

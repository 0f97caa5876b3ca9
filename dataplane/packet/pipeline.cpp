#include "dataplane/packet/pipeline.hpp"

#include <cassert>
#include <tuple>
#include <utility>

#include "dataplane/balancer/inspect.hpp"
#include "dataplane/firewall/inspect.hpp"
#include "dataplane/firewall/rule_set.hpp"
#include "dataplane/firewall/tracker.hpp"
#include "dataplane/packet/link_filter.hpp"
#include "dataplane/packet/parse.hpp"
#include "dataplane/packet/spread.hpp"
#include "dataplane/packet/why.hpp"
#include "dataplane/route/icmp_error.hpp"
#include "dataplane/route/neighbours.hpp"
#include "dataplane/route/table.hpp"

namespace sluice {

/// What a stage is given, and the sets of packets that one stage leaves for a later one.
struct Pipeline::Turn {
  Context& context;
  const Snapshot& snapshot;
  firewall::Tracker& tracker;
  balancer::FlowTable& flows;
  route::Neighbours& neighbours;
  Burst& burst;
  std::uint64_t may_spread;
  std::uint16_t workers;

  std::uint64_t plain = 0;         ///< as parse() says
  std::uint64_t flow_known = 0;    ///< the balancer's restore found the client's flow
  std::uint64_t link_control = 0;  ///< ARP and neighbour discovery
  std::uint64_t services = 0;      ///< to an address of a balanced service
  std::uint64_t names = 0;         ///< to an address of a name server
  std::uint64_t host = 0;          ///< to an interface address, or to one of tunnels or full NAT
  std::uint64_t tunnels = 0;       ///< to a backend that is reached in a tunnel

  /// Of a rehearsal: the pipeline whose tables are borrowed from, and what was found there.
  const Pipeline* live = nullptr;
  KnownOfPacket* known = nullptr;
};

namespace {

using Turn = Pipeline::Turn;

struct Parse {
  static constexpr std::string_view kName = "parse";
  static constexpr std::string_view kDoes =
      "headers found once; lengths and header checksum checked";
  static bool needed(const Turn&) { return true; }
  static void run(Turn& t) {
    t.plain = parse(t.snapshot.stations, t.burst);
    t.link_control = filter_link(t.snapshot.stations, t.burst, t.plain);
  }
};

struct Spread {
  static constexpr std::string_view kName = "spread";
  static constexpr std::string_view kDoes = "both directions of a flow meet on one worker";
  static bool needed(const Turn& t) { return t.may_spread != 0; }
  static void run(Turn& t) { spread(t.context, t.workers, t.burst, t.may_spread); }
};

struct Early {
  static constexpr std::string_view kName = "early";
  static constexpr std::string_view kDoes = "early-drop lists, land attack";
  static bool needed(const Turn&) { return true; }
  static void run(Turn& t) { firewall::early(*t.snapshot.firewall, t.burst, t.plain); }
};

struct Resolve {
  static constexpr std::string_view kName = "resolve";
  static constexpr std::string_view kDoes = "ARP and neighbour discovery answered and learnt";
  static bool needed(const Turn& t) { return (t.link_control & t.burst.alive) != 0; }
  static void run(Turn& t) { route::resolve(t.context, *t.snapshot.route, t.neighbours, t.burst); }
};

struct Restore {
  static constexpr std::string_view kName = "restore";
  static constexpr std::string_view kDoes = "replies of backends get the service's address back";
  static bool needed(const Turn& t) { return t.snapshot.has_services || !t.flows.empty(); }
  static void run(Turn& t) {
    t.flow_known = balancer::restore(t.context, *t.snapshot.balancer, t.flows, t.burst);
  }
  static void borrow(Turn& t) {
    t.known->set(balancer::borrow(*t.snapshot.balancer, t.live->flows(), t.flows,
                                  t.burst.packets[0], balancer::ticks_of(t.context.now)));
  }
};

struct Track {
  static constexpr std::string_view kName = "track";
  static constexpr std::string_view kDoes = "each packet finds its connection";
  static bool needed(const Turn& t) { return t.snapshot.has_rules; }
  static void run(Turn& t) { firewall::track(t.context, *t.snapshot.firewall, t.tracker, t.burst); }
  static void borrow(Turn& t) {
    Packet& p = t.burst.packets[0];
    t.known->set(t.tracker.borrow(t.live->tracker(), p, t.context.now));
    if (t.known->connection && t.known->next_segment)
      firewall::number_segment(p, *t.known->connection);
  }
};

struct Route {
  static constexpr std::string_view kName = "route";
  static constexpr std::string_view kDoes = "longest-prefix match on the destination";
  static bool needed(const Turn&) { return true; }
  /// What neither a service nor a name server is asked at.
  static constexpr std::uint8_t kOwn =
      route::local_kind::kHost | route::local_kind::kTunnel | route::local_kind::kLocalEnd;
  /// What is of a known flow to a service goes where translate says.
  static void run(Turn& t) {
    if (!t.snapshot.services_apart) t.flow_known = 0;
    t.services |= t.flow_known;
    t.burst.for_each_alive(t.flow_known, [](unsigned, Packet& p) {
      p.next_hop = route::next_hop_index::kServiceOurs;
    });
    const route::Table& table = *t.snapshot.route;
    const std::uint64_t ours = route::look_up(table, t.burst, ~t.flow_known);
    t.burst.for_each_alive(ours, [&](unsigned i, const Packet& p) {
      const std::uint8_t kinds = table.kinds(p.next_hop);
      const std::uint64_t bit = std::uint64_t{1} << i;
      if ((kinds & route::local_kind::kService) != 0) t.services |= bit;
      if ((kinds & route::local_kind::kNameServer) != 0) t.names |= bit;
      if ((kinds & kOwn) != 0) t.host |= bit;
    });
  }
};

struct Filter {
  static constexpr std::string_view kName = "filter";
  static constexpr std::string_view kDoes = "firewall chains; what passes commits its connection";
  static bool needed(const Turn& t) { return t.snapshot.has_rules; }
  static void run(Turn& t) {
    firewall::filter(t.context, *t.snapshot.firewall, t.tracker, t.burst, t.host | t.names);
    route::reject(t.context, *t.snapshot.route, t.burst);
  }
};

struct Translate {
  static constexpr std::string_view kName = "translate";
  static constexpr std::string_view kDoes = "packets to a service go to a backend";
  static bool needed(const Turn& t) { return (t.services & t.burst.alive) != 0; }
  static void run(Turn& t) {
    const std::uint64_t unknown = balancer::translate(t.context, *t.snapshot.balancer, t.flows,
                                                      t.burst, t.services, t.host | t.names);
    if (unknown != 0) route::reset(*t.snapshot.route, t.burst, DropReason::flow_unknown);
    std::uint64_t translated = 0;
    t.burst.for_each_alive(t.services, [&](unsigned i, Packet& p) {
      if (!p.has(packet_flag::kTranslated)) return;
      translated |= std::uint64_t{1} << i;
      if (p.has(packet_flag::kTunnel)) t.tunnels |= std::uint64_t{1} << i;
      p.next_hop = t.snapshot.backend_hops[p.backend - 1][p.ip_version == 4 ? 0 : 1];
    });
    t.services &= ~translated;
    t.names &= ~translated;
    t.host &= ~translated;
    // The last packet of a flow whose service is no more: it was not routed, and the filter took it
    // for one to a service. The next one has no flow.
    t.burst.for_each_alive(t.flow_known & ~translated, [&](unsigned i, const Packet&) {
      t.burst.drop(i, DropReason::service_gone);
    });
  }
};

struct Encapsulate {
  static constexpr std::string_view kName = "encapsulate";
  static constexpr std::string_view kDoes = "packets into tunnels get their outer header";
  static bool needed(const Turn& t) { return (t.tunnels & t.burst.alive) != 0; }
  /// The way is that to the backend already.
  static void run(Turn& t) {
    const balancer::ServiceTable& services = *t.snapshot.balancer;
    const balancer::Unfit unfit = balancer::encapsulate(t.context, services, t.burst, t.tunnels);
    t.burst.for_each_alive(unfit.expired, [&](unsigned i, const Packet&) {
      route::answer_with_error(t.context, *t.snapshot.route, t.burst, i,
                               route::IcmpError::ttl_exceeded, DropReason::ttl_exceeded);
    });
    t.burst.for_each_alive(unfit.too_big, [&](unsigned i, const Packet& p) {
      route::answer_with_error(t.context, *t.snapshot.route, t.burst, i, route::IcmpError::too_big,
                               DropReason::too_big, balancer::mtu_within_tunnel(services, p));
    });
  }
};

/// One switch by what lives at the destination.
struct Deliver {
  static constexpr std::string_view kName = "deliver";
  static constexpr std::string_view kDoes = "name server, host, or out by the route";
  static bool needed(const Turn&) { return true; }
  static void run(Turn& t) {
    const std::uint64_t queries = queries_of(t);
    if (queries != 0) dns::answer(t.context, *t.snapshot.dns, t.burst, queries);
    const std::uint64_t ours = (t.services | t.names | t.host) & t.burst.alive;
    if (ours != 0) route::local(t.context, *t.snapshot.route, t.burst, ours);
    if (t.burst.alive != 0) route::forward(t.context, *t.snapshot.route, t.neighbours, t.burst);
  }
  static void borrow(Turn& t) {
    t.known->set(t.neighbours.borrow(t.live->neighbours(), *t.snapshot.route, t.burst.packets[0],
                                     t.context.now));
  }
  static std::uint64_t queries_of(Turn& t) {
    std::uint64_t queries = 0;
    t.burst.for_each_alive(t.names, [&](unsigned i, const Packet& p) {
      if (p.key.protocol == ip_protocol::kUdp && p.has(packet_flag::kL4) &&
          !p.has(packet_flag::kFragment) && t.snapshot.is_name_server_port(p.key.destination_port))
        queries |= std::uint64_t{1} << i;
    });
    return queries;
  }
};

/// The path. A stage is skipped when no packet of the burst can need it.
using Path = std::tuple<Parse, Spread, Early, Resolve, Restore, Track, Route, Filter, Translate,
                        Encapsulate, Deliver>;
inline constexpr std::size_t kStages = std::tuple_size_v<Path>;
static_assert(kStages <= kTraceSteps);

/// A stage that uses a table of the worker.
template <class Stage>
concept UsesTable = requires(Turn& t) {
  Stage::borrow(t);
};

template <std::size_t I>
void run_stage(Turn& turn, Tracer& tracer) {
  using Stage = std::tuple_element_t<I, Path>;
  const std::uint64_t entered = turn.burst.alive;
  if (entered == 0) return;
  if constexpr (UsesTable<Stage>) {
    if (turn.live != nullptr) [[unlikely]]
      Stage::borrow(turn);
  }
  if (!Stage::needed(turn)) return;
  turn.burst.stage = I;
  Stage::run(turn);
  if (tracer.active()) [[unlikely]] {
    if constexpr (I == 0) tracer.begin(turn.context, turn.snapshot.revision, turn.burst);
    tracer.step(I, entered, turn.burst);
  }
}

template <std::size_t... I>
void run_path(Turn& turn, Tracer& tracer, std::index_sequence<I...>) {
  (run_stage<I>(turn, tracer), ...);
}

template <std::size_t... I>
constexpr auto names_of(std::index_sequence<I...>) {
  return std::array{std::tuple_element_t<I, Path>::kName...};
}
template <std::size_t... I>
constexpr auto purposes_of(std::index_sequence<I...>) {
  return std::array{std::tuple_element_t<I, Path>::kDoes...};
}
constexpr auto kNames = names_of(std::make_index_sequence<kStages>{});
constexpr auto kPurposes = purposes_of(std::make_index_sequence<kStages>{});

}  // namespace

Pipeline::Pipeline(const PipelineOptions& options)
    : workers_(options.workers),
      tracker_(std::make_unique<firewall::Tracker>(options.tracking, options.seed)),
      flows_(std::make_unique<balancer::FlowTable>(
          balancer::FlowTableOptions{.flows_max = options.flows_max,
                                     .worker = options.worker,
                                     .workers = options.workers,
                                     .clients_max = options.clients_max,
                                     .seed = options.seed,
                                     .slots = options.slots})),
      neighbours_(std::make_unique<route::Neighbours>(
          route::NeighbourLimits{.neighbours = options.neighbours_max}, options.seed)),
      tracer_(options.trace) {}

Pipeline::~Pipeline() = default;

Pipeline::Turn Pipeline::turn(Context& context, const Snapshot& snapshot, Burst& burst,
                              std::uint64_t may_spread) {
  burst.start();
  return {.context = context,
          .snapshot = snapshot,
          .tracker = *tracker_,
          .flows = *flows_,
          .neighbours = *neighbours_,
          .burst = burst,
          .may_spread = workers_ > 1 ? may_spread : 0,
          .workers = workers_};
}

void Pipeline::run(Context& context, const Snapshot& snapshot, Burst& burst,
                   std::uint64_t may_spread) {
  Turn packets = turn(context, snapshot, burst, may_spread);
  run(packets);
}

void Pipeline::run(Turn& packets) {
  run_path(packets, tracer_, std::make_index_sequence<kStages>{});
}

void Pipeline::rehearse(const Pipeline& live, Context& context, const Snapshot& snapshot,
                        Burst& burst, KnownOfPacket& known) {
  assert(burst.count == 1);
  Turn packet = turn(context, snapshot, burst, 0);
  packet.live = &live;
  packet.known = &known;
  run(packet);
}

void Pipeline::tick(Context& context, const Snapshot& snapshot, bool idle) {
  constexpr unsigned kRecordsBusy = 8, kRecordsIdle = 256;
  const unsigned records = idle ? kRecordsIdle : kRecordsBusy;
  neighbours_->tick(context, *snapshot.route);
  flows_->age(balancer::ticks_of(context.now), records);
}

std::string_view stage_name(unsigned stage) {
  return stage < kStages ? kNames[stage] : std::string_view{"unknown"};
}

std::string describe_path() {
  std::string out = "receive a burst\n";
  for (std::size_t i = 0; i < kStages; ++i) {
    std::string name(kNames[i]);
    name.resize(12, ' ');
    out += "  | " + name + std::string(kPurposes[i]) + "\n";
  }
  return out + "send, by port\n";
}

}  // namespace sluice

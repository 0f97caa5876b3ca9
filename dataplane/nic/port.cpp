#include "dataplane/nic/port.hpp"

#include <atomic>
#include <optional>

#include <fmt/format.h>
#include <rte_errno.h>
#include <rte_ethdev.h>
#include <rte_lcore.h>
#include <rte_mbuf.h>

#include "dataplane/nic/device.hpp"
#include "dataplane/nic/kernel_interface.hpp"
#include "dataplane/nic/predecessor.hpp"
#include "dataplane/runtime/log.hpp"
#include "dataplane/runtime/patience.hpp"
#include "ebpf/ingress_drop.hpp"
#include "ebpf/loader.hpp"

namespace sluice::nic {
namespace {

constexpr unsigned kCacheSize = 256;  // buffers that a worker keeps to itself
constexpr unsigned kFrameOverhead = RTE_ETHER_HDR_LEN + 2 * RTE_VLAN_HLEN + RTE_ETHER_CRC_LEN;

std::uint16_t buffer_size_for(std::span<const PortSpec> specs) {
  unsigned largest = 2048;
  for (const PortSpec& spec : specs) largest = std::max(largest, spec.mtu + kFrameOverhead);
  return static_cast<std::uint16_t>(RTE_ALIGN_CEIL(largest, 64U) + RTE_PKTMBUF_HEADROOM);
}

Result<rte_mempool*> make_mempool(std::span<const PortSpec> specs, const OpenOptions& options) {
  // A cache may hold half as much again as its size, on every worker, and must leave buffers over.
  const unsigned cache = std::min(kCacheSize, options.buffers / (options.workers + 1) / 4);
  rte_mempool* pool = rte_pktmbuf_pool_create("packets", options.buffers, cache, 0,
                                              buffer_size_for(specs), SOCKET_ID_ANY);
  if (pool == nullptr)
    return fail(fmt::format("no memory for {} packet buffers: {}", options.buffers,
                            rte_strerror(rte_errno)),
                "memory.buffers", "lower it, or raise memory.megabytes or the huge pages");
  return pool;
}

/// Every receive queue holds buffers for all its descriptors; the pool must outlast them.
Result<void> check_buffers(std::span<const PortSpec> specs, std::span<const DevicePlan> plans,
                           const OpenOptions& options) {
  std::uint64_t held = 0;
  for (std::size_t i = 0; i < specs.size(); ++i)
    held += std::uint64_t{specs[i].queue_size} * plans[i].queues;
  const std::uint64_t needed = held + std::uint64_t{options.workers} * 4 * kBurstMax;
  if (needed <= options.buffers) return {};
  return fail(fmt::format("{} packet buffers, but the receive queues alone need {}",
                          options.buffers, needed),
              "memory.buffers", fmt::format("set it to {} or more", needed * 2));
}

/// Drivers over kernel interfaces know nothing of the link; the kernel does.
bool over_kernel(PortMode mode) {
  return mode == PortMode::af_xdp || mode == PortMode::af_packet;
}

Link link_of(const PortSpec& spec, std::uint16_t device) {
  if (over_kernel(spec.mode)) return {kernel_link_up(spec.device), 0};
  rte_eth_link link{};
  if (rte_eth_link_get_nowait(device, &link) != 0) return {};
  const bool known = link.link_speed != RTE_ETH_SPEED_NUM_UNKNOWN;
  return {link.link_status == RTE_ETH_LINK_UP, known ? link.link_speed : 0};
}

/// Frames of a kernel queue that has no socket would go to the kernel instead of to us, so the
/// interface gets as many queues as the port is to have.
Result<Surroundings> look_around(const PortSpec& spec, unsigned workers) {
  Surroundings around{workers, 1};
  if (spec.mode != PortMode::af_xdp) return around;
  around.kernel_queues = kernel_queues(spec.device);
  const unsigned wanted = spec.queues != 0 ? spec.queues : workers;
  if (wanted >= around.kernel_queues) return around;
  if (auto ok = set_kernel_queues(spec.device, wanted); !ok) return tl::unexpected(ok.error());
  around.kernel_queues = wanted;
  return around;
}

}  // namespace

struct Ports::Port {
  PortSpec spec;
  QueuePlan plan;
  // Before the devices, so that it is there until their sockets are gone.
  std::optional<ebpf::Steering> steering;
  std::optional<ebpf::IngressDrop> kernel_shut;
  std::vector<Device> devices;
  std::vector<std::unique_ptr<Queue>> queues;
  std::atomic<bool> up = false;
  std::uint32_t megabits = 0;

  explicit Port(PortSpec s) : spec(std::move(s)) {}
  [[nodiscard]] std::uint16_t first() const { return devices.front().id(); }
  [[nodiscard]] Result<void> steer();
  void shut_kernel();
  [[nodiscard]] Result<void> start(PortId id, const DevicePlan& devices_plan, unsigned workers,
                                   rte_mempool* mempool);
};

/// Sluice's XDP program goes onto the interface before the sockets do.
Result<void> Ports::Port::steer() {
  if (spec.mode != PortMode::af_xdp || spec.xdp == "off") return {};
  const auto mode = spec.xdp == "generic" ? ebpf::XdpMode::generic : ebpf::XdpMode::native;
  auto attached = ebpf::Steering::attach(spec.device, mode);
  if (!attached) return tl::unexpected(attached.error());
  if (!attached->native_refusal().empty())
    log_warning("native XDP is refused, generic is used and slower",
                {{"port", spec.name}, {"why", attached->native_refusal()}});
  steering = std::move(*attached);
  return {};
}

/// An AF_PACKET socket gets a copy of each frame; without this the kernel would answer the same
/// frame, for the addresses of the exception TAP are its own too.
void Ports::Port::shut_kernel() {
  if (spec.mode != PortMode::af_packet) return;
  auto attached = ebpf::IngressDrop::attach(spec.device);
  if (attached) {
    kernel_shut = std::move(*attached);
  } else {
    log_warning("the kernel handles the frames of this port too",
                {{"port", spec.name}, {"why", attached.error().text()}});
  }
}

Result<void> Ports::Port::start(PortId id, const DevicePlan& devices_plan, unsigned workers,
                                rte_mempool* mempool) {
  if (auto ok = outwait_predecessor(spec, devices_plan.queues, kPatience); !ok) return ok;
  if (auto ok = steer(); !ok) return ok;
  shut_kernel();
  const std::uint16_t flags = spec.host ? packet_flag::kFromHost : std::uint16_t{0};
  const std::uint16_t each = devices_plan.queues_each();
  for (const DeviceName& name : devices_plan.devices) {
    auto device = Device::probe(spec, name, each);
    if (!device) return tl::unexpected(device.error());
    auto queue_plan = plan_queues(spec, devices_plan, device->capabilities(), workers);
    if (!queue_plan) return tl::unexpected(queue_plan.error());
    plan = *queue_plan;
    const std::uint16_t count = std::min(each, plan.queues);
    if (auto ok = device->start(spec, plan, count, mempool); !ok) return ok;
    for (std::uint16_t queue = 0; queue < count; ++queue)
      queues.push_back(
          std::make_unique<Queue>(Queue::Place{device->id(), queue, id, flags}, mempool));
    devices.push_back(std::move(*device));
  }
  return {};
}

Ports::Ports() = default;

Ports::~Ports() {
  ports_.clear();
  rte_mempool_free(mempool_);
}

Result<void> Ports::open(std::span<const PortSpec> specs, const OpenOptions& options) {
  std::vector<DevicePlan> plans;
  for (const PortSpec& spec : specs) {
    auto around = look_around(spec, options.workers);
    if (!around) return tl::unexpected(around.error());
    auto plan = plan_device(spec, static_cast<unsigned>(plans.size()), *around);
    if (!plan) return tl::unexpected(plan.error());
    plans.push_back(std::move(*plan));
  }
  if (auto ok = check_buffers(specs, plans, options); !ok) return ok;
  auto mempool = make_mempool(specs, options);
  if (!mempool) return tl::unexpected(mempool.error());
  mempool_ = *mempool;
  pool_ = std::make_unique<Pool>(mempool_);

  for (std::size_t i = 0; i < specs.size(); ++i) {
    ports_.push_back(std::make_unique<Port>(specs[i]));
    const auto id = static_cast<PortId>(i);
    if (auto ok = ports_.back()->start(id, plans[i], options.workers, mempool_); !ok) return ok;
  }
  poll_link();
  return {};
}

PortId Ports::count() const {
  return static_cast<PortId>(ports_.size());
}
const std::string& Ports::name(PortId port) const {
  return ports_[port]->spec.name;
}
unsigned Ports::queues(PortId port) const {
  return ports_[port]->plan.queues;
}
PortQueue& Ports::queue(PortId port, unsigned index) {
  return *ports_[port]->queues[index];
}
const QueuePlan& Ports::plan(PortId port) const {
  return ports_[port]->plan;
}
PacketPool& Ports::pool() {
  return *pool_;
}
bool Ports::link_up(PortId port) const {
  return ports_[port]->up.load(std::memory_order_relaxed);
}
Link Ports::link(PortId port) const {
  return {link_up(port), ports_[port]->megabits};
}

MacAddress Ports::mac(PortId port) const {
  rte_ether_addr address{};
  (void)rte_eth_macaddr_get(ports_[port]->first(), &address);
  MacAddress mac;
  std::copy_n(address.addr_bytes, mac.bytes.size(), mac.bytes.begin());
  return mac;
}

PortStatistics Ports::statistics(PortId port) const {
  const Port& p = *ports_[port];
  PortStatistics out;
  for (const Device& device : p.devices) {
    rte_eth_stats stats{};
    (void)rte_eth_stats_get(device.id(), &stats);
    out.rx_missed += stats.imissed;
    out.rx_no_buffer += stats.rx_nombuf;
    out.rx_errors += stats.ierrors;
    out.tx_errors += stats.oerrors;
  }
  for (const auto& queue : p.queues) {
    const Queue::Counts& counts = queue->counts();
    out.rx_packets += counts.rx_packets.value();
    out.rx_bytes += counts.rx_bytes.value();
    out.tx_packets += counts.tx_packets.value();
    out.tx_bytes += counts.tx_bytes.value();
    out.rx_oversize += counts.oversize.value();
  }
  if (p.steering) out.early_drops = p.steering->early_drops().packets;
  return out;
}

void Ports::poll_link() {
  for (auto& port : ports_) {
    const Link now = link_of(port->spec, port->first());
    port->megabits = now.megabits;
    if (port->up.exchange(now.up, std::memory_order_relaxed) == now.up) continue;
    log_info(now.up ? "link is up" : "link is down",
             {{"port", port->spec.name}, {"megabits", now.megabits}});
  }
}

Result<void> Ports::set_mtu(PortId port, std::uint16_t mtu) {
  Port& p = *ports_[port];
  if (p.plan.mtu == mtu) return {};
  if (const int error = rte_eth_dev_set_mtu(p.first(), mtu); error != 0)
    return fail(fmt::format("the device does not take MTU {}: {}", mtu, rte_strerror(-error)),
                "port " + p.spec.name);
  p.plan.mtu = mtu;
  return {};
}

Result<void> Ports::set_early_drop(std::span<const Prefix> sources) {
  Result<void> first;
  for (auto& port : ports_) {
    if (!port->steering) continue;
    if (auto ok = port->steering->set_early_drop(sources); !ok && first) first = ok;
  }
  return first;
}

Result<std::unique_ptr<Ports>> open_ports(std::span<const PortSpec> specs,
                                          const OpenOptions& options) {
  std::unique_ptr<Ports> ports(new Ports);
  if (auto ok = ports->open(specs, options); !ok) return tl::unexpected(ok.error());
  return ports;
}

}  // namespace sluice::nic

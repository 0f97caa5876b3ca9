#include "dataplane/nic/device.hpp"

#include <array>

#include <fmt/format.h>
#include <rte_dev.h>
#include <rte_errno.h>
#include <rte_eth_ring.h>
#include <rte_ethdev.h>
#include <rte_log.h>
#include <rte_ring.h>

namespace sluice::nic {
namespace {

std::string where_of(const PortSpec& spec) {
  return "port " + spec.name;
}

tl::unexpected<Error> refused(const PortSpec& spec, std::string_view step, int error) {
  return fail(fmt::format("DPDK refuses to {}: {}", step, rte_strerror(error < 0 ? -error : error)),
              where_of(spec), "set logging.level to debug to see what its driver says");
}

/// A port that receives what it sends: one ring a queue.
Result<std::vector<rte_ring*>> make_rings(const PortSpec& spec, const std::string& name,
                                          unsigned queues) {
  std::vector<rte_ring*> rings;
  for (unsigned i = 0; i < queues; ++i) {
    rte_ring* ring =
        rte_ring_create(fmt::format("{}_{}", name, i).c_str(), spec.queue_size, SOCKET_ID_ANY,
                        RING_F_SP_ENQ | RING_F_SC_DEQ | RING_F_EXACT_SZ);
    if (ring == nullptr) {
      for (rte_ring* made : rings) rte_ring_free(made);
      return refused(spec, "make a ring", rte_errno);
    }
    rings.push_back(ring);
  }
  return rings;
}

rte_eth_conf configuration_of(const QueuePlan& plan, const rte_eth_dev_info& info) {
  rte_eth_conf conf{};
  conf.rxmode.mtu = plan.mtu;
  conf.rxmode.offloads = plan.rx_offloads;
  conf.txmode.offloads = plan.tx_offloads;
  if (plan.rss_fields != 0) {
    conf.rxmode.mq_mode = RTE_ETH_MQ_RX_RSS;
    conf.rx_adv_conf.rss_conf.rss_hf = plan.rss_fields;
    // DPDK only reads the key, though it takes it as a pointer to change.
    conf.rx_adv_conf.rss_conf.rss_key = const_cast<std::uint8_t*>(symmetric_rss_key().data());
    conf.rx_adv_conf.rss_conf.rss_key_len = info.hash_key_size == 0 ? 40 : info.hash_key_size;
  }
  return conf;
}

/// The AF_XDP driver tries to take the XDP program off as it closes and complains that it may not;
/// the program is ours and leaves by itself.
class QuietClose {
 public:
  QuietClose() {
    if (level_ >= 0) rte_log_set_level(static_cast<std::uint32_t>(type_), RTE_LOG_CRIT);
  }
  QuietClose(const QuietClose&) = delete;
  QuietClose& operator=(const QuietClose&) = delete;
  ~QuietClose() {
    if (level_ >= 0)
      rte_log_set_level(static_cast<std::uint32_t>(type_), static_cast<std::uint32_t>(level_));
  }

 private:
  int type_ = rte_log_register("pmd.net.af_xdp");
  int level_ = type_ < 0 ? -1 : rte_log_get_level(static_cast<std::uint32_t>(type_));
};

}  // namespace

Device::Device(Device&& other) noexcept
    : id_(std::exchange(other.id_, kNone)),
      started_(std::exchange(other.started_, false)),
      rings_(std::exchange(other.rings_, {})) {}

Result<Device> Device::probe(const PortSpec& spec, const DeviceName& name, std::uint16_t queues) {
  if (spec.mode == PortMode::ring) {
    auto rings = make_rings(spec, name.name, queues);
    if (!rings) return tl::unexpected(rings.error());
    const int id =
        rte_eth_from_rings(name.name.c_str(), rings->data(), queues, rings->data(), queues, 0);
    Device device(id < 0 ? kNone : static_cast<std::uint16_t>(id));
    device.rings_ = std::move(*rings);
    if (id < 0) return refused(spec, "make a ring port", rte_errno);
    return device;
  }
  // PCI devices were probed as EAL started.
  if (spec.mode != PortMode::pci) {
    if (const int error = rte_dev_probe(name.text().c_str()); error != 0)
      return refused(spec, fmt::format("open {}", name.text()), error);
  }
  std::uint16_t id = kNone;
  if (const int error = rte_eth_dev_get_port_by_name(name.name.c_str(), &id); error != 0)
    return refused(spec, fmt::format("drive {}", name.name), error);
  return Device(id);
}

Device::~Device() {
  if (id_ != kNone) {
    const QuietClose quiet;
    rte_device* bus_device = nullptr;
    rte_eth_dev_info info{};
    if (rte_eth_dev_info_get(id_, &info) == 0) bus_device = info.device;
    if (started_) (void)rte_eth_dev_stop(id_);
    (void)rte_eth_dev_close(id_);
    // A name can be used again only once its device is gone from the bus too.
    if (bus_device != nullptr) (void)rte_dev_remove(bus_device);
  }
  for (rte_ring* ring : rings_) rte_ring_free(ring);
}

Capabilities Device::capabilities() const {
  rte_eth_dev_info info{};
  Capabilities can;
  if (rte_eth_dev_info_get(id_, &info) != 0) return can;
  can.max_rx_queues = info.max_rx_queues;
  can.max_tx_queues = info.max_tx_queues;
  can.min_mtu = info.min_mtu;
  can.max_mtu = info.max_mtu == 0 ? std::uint16_t{0xffff} : info.max_mtu;
  can.rx_offloads = info.rx_offload_capa;
  can.tx_offloads = info.tx_offload_capa;
  can.rss_fields = info.flow_type_rss_offloads;
  can.hash_key_size = info.hash_key_size;
  return can;
}

Result<void> Device::start(const PortSpec& spec, const QueuePlan& plan, std::uint16_t queues,
                           rte_mempool* mempool) {
  rte_eth_dev_info info{};
  if (const int error = rte_eth_dev_info_get(id_, &info); error != 0)
    return refused(spec, "describe the device", error);
  const rte_eth_conf conf = configuration_of(plan, info);
  if (const int error = rte_eth_dev_configure(id_, queues, queues, &conf); error != 0)
    return refused(spec, fmt::format("configure {} queues", queues), error);

  std::uint16_t rx_size = spec.queue_size;
  std::uint16_t tx_size = spec.queue_size;
  if (const int error = rte_eth_dev_adjust_nb_rx_tx_desc(id_, &rx_size, &tx_size); error != 0)
    return refused(spec, "size the queues", error);
  const auto socket = static_cast<unsigned>(std::max(rte_eth_dev_socket_id(id_), 0));
  rte_eth_rxconf rx = info.default_rxconf;
  rx.offloads = conf.rxmode.offloads;
  rte_eth_txconf tx = info.default_txconf;
  tx.offloads = conf.txmode.offloads;
  for (std::uint16_t queue = 0; queue < queues; ++queue) {
    if (const int error = rte_eth_rx_queue_setup(id_, queue, rx_size, socket, &rx, mempool))
      return refused(spec, fmt::format("set up receive queue {}", queue), error);
    if (const int error = rte_eth_tx_queue_setup(id_, queue, tx_size, socket, &tx))
      return refused(spec, fmt::format("set up transmit queue {}", queue), error);
  }
  if (const int error = rte_eth_dev_start(id_); error != 0)
    return refused(spec, "start the device", error);
  started_ = true;
  // Frames to the addresses of services reach us only if the device does not filter.
  (void)rte_eth_promiscuous_enable(id_);
  (void)rte_eth_allmulticast_enable(id_);
  return {};
}

}  // namespace sluice::nic

#include "dataplane/nic/queue.hpp"

#include <rte_ethdev.h>
#include <rte_mbuf.h>
#include <rte_mempool.h>
#include <rte_prefetch.h>

namespace sluice::nic {
namespace {

constexpr std::uint16_t kMinFrame = 60;  // IEEE 802.3, without the frame check sequence

rte_mbuf* mbuf_of(const Packet& packet) {
  return static_cast<rte_mbuf*>(packet.owner);
}

void describe(rte_mbuf* mbuf, Packet& packet) {
  packet.data = rte_pktmbuf_mtod(mbuf, std::uint8_t*);
  packet.owner = mbuf;
  packet.length = mbuf->data_len;
  packet.headroom = mbuf->data_off;
  packet.room = static_cast<std::uint16_t>(mbuf->buf_len - mbuf->data_off);
}

/// Writes the packet's place and length back into its buffer, padded to what Ethernet asks for.
rte_mbuf* finish(Packet& packet) {
  rte_mbuf* mbuf = mbuf_of(packet);
  if (packet.length < kMinFrame && packet.room >= kMinFrame) [[unlikely]] {
    std::memset(packet.data + packet.length, 0, kMinFrame - packet.length);
    packet.length = kMinFrame;
  }
  mbuf->data_off =
      static_cast<std::uint16_t>(packet.data - static_cast<std::uint8_t*>(mbuf->buf_addr));
  mbuf->data_len = packet.length;
  mbuf->pkt_len = packet.length;
  return mbuf;
}

}  // namespace

bool Pool::allocate(Packet& packet) {
  rte_mbuf* mbuf = rte_pktmbuf_alloc(mempool_);
  if (mbuf == nullptr) return false;
  describe(mbuf, packet);
  return true;
}

void Pool::release(Packet& packet) {
  rte_pktmbuf_free(mbuf_of(packet));
}

unsigned Queue::receive(std::span<Packet> packets) {
  std::array<rte_mbuf*, kBurstMax> mbufs;
  const auto wanted = static_cast<std::uint16_t>(std::min<std::size_t>(packets.size(), kBurstMax));
  const unsigned got = rte_eth_rx_burst(place_.device, place_.queue, mbufs.data(), wanted);
  unsigned kept = 0;
  std::uint64_t bytes = 0;
  for (unsigned i = 0; i < got; ++i) {
    rte_mbuf* mbuf = mbufs[i];
    if (mbuf->nb_segs != 1 && rte_pktmbuf_linearize(mbuf) != 0) [[unlikely]] {
      counts_.oversize.add(1);
      rte_pktmbuf_free(mbuf);
      continue;
    }
    Packet& packet = packets[kept++];
    describe(mbuf, packet);
    rte_prefetch0(packet.data);
    bytes += packet.length;
    packet.in_port = place_.port;
    packet.flags = place_.flags;
    if ((mbuf->ol_flags & RTE_MBUF_F_RX_L4_CKSUM_MASK) == RTE_MBUF_F_RX_L4_CKSUM_GOOD)
      packet.flags |= packet_flag::kL4ChecksumGood;
  }
  if (kept != 0) {
    counts_.rx_packets.add(kept);
    counts_.rx_bytes.add(bytes);
  }
  return kept;
}

unsigned Queue::send(std::span<Packet* const> packets) {
  std::array<rte_mbuf*, kBurstMax> mbufs;
  unsigned sent = 0;
  while (sent < packets.size()) {
    const auto part =
        packets.subspan(sent, std::min<std::size_t>(kBurstMax, packets.size() - sent));
    std::uint64_t bytes = 0;
    for (std::size_t i = 0; i < part.size(); ++i) {
      mbufs[i] = finish(*part[i]);
      bytes += part[i]->length;
    }
    const unsigned taken = rte_eth_tx_burst(place_.device, place_.queue, mbufs.data(),
                                            static_cast<std::uint16_t>(part.size()));
    // The buffers are the driver's now, the packets still ours.
    for (std::size_t i = taken; i < part.size(); ++i) bytes -= part[i]->length;
    counts_.tx_packets.add(taken);
    counts_.tx_bytes.add(bytes);
    sent += taken;
    if (taken < part.size()) break;
  }
  return sent;
}

void Queue::release(std::span<Packet* const> packets) {
  // Every buffer is a whole packet of the one pool (receive sees to it), so they go back at once.
  std::array<void*, kBurstMax> buffers;
  for (std::size_t at = 0; at < packets.size(); at += kBurstMax) {
    const auto part = packets.subspan(at, std::min<std::size_t>(kBurstMax, packets.size() - at));
    for (std::size_t i = 0; i < part.size(); ++i) buffers[i] = part[i]->owner;
    rte_mempool_put_bulk(mempool_, buffers.data(), static_cast<unsigned>(part.size()));
  }
}

}  // namespace sluice::nic

#include "dataplane/packet/tcp_reset.hpp"

#include <cstring>
#include <utility>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"
#include "dataplane/packet/swap.hpp"

namespace sluice {
namespace {

constexpr unsigned kTcpSize = 20, kMacSize = 6;

/// Sequence space that the segment takes: its data, SYN and FIN.
std::uint32_t segment_length(const Packet& p) {
  std::uint32_t length = static_cast<std::uint32_t>(p.end) - p.payload;
  if ((p.tcp_flags & tcp_flag::kSyn) != 0) ++length;
  if ((p.tcp_flags & tcp_flag::kFin) != 0) ++length;
  return length;
}

/// Without options, window and data.
void write_reset(Packet& p, std::uint32_t sequence, std::uint32_t acknowledgement,
                 bool acknowledges) {
  std::uint8_t* tcp = p.l4_bytes();
  p.tcp_flags = tcp_flag::kRst;
  if (acknowledges) p.tcp_flags |= tcp_flag::kAck;
  store_be32(tcp + 4, sequence);
  store_be32(tcp + 8, acknowledgement);
  tcp[12] = (kTcpSize / 4) << 4U;
  tcp[13] = p.tcp_flags;
  std::memset(tcp + 14, 0, 6);
  p.payload = static_cast<std::uint16_t>(p.l4 + kTcpSize);
}

}  // namespace

void answer_with_reset(Packet& p) {
  std::uint8_t* tcp = p.l4_bytes();
  const bool acknowledges = (p.tcp_flags & tcp_flag::kAck) != 0;
  const std::uint32_t sequence = acknowledges ? load_be32(tcp + 8) : 0;
  const std::uint32_t acknowledgement = acknowledges ? 0 : load_be32(tcp + 4) + segment_length(p);
  write_reset(p, sequence, acknowledgement, !acknowledges);
  store_be16(tcp, p.key.destination_port);
  store_be16(tcp + 2, p.key.source_port);
  swap_ends(p, p.payload);
}

void become_reset(Packet& p) {
  const std::uint8_t* tcp = p.l4_bytes();
  const bool acknowledges = (p.tcp_flags & tcp_flag::kAck) != 0;
  write_reset(p, load_be32(tcp + 4), acknowledges ? load_be32(tcp + 8) : 0, acknowledges);
  end_packet(p, p.payload);
  fill_checksums(p);
}

bool reset_sender(Context& context, const Packet& segment) {
  Packet buffer;
  if (!context.pool->allocate(buffer)) return false;
  if (buffer.room < segment.end) {
    context.pool->release(buffer);
    return false;
  }
  Packet reset = segment;
  reset.data = buffer.data;
  reset.owner = buffer.owner;
  reset.room = buffer.room;
  reset.headroom = buffer.headroom;
  std::memcpy(reset.data, segment.data, segment.end);
  answer_with_reset(reset);
  for (unsigned i = 0; i < kMacSize; ++i) std::swap(reset.data[i], reset.data[kMacSize + i]);
  reset.out_port = reset.in_port;
  reset.verdict = Verdict::none;  // a frame of our own
  context.books->originated.add(1);
  context.emitter->emit(reset);
  return true;
}

}  // namespace sluice

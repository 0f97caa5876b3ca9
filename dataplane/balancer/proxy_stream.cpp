#include "dataplane/balancer/proxy_stream.hpp"

#include <algorithm>

#include "dataplane/balancer/payload.hpp"
#include "dataplane/balancer/proxy_header.hpp"
#include "dataplane/balancer/tcp_options.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"

namespace sluice::balancer {
namespace {

constexpr unsigned kSequence = 4, kAcknowledgement = 8, kUrgent = 18;  ///< in a TCP header

/// Segments of the client may grow to this: every path takes it that IPv6 may use (RFC 8200 section
/// 5). The client does not hear of a smaller path, since its own segments fit.
constexpr unsigned kGrowMost = 1220;

/// What a host takes that announces nothing (RFC 9293 section 3.7.1).
std::uint16_t segment_default(const Packet& p) {
  return p.ip_version == 4 ? 536 : 1220;
}

void set_number(Packet& p, unsigned at, std::uint32_t number) {
  std::uint8_t* tcp = p.l4_bytes();
  std::uint8_t before[4];
  std::memcpy(before, tcp + at, sizeof before);
  store_be32(tcp + at, number);
  store_be16(tcp + kTcpChecksum,
             checksum_update(load_be16(tcp + kTcpChecksum), before, {tcp + at, sizeof before}));
}

void shift_sequence(Packet& p, const LocalEnd& end) {
  set_number(p, kSequence, load_be32(p.l4_bytes() + kSequence) + end.header_size);
}

/// Nothing of the client's may come before the header.
bool bare_syn(Packet& p, LocalEnd& end) {
  if (!end.header_sent) end.first = load_be32(p.l4_bytes() + kSequence) + 1;
  {
    using namespace tcp_option;
    TcpEdit edit(p);
    edit.blank({kFastOpen, kMultipath, kExperiment1, kExperiment2});
  }
  return p.end == p.payload || replace_payload(p, {}, 0);
}

/// Puts the header before what the packet carries, as far as a segment has room for both: never
/// more than the backend takes, or than the client itself has sent.
bool carry(Packet& p, const Flow& flow, LocalEnd& end) {
  ProxyHeader header;
  const unsigned size = write_proxy_header(end.proxy, flow.forward_key(), header);
  const unsigned had = static_cast<unsigned>(p.end) - p.payload;
  const unsigned options = static_cast<unsigned>(p.payload) - p.l4 - kTcpSize;
  const unsigned taken = end.segment_most == 0 ? segment_default(p) : end.segment_most;
  const unsigned most =
      std::max({had, std::min(taken - std::min(taken, options), kGrowMost), size});
  const unsigned room = p.room - std::min<unsigned>(p.room, p.payload);
  const unsigned keep = std::min(had, std::min(most, std::max(room, size)) - size);
  if (!replace_payload(p, {header.data(), size}, keep)) return false;
  if ((p.tcp_flags & tcp_flag::kUrg) != 0) {  // counted from the sequence number
    TcpEdit edit(p);
    std::uint8_t* urgent = edit.header().data() + kUrgent;
    store_be16(urgent, static_cast<std::uint16_t>(load_be16(urgent) + size));
  }
  end.header_sent = true;
  return true;
}

/// The packet begins where the header is to be, and no other has brought it there as far as can be
/// told: nothing went yet, or the client sends its ACK or its first byte again.
bool carries(const Packet& p, LocalEnd& end, std::uint32_t sequence) {
  if (sequence != end.first || (p.tcp_flags & tcp_flag::kRst) != 0) return false;
  const bool data = p.end != p.payload;
  const bool again = data && end.data_seen;
  end.data_seen |= data;
  return !data || again || !end.header_sent;
}

/// The backend has not acknowledged the header: to the client it has not acknowledged anything.
void hold_back(Packet& p, LocalEnd& end, std::uint32_t acknowledged) {
  if ((p.tcp_flags & tcp_flag::kSyn) != 0) end.segment_most = segment_size_of(p);
  if (acknowledged - end.first < end.header_size) {
    set_number(p, kAcknowledgement, end.first);
    TcpEdit edit(p);
    edit.blank({tcp_option::kSack});
  }
}

}  // namespace

void begin_proxy(const Packet& syn, const Flow& flow, unsigned version, LocalEnd& end) {
  ProxyHeader header;
  end.proxy = static_cast<std::uint8_t>(version);
  end.header_size =
      static_cast<std::uint8_t>(write_proxy_header(version, flow.forward_key(), header));
  end.first = load_be32(syn.l4_bytes() + kSequence) + 1;
}

bool proxy_to_backend(Packet& p, const Flow& flow, LocalEnd& end) {
  if ((p.tcp_flags & tcp_flag::kSyn) != 0) return bare_syn(p, end);
  const std::uint32_t sequence = load_be32(p.l4_bytes() + kSequence);
  // A damaged packet, which the backend will not take, is no reason for anything.
  const bool open =
      !end.header_acknowledged && !p.has(packet_flag::kFragment) && l4_checksum_right(p);
  if (open && carries(p, end, sequence)) return carry(p, flow, end);
  // A reset before the header went ends what the backend has.
  if (end.header_sent || (p.tcp_flags & tcp_flag::kRst) == 0) shift_sequence(p, end);
  return true;
}

void proxy_to_client(Packet& p, LocalEnd& end) {
  if ((p.tcp_flags & tcp_flag::kAck) == 0) return;
  const std::uint32_t acknowledged = load_be32(p.l4_bytes() + kAcknowledgement);
  if (!end.header_acknowledged) {
    if (!l4_checksum_right(p)) return;
    const std::uint32_t beyond = acknowledged - end.first - end.header_size;
    if (!end.header_sent || beyond > 0x7fff'ffffU) return hold_back(p, end, acknowledged);
    end.header_acknowledged = true;
  }
  set_number(p, kAcknowledgement, acknowledged - end.header_size);
  TcpEdit edit(p);
  edit.move_sack_down(end.header_size);
}

std::uint32_t backend_number(std::uint32_t client, const LocalEnd& end) {
  return end.proxy == 0 ? client : client + end.header_size;
}

std::uint32_t client_number(std::uint32_t backend, const LocalEnd& end) {
  if (end.proxy == 0) return backend;
  return backend - end.first < end.header_size ? end.first : backend - end.header_size;
}

}  // namespace sluice::balancer

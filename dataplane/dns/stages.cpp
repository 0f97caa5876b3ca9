#include "dataplane/dns/stages.hpp"

#include <array>
#include <bit>
#include <cstring>

#include "dataplane/dns/answer_writer.hpp"
#include "dataplane/dns/query.hpp"
#include "dataplane/dns/respond.hpp"
#include "dataplane/dns/udp_reply.hpp"
#include "dataplane/dns/zone/types.hpp"
#include "dataplane/dns/zone_set.hpp"
#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"

namespace sluice::dns {

namespace {

constexpr std::uint16_t kUdpHeader = 8;

/// What is known of a packet between the passes over the burst.
struct Pending {
  std::uint64_t hash;
  Query query;
  std::uint16_t size;  ///< of the message
};

struct Scratch {
  std::array<NameBuffer, kBurstMax> names;
  std::array<Pending, kBurstMax> pending;
};

template <class F>
void for_each(Burst& burst, std::uint64_t mask, F&& f) {
  for (std::uint64_t rest = mask; rest != 0; rest &= rest - 1) {
    const auto i = static_cast<unsigned>(std::countr_zero(rest));
    f(i, burst.packets[i]);
  }
}

std::uint16_t message_size(const Packet& packet) {
  const auto in_packet = static_cast<std::uint16_t>(packet.end - packet.payload);
  const std::uint16_t datagram = load_be16(packet.l4_bytes() + 4);
  const auto stated = static_cast<std::uint16_t>(datagram < kUdpHeader ? 0 : datagram - kUdpHeader);
  return std::min(in_packet, stated);
}

/// Octets of the packet's buffer from an offset in its payload on.
std::size_t readable_after(const Packet& packet, std::size_t offset) {
  return packet.room - packet.payload - offset;
}

AnswerLimits limits_for(const ZoneSet& zones, const Packet& packet, const Query& query) {
  const std::uint16_t size_max =
      zones.udp_size_max(packet.key.destination, packet.key.destination_port);
  const std::size_t room = static_cast<std::size_t>(packet.room - packet.payload);
  return {std::min(udp_limit(query, size_max), room), size_max};
}

}  // namespace

bool serves(const ZoneSet& zones, const IpAddress& address, std::uint16_t port) {
  return zones.server(address, port) != nullptr;
}

const std::vector<ServerSource>& servers(const ZoneSet& zones) {
  return zones.servers();
}

void answer(Context& context, const ZoneSet& zones, Burst& burst, std::uint64_t mask) {
  Scratch scratch;  // written before it is read, packet by packet
  mask &= burst.alive;

  std::uint64_t look_up = 0;
  for_each(burst, mask, [&](unsigned i, Packet& packet) {
    Pending& pending = scratch.pending[i];
    if (!l4_checksum_right(packet)) return burst.drop(i, DropReason::l4_checksum);
    if (packet.has(packet_flag::kIpOptions)) strip_ip_options(packet);
    const std::uint8_t* message = packet.data + packet.payload;
    pending.size = message_size(packet);
    pending.query = read_query({message, pending.size});
    // An answer to port 0 or from a group address cannot be one that somebody waits for.
    if (pending.query.fate == QueryFate::discard || packet.key.source_port == 0 ||
        packet.has(packet_flag::kGroupMac)) {
      burst.drop(i, DropReason::dns_malformed);
    } else if (pending.query.fate == QueryFate::look_up) {
      const std::size_t size = pending.query.name_size;
      lower_name(message + kHeaderSize, size, readable_after(packet, kHeaderSize),
                 scratch.names[i]);
      pending.hash = zones.hash(scratch.names[i], size);
      zones.prefetch_slot(pending.hash);
      look_up |= std::uint64_t{1} << i;
    }
  });
  for_each(burst, look_up,
           [&](unsigned i, Packet&) { zones.prefetch_node(scratch.pending[i].hash); });
  const std::uint64_t answered = mask & burst.alive;
  for_each(burst, answered, [&](unsigned i, Packet& packet) {
    const Pending& pending = scratch.pending[i];
    const Query& query = pending.query;
    std::uint8_t* message = packet.data + packet.payload;
    const AnswerLimits limits = limits_for(zones, packet, query);
    std::size_t size = 0;
    if (query.fate == QueryFate::look_up) {
      const auto found = zones.find(scratch.names[i], query.name_size, pending.hash);
      size = respond(zones, query, choose(zones, query, found), message, pending.size, limits,
                     context.slots);
    } else {
      size = respond_error(zones, query, query.rcode, message, limits, context.slots);
    }
    make_reply(packet, size);
    burst.decide(i, Verdict::answered);
  });
  // Sums read in large pieces what was written in small ones: in a walk of their own they need not
  // wait for the writes.
  for_each(burst, answered, [&](unsigned, Packet& packet) { fill_checksums(packet); });
}

std::span<const std::uint8_t> answer_stream(const ZoneSet& zones,
                                            std::span<const std::uint8_t> query_bytes,
                                            std::span<std::uint8_t> buffer,
                                            CounterBlock* counters) {
  const Query query = read_query(query_bytes);
  const std::size_t kept = query.question_end();
  if (query.fate == QueryFate::discard || buffer.size() < kept + kOptSize) return {};
  std::memcpy(buffer.data(), query_bytes.data(), kept);
  const AnswerLimits limits{std::min<std::size_t>(buffer.size(), kMessageMax),
                            zones.udp_size_advertised()};
  std::size_t size = 0;
  if (query.fate == QueryFate::look_up) {
    NameBuffer name;
    lower_name(buffer.data() + kHeaderSize, query.name_size, buffer.size() - kHeaderSize, name);
    const auto found = zones.find(name, query.name_size, zones.hash(name, query.name_size));
    size = respond(zones, query, choose(zones, query, found), buffer.data(), query_bytes.size(),
                   limits, counters);
  } else {
    size = respond_error(zones, query, query.rcode, buffer.data(), limits, counters);
  }
  return buffer.first(size);
}

const std::vector<NamedCounter>& counters(const ZoneSet& zones) {
  return zones.counters();
}

}  // namespace sluice::dns

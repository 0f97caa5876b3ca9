#include "dataplane/packet/transmitter.hpp"

#include <utility>

namespace sluice {
namespace {

/// What of a packet's flags is true for any worker.
constexpr std::uint16_t kFlagsThatTravel = packet_flag::kL4ChecksumGood | packet_flag::kFromHost |
                                           packet_flag::kHanded | packet_flag::kHandedAgain;

bool leaves(Verdict verdict) {
  return verdict == Verdict::sent || verdict == Verdict::answered || verdict == Verdict::punted;
}

/// Room for pointers to the packets of a burst.
struct PacketList {
  std::array<Packet*, kBurstMax> items;
  unsigned count = 0;
  void add(Packet& p) { items[count++] = &p; }
  [[nodiscard]] std::span<Packet* const> span() const { return {items.data(), count}; }
};

}  // namespace

Transmitter::Transmitter(std::uint16_t worker, std::vector<Outlet> outlets,
                         std::vector<Inbox*> inboxes, PacketPool& pool, Books& books)
    : worker_(worker),
      outlets_(std::move(outlets)),
      inboxes_(std::move(inboxes)),
      pool_(pool),
      books_(books) {
  for (const Outlet& outlet : outlets_)
    if (outlet.queue != nullptr) any_queue_ = outlet.queue;
}

void Transmitter::settle(Burst& burst) {
  PacketList leaving;
  PacketList dropped;
  std::uint32_t held = 0;
  for (unsigned i = 0; i < burst.count; ++i) {
    Packet& p = burst.packets[i];
    if (leaves(p.verdict)) [[likely]] {
      leaving.add(p);
      continue;
    }
    switch (p.verdict) {
      case Verdict::held:
        ++held;
        break;
      case Verdict::handed:
        hand_over(p);
        break;
      default:
        books_.dropped[static_cast<unsigned>(p.reason)].add(1);
        dropped.add(p);
        break;
    }
  }
  if (held != 0) books_.held_now.add(held);
  if (dropped.count != 0) release(dropped.span());
  send_all(leaving.span());
  flush();
}

void Transmitter::emit(const Packet& packet) {
  if (emitted_count_ == kEmittedMax) flush();
  emitted_[emitted_count_++] = packet;
}

void Transmitter::flush() {
  if (emitted_count_ == 0) return;
  PacketList leaving;
  for (unsigned i = 0; i < emitted_count_; ++i) leaving.add(emitted_[i]);
  send_all(leaving.span());
  emitted_count_ = 0;
}

/// Nearly always all packets leave by one port, with one verdict.
void Transmitter::send_all(std::span<Packet* const> packets) {
  if (packets.empty()) return;
  const PortId port = packets[0]->out_port;
  unsigned others = 0;
  for (const Packet* p : packets) others |= static_cast<unsigned>(p->out_port ^ port);
  if (others == 0) [[likely]]
    send_to(port, packets);
  else
    send_by_port(packets);
}

/// First the packets of the first one's port, then what is left.
void Transmitter::send_by_port(std::span<Packet* const> packets) {
  PacketList rest;
  while (!packets.empty()) {
    const PortId port = packets[0]->out_port;
    PacketList group;
    PacketList others;
    for (Packet* p : packets) (p->out_port == port ? group : others).add(*p);
    send_to(port, group.span());
    rest = others;
    packets = rest.span();
  }
}

void Transmitter::send_to(PortId port, std::span<Packet* const> packets) {
  if (port >= outlets_.size()) return fail(packets, DropReason::tx_port_down);
  const Outlet& outlet = outlets_[port];
  if (outlet.queue == nullptr) return send_through(outlet.through, packets);
  const unsigned taken = outlet.queue->send(packets);
  count(packets.first(taken));
  if (taken < packets.size()) fail(packets.subspan(taken), DropReason::tx_full);
}

void Transmitter::count(std::span<Packet* const> packets) {
  std::uint32_t answered = 0;
  std::uint32_t punted = 0;
  std::uint32_t ours = 0;  // frames of our own: in no book
  for (const Packet* p : packets) {
    if (p->verdict == Verdict::sent) [[likely]]
      continue;
    answered += p->verdict == Verdict::answered ? 1 : 0;
    punted += p->verdict == Verdict::punted ? 1 : 0;
    ours += p->verdict == Verdict::none ? 1 : 0;
  }
  books_.sent.add(packets.size() - answered - punted - ours);
  if (answered != 0) books_.answered.add(answered);
  if (punted != 0) books_.punted.add(punted);
}

void Transmitter::send_through(std::uint16_t worker, std::span<Packet* const> packets) {
  if (worker == worker_) return fail(packets, DropReason::tx_port_down);
  for (Packet* const p : packets) {
    p->via = nullptr;  // points into this worker's snapshot
    const bool ours = p->verdict == Verdict::none;
    if (!inboxes_[worker]->packets.from(worker_).put(*p)) {
      fail({&p, 1}, DropReason::handoff_full);
    } else if (!ours) {
      books_.handed.add(1);
    }
  }
}

void Transmitter::hand_over(Packet& p) {
  Packet* const one = &p;
  // A flow has one owner and a stale redirect one more; whoever wants a third hop is lost.
  const bool lost = p.has(packet_flag::kHandedAgain) || p.handed_to >= inboxes_.size();
  Packet message = p;
  message.verdict = Verdict::none;
  message.flags = static_cast<std::uint16_t>(
      (p.flags & kFlagsThatTravel) |
      (p.has(packet_flag::kHanded) ? packet_flag::kHandedAgain : packet_flag::kHanded));
  message.via = nullptr;
  if (lost || !inboxes_[p.handed_to]->packets.from(worker_).put(message))
    return fail({&one, 1}, DropReason::handoff_full);
  books_.handed.add(1);
}

/// The verdict was that they leave, but they cannot. Frames of our own are in no book.
void Transmitter::fail(std::span<Packet* const> packets, DropReason reason) {
  for (Packet* p : packets) {
    if (p->verdict == Verdict::none) continue;
    p->verdict = Verdict::dropped;
    p->reason = reason;
    books_.dropped[static_cast<unsigned>(reason)].add(1);
  }
  release(packets);
}

void Transmitter::release(std::span<Packet* const> packets) {
  if (any_queue_ != nullptr) return any_queue_->release(packets);
  for (Packet* p : packets) pool_.release(*p);
}

}  // namespace sluice

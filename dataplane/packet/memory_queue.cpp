#include "dataplane/packet/memory_queue.hpp"

#include <algorithm>

namespace sluice {

bool MemoryPool::allocate(Packet& packet, std::size_t size) {
  const std::size_t room = std::max<std::size_t>(layout_.room, size);
  if (room > 0xffff || outstanding_ >= layout_.limit) return false;
  auto block = std::make_unique<std::uint8_t[]>(layout_.headroom + room);
  packet.data = block.get() + layout_.headroom;
  packet.owner = block.release();
  packet.length = 0;
  packet.room = static_cast<std::uint16_t>(room);
  packet.headroom = layout_.headroom;
  packet.flags = 0;
  ++outstanding_;
  return true;
}

void MemoryPool::release(Packet& packet) {
  const std::unique_ptr<std::uint8_t[]> block(static_cast<std::uint8_t*>(packet.owner));
  packet.owner = nullptr;
  packet.data = nullptr;
  --outstanding_;
}

bool MemoryPool::load(Packet& packet, std::span<const std::uint8_t> frame) {
  if (!allocate(packet, frame.size())) return false;
  std::copy(frame.begin(), frame.end(), packet.data);
  packet.length = static_cast<std::uint16_t>(frame.size());
  return true;
}

unsigned MemoryQueue::receive(std::span<Packet> packets) {
  unsigned count = 0;
  for (Packet& p : packets) {
    if (arrivals_.empty() || !pool_.load(p, arrivals_.front().frame)) break;
    p.in_port = port_;
    p.flags = arrivals_.front().flags;
    arrivals_.pop_front();
    ++count;
  }
  return count;
}

unsigned MemoryQueue::send(std::span<Packet* const> packets) {
  const auto count = static_cast<unsigned>(std::min(packets.size(), send_limit_));
  for (Packet* p : packets.first(count)) sent_.emplace_back(p->data, p->data + p->length);
  release(packets.first(count));
  if (send_limit_ != SIZE_MAX) send_limit_ -= count;
  return count;
}

void MemoryQueue::release(std::span<Packet* const> packets) {
  for (Packet* p : packets) pool_.release(*p);
}

}  // namespace sluice

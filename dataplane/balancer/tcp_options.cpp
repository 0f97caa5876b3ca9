#include "dataplane/balancer/tcp_options.hpp"

#include <algorithm>

#include "dataplane/packet/bytes.hpp"
#include "dataplane/packet/checksum.hpp"

namespace sluice::balancer {
TcpEdit::TcpEdit(Packet& p)
    : tcp_(p.l4_bytes()), size_(std::min<unsigned>(p.payload - p.l4, kTcpSizeMost)) {
  std::memcpy(before_.data(), tcp_, size_);
}

TcpEdit::~TcpEdit() {
  store_be16(tcp_ + kTcpChecksum,
             checksum_update(load_be16(tcp_ + kTcpChecksum), {before_.data(), size_}, header()));
}

void TcpEdit::blank(std::initializer_list<std::uint8_t> kinds) {
  for_each_option(header(), [&](std::uint8_t kind, unsigned at, unsigned length) {
    if (std::find(kinds.begin(), kinds.end(), kind) != kinds.end())
      std::memset(tcp_ + at, tcp_option::kNoOperation, length);
    return true;
  });
}

void TcpEdit::move_sack_down(std::uint32_t shift) {
  for_each_option(header(), [&](std::uint8_t kind, unsigned at, unsigned length) {
    if (kind != tcp_option::kSack) return true;
    for (unsigned edge = at + 2; edge + 4 <= at + length; edge += 4)
      store_be32(tcp_ + edge, load_be32(tcp_ + edge) - shift);
    return true;
  });
}

std::uint16_t segment_size_of(const Packet& p) {
  constexpr unsigned kLength = 4;
  const std::span<const std::uint8_t> header(p.l4_bytes(),
                                             static_cast<std::size_t>(p.payload) - p.l4);
  std::uint16_t size = 0;
  for_each_option(header, [&](std::uint8_t kind, unsigned at, unsigned length) {
    if (kind != tcp_option::kSegmentSize) return true;
    if (length == kLength) size = load_be16(header.data() + at + 2);
    return false;
  });
  return size;
}

}  // namespace sluice::balancer

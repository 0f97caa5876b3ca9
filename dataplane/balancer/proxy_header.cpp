#include "dataplane/balancer/proxy_header.hpp"

#include <charconv>
#include <cstring>
#include <string_view>

#include <arpa/inet.h>

#include "dataplane/packet/bytes.hpp"

namespace sluice::balancer {
namespace {

/// Appends to a header that is long enough.
class Writer {
 public:
  explicit Writer(ProxyHeader& out) : out_(out) {}

  void text(std::string_view s) {
    std::memcpy(out_.data() + size_, s.data(), s.size());
    size_ += static_cast<unsigned>(s.size());
  }
  void address(const IpAddress& address) {
    char buffer[INET6_ADDRSTRLEN];
    const int family = address.is_v4() ? AF_INET : AF_INET6;
    text(inet_ntop(family, address.network(), buffer, sizeof buffer));
  }
  void number(std::uint16_t n) {
    char buffer[5];
    const auto end = std::to_chars(buffer, buffer + sizeof buffer, n).ptr;
    text({buffer, static_cast<std::size_t>(end - buffer)});
  }
  void byte(std::uint8_t b) { out_[size_++] = b; }
  void bytes(const std::uint8_t* from, std::size_t count) {
    std::memcpy(out_.data() + size_, from, count);
    size_ += static_cast<unsigned>(count);
  }
  void be16(std::uint16_t n) {
    store_be16(out_.data() + size_, n);
    size_ += 2;
  }
  [[nodiscard]] unsigned size() const { return size_; }

 private:
  ProxyHeader& out_;
  unsigned size_ = 0;
};

/// Section 2.1.
void write_text(const FlowKey& client, Writer& out) {
  out.text(client.source.is_v4() ? "PROXY TCP4 " : "PROXY TCP6 ");
  out.address(client.source);
  out.text(" ");
  out.address(client.destination);
  out.text(" ");
  out.number(client.source_port);
  out.text(" ");
  out.number(client.destination_port);
  out.text("\r\n");
}

/// Section 2.2.
void write_binary(const FlowKey& client, Writer& out) {
  constexpr std::string_view kSignature{"\r\n\r\n\0\r\nQUIT\n", 12};
  constexpr std::uint8_t kProxyCommand = 0x21, kTcp4 = 0x11, kTcp6 = 0x21;
  const std::size_t size = client.source.network_size();
  out.text(kSignature);
  out.byte(kProxyCommand);
  out.byte(client.source.is_v4() ? kTcp4 : kTcp6);
  out.be16(static_cast<std::uint16_t>(2 * size + 4));
  out.bytes(client.source.network(), size);
  out.bytes(client.destination.network(), size);
  out.be16(client.source_port);
  out.be16(client.destination_port);
}

}  // namespace

unsigned write_proxy_header(unsigned version, const FlowKey& client, ProxyHeader& out) {
  Writer writer(out);
  if (version == 1)
    write_text(client, writer);
  else
    write_binary(client, writer);
  return writer.size();
}

}  // namespace sluice::balancer

#include "tests/unit/dns/dns_harness.hpp"

#include <gtest/gtest.h>

namespace sluice::dns::test {

namespace {

void put16(Bytes& out, unsigned value) {
  out.push_back(static_cast<std::uint8_t>(value >> 8));
  out.push_back(static_cast<std::uint8_t>(value));
}

/// Reads names with pointers; throws what the caller reports.
class MessageReader {
 public:
  explicit MessageReader(std::span<const std::uint8_t> message) : message_(message) {}

  std::uint16_t u16() {
    const auto high = u8();
    return static_cast<std::uint16_t>(high << 8 | u8());
  }
  std::uint32_t u32() {
    const auto high = u16();
    return std::uint32_t{high} << 16 | u16();
  }
  std::uint8_t u8() {
    if (at_ >= message_.size()) throw std::runtime_error("the message ends early");
    return message_[at_++];
  }
  std::string name() {
    std::string wire;
    std::size_t at = at_;
    bool jumped = false;
    while (true) {
      if (at >= message_.size()) throw std::runtime_error("a name ends outside the message");
      const std::uint8_t label = message_[at];
      if (label >= 0xc0) {
        if (at + 1 >= message_.size()) throw std::runtime_error("half a pointer");
        const std::size_t target = (std::size_t{label} & 0x3f) << 8 | message_[at + 1];
        if (target >= at || target < kHeaderSize) throw std::runtime_error("a pointer not back");
        if (!jumped) at_ = at + 2;
        jumped = true;
        at = target;
        continue;
      }
      if (label > 63 || at + 1 + label > message_.size()) throw std::runtime_error("a bad label");
      wire.append(reinterpret_cast<const char*>(message_.data()) + at, 1U + label);
      at += 1U + label;
      if (label == 0) break;
    }
    if (!jumped) at_ = at;
    if (wire.size() > 255) throw std::runtime_error("a name of more than 255 octets");
    return text_of(wire);
  }
  std::string hex(std::size_t size) {
    static constexpr char kDigits[] = "0123456789abcdef";
    std::string out;
    for (; size != 0; --size) {
      const std::uint8_t byte = u8();
      out += kDigits[byte >> 4];
      out += kDigits[byte & 15];
    }
    return out;
  }
  std::string address(std::size_t size) {
    if (left() < size) throw std::runtime_error("an address ends early");
    at_ += size;
    return IpAddress::from(message_.data() + at_ - size, size).text();
  }
  std::size_t at() const { return at_; }
  std::size_t left() const { return message_.size() - at_; }

 private:
  std::span<const std::uint8_t> message_;
  std::size_t at_ = 0;
};

std::string rdata_text(MessageReader& reader, std::uint16_t type, std::size_t size) {
  const std::size_t end = reader.at() + size;
  std::string out;
  if (type == type::kA || type == type::kAaaa) {
    out = reader.address(size);
  } else if (type == type::kNs || type == type::kCname || type == type::kPtr) {
    out = reader.name();
  } else if (type == type::kMx) {
    out = std::to_string(reader.u16());
    out += " " + reader.name();
  } else if (type == type::kSoa) {
    out = reader.name();
    out += " " + reader.name();
    for (int i = 0; i < 5; ++i) out += " " + std::to_string(reader.u32());
  } else {
    out = reader.hex(size);
  }
  if (reader.at() != end) throw std::runtime_error("rdata does not fill its length");
  return out;
}

void read_record(MessageReader& reader, Answer& out, std::vector<std::string>& section) {
  const std::string owner = reader.name();
  const std::uint16_t type = reader.u16();
  const std::uint16_t klass = reader.u16();
  const std::uint32_t ttl = reader.u32();
  const std::uint16_t size = reader.u16();
  if (type == type::kOpt) {
    if (out.edns) throw std::runtime_error("two OPT");
    if (&section != &out.additional || owner != ".") throw std::runtime_error("OPT misplaced");
    out.edns = true;
    out.payload = klass;
    out.rcode = static_cast<std::uint16_t>(out.rcode | (ttl >> 24) << 4);
    out.dnssec_ok = (ttl & 0x8000) != 0;
    static_cast<void>(reader.hex(size));
    return;
  }
  if (klass != 1) throw std::runtime_error("a record of another class");
  section.push_back(owner + " " + std::to_string(ttl) + " " + text_of_type(type) + " " +
                    rdata_text(reader, type, size));
}

}  // namespace

ZoneSource zone(std::string_view records, std::string_view origin) {
  std::string text(kApex);
  text += records;
  return {std::string(origin), std::move(text), "test.zone"};
}

Bytes query(std::string_view name, std::string_view type, QueryOptions options) {
  Bytes out;
  put16(out, options.id);
  put16(out, options.flags);
  put16(out, 1);
  put16(out, 0);
  put16(out, 0);
  put16(out, options.edns ? 1 : 0);
  const auto wire = name_from_text(name, std::string_view("\0", 1));
  EXPECT_TRUE(wire.has_value()) << name;
  out.insert(out.end(), wire->begin(), wire->end());
  put16(out, type_from_text(type));
  put16(out, options.klass);
  if (options.edns) {
    out.push_back(0);
    put16(out, type::kOpt);
    put16(out, options.payload);
    out.push_back(0);
    out.push_back(options.version);
    put16(out, options.dnssec_ok ? 0x8000 : 0);
    put16(out, 0);
  }
  return out;
}

std::optional<Answer> read(std::span<const std::uint8_t> message) {
  try {
    MessageReader reader(message);
    Answer out;
    out.id = reader.u16();
    out.flags = reader.u16();
    out.rcode = out.flags & 0xf;
    const std::uint16_t questions = reader.u16();
    const std::uint16_t answers = reader.u16();
    const std::uint16_t authorities = reader.u16();
    const std::uint16_t additionals = reader.u16();
    for (unsigned i = 0; i < questions; ++i) {
      out.question = reader.name();
      out.question += " " + text_of_type(reader.u16());
      static_cast<void>(reader.u16());
    }
    for (unsigned i = 0; i < answers; ++i) read_record(reader, out, out.answer);
    for (unsigned i = 0; i < authorities; ++i) read_record(reader, out, out.authority);
    for (unsigned i = 0; i < additionals; ++i) read_record(reader, out, out.additional);
    if (reader.left() != 0) throw std::runtime_error("octets after the last record");
    return out;
  } catch (const std::runtime_error& error) {
    ADD_FAILURE() << "malformed message: " << error.what();
    return std::nullopt;
  }
}

Server::Server(std::vector<ZoneSource> sources, std::vector<ServerSource> servers) {
  Source source;
  source.zones = std::move(sources);
  source.servers = std::move(servers);
  auto compiled = compile(source, harness.registry);
  if (!compiled) throw std::runtime_error(compiled.error().front().text());
  zones = *compiled;
}

Server::Server(std::string_view records, std::string_view origin)
    : Server(std::vector<ZoneSource>{zone(records, origin)}) {}

Bytes Server::ask_bytes(const Bytes& asked) const {
  Bytes buffer(65535);
  const auto out = answer_stream(*zones, asked, buffer);
  return {out.begin(), out.end()};
}

Answer Server::ask(std::string_view name, std::string_view type, QueryOptions options) {
  const auto answer = read(ask_bytes(query(name, type, options)));
  return answer ? *answer : Answer{};
}

std::vector<std::string> errors_of(std::string_view text, std::string_view origin) {
  Source source;
  source.zones.push_back({std::string(origin), std::string(text), "test.zone"});
  SlotRegistry slots(64);
  std::vector<std::string> out;
  const auto compiled = compile(source, slots);
  if (compiled) return out;
  for (const Error& error : compiled.error()) out.push_back(error.text());
  return out;
}

}  // namespace sluice::dns::test

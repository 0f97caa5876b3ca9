/// Zones, queries and answers for the tests of dns.
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "dataplane/dns/answer_writer.hpp"
#include "dataplane/dns/stages.hpp"
#include "dataplane/dns/zone/ldns_rdata.hpp"
#include "dataplane/dns/zone/name.hpp"
#include "dataplane/dns/zone/types.hpp"
#include "dataplane/dns/zone_set.hpp"
#include "dataplane/packet/bytes.hpp"
#include "tests/support/stage_harness.hpp"

namespace sluice::dns::test {

using sluice::test::Bytes;

/// SOA and NS that every zone begins with: serial 1, minimum 60.
inline constexpr std::string_view kApex =
    "$TTL 300\n@ SOA ns1 hostmaster 1 3600 600 86400 60\n@ NS ns1\nns1 A 192.0.2.1\n";

/// A zone of kApex and more records.
[[nodiscard]] ZoneSource zone(std::string_view records, std::string_view origin = "example.test");

struct QueryOptions {
  bool edns = false;
  std::uint16_t payload = 1232;
  std::uint8_t version = 0;
  bool dnssec_ok = false;
  std::uint16_t klass = 1;
  std::uint16_t id = 0x1234;
  std::uint16_t flags = 0x0100;  ///< RD
};

/// A query as a resolver sends it.
[[nodiscard]] Bytes query(std::string_view name, std::string_view type, QueryOptions options = {});

/// What a message says, in text: records as "owner TTL TYPE rdata" with rdata of names as text, of
/// addresses as text, of all others in hex.
struct Answer {
  std::uint16_t id = 0, flags = 0, rcode = 0;              ///< rcode with the bits of OPT
  std::string question;                                    ///< "name TYPE", case kept
  std::vector<std::string> answer, authority, additional;  ///< OPT is not in additional
  bool edns = false;
  std::uint16_t payload = 0;
  bool dnssec_ok = false;

  [[nodiscard]] bool aa() const { return (flags & 0x0400) != 0; }
  [[nodiscard]] bool tc() const { return (flags & 0x0200) != 0; }
};

/// Reads a message; fails the test (and returns nothing) if it is malformed anywhere: pointers that
/// do not lead back, records that do not fill it exactly.
[[nodiscard]] std::optional<Answer> read(std::span<const std::uint8_t> message);

/// Zones under test.
struct Server {
  explicit Server(std::vector<ZoneSource> zones, std::vector<ServerSource> servers = {});
  /// One zone: kApex and `records`.
  explicit Server(std::string_view records, std::string_view origin = "example.test");

  /// Asks as over TCP.
  [[nodiscard]] Answer ask(std::string_view name, std::string_view type, QueryOptions options = {});
  [[nodiscard]] Bytes ask_bytes(const Bytes& query) const;

  sluice::test::StageHarness harness;
  std::shared_ptr<const ZoneSet> zones;
};

/// The errors of zones that must not compile, as text.
[[nodiscard]] std::vector<std::string> errors_of(std::string_view text,
                                                 std::string_view origin = "example.test");

}  // namespace sluice::dns::test

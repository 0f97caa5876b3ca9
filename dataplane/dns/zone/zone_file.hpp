/// Master files to records. Entries, directives, owners, TTLs and classes are read here; rdata of
/// every type, known and unknown (RFC 3597), is read by ldns and carried as wire bytes.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "dataplane/dns/source.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::dns {

struct Record {
  std::string owner;  ///< wire form, case as written
  std::uint16_t type = 0;
  std::uint32_t ttl = 0;  ///< seconds, at most 2^31 - 1 (RFC 2181 section 8)
  std::string rdata;      ///< wire form, names in it uncompressed
  std::uint32_t line = 0;
};

struct ZoneRecords {
  std::string origin;  ///< wire form, lowered
  std::vector<Record> records;
};

/// At most this many errors of one zone are told.
inline constexpr std::size_t kZoneErrorsMax = 50;

/// Records in the order of the file, all at or below the origin and of class IN. Every mistake is
/// found, each with file and line. $INCLUDE and $GENERATE are refused.
[[nodiscard]] tl::expected<ZoneRecords, std::vector<Error>> read_zone_file(
    const ZoneSource& source);

}  // namespace sluice::dns

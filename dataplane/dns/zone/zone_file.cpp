#include "dataplane/dns/zone/zone_file.hpp"

#include <charconv>
#include <optional>

#include "dataplane/dns/zone/ldns_rdata.hpp"
#include "dataplane/dns/zone/lexer.hpp"
#include "dataplane/dns/zone/name.hpp"
#include "dataplane/dns/zone/rdata.hpp"
#include "dataplane/dns/zone/types.hpp"

namespace sluice::dns {

namespace {

constexpr std::uint64_t kTtlMax = 0x7fffffff;

bool equal_ignoring_case(std::string_view a, std::string_view b) {
  return lowered(a) == lowered(b);
}

/// Seconds, or as BIND writes them: 1w2d3h4m5s. Nothing if it is no period at all; values above 32
/// bits are returned as too large rather than wrapped.
std::optional<std::uint64_t> period_from_text(std::string_view text) {
  std::uint64_t total = 0;
  const char* at = text.data();
  const char* const end = at + text.size();
  if (at == end) return std::nullopt;
  while (at != end) {
    std::uint64_t number = 0;
    const auto [after, error] = std::from_chars(at, end, number);
    if (after == at || error == std::errc::invalid_argument) return std::nullopt;
    if (error == std::errc::result_out_of_range || number > kTtlMax) number = kTtlMax + 1;
    at = after;
    std::uint64_t unit = 1;
    if (at != end) {
      switch (*at++ | 0x20) {
        case 's':
          unit = 1;
          break;
        case 'm':
          unit = 60;
          break;
        case 'h':
          unit = 3600;
          break;
        case 'd':
          unit = 86400;
          break;
        case 'w':
          unit = 604800;
          break;
        default:
          return std::nullopt;
      }
    }
    total += number * unit;
    if (total > kTtlMax) total = kTtlMax + 1;
  }
  return total;
}

/// Class by mnemonic or as CLASSnnn (RFC 3597 section 5).
std::optional<std::uint16_t> class_from_text(std::string_view text) {
  const std::string lower = lowered(text);
  if (lower == "in") return kClassIn;
  if (lower == "ch") return std::uint16_t{3};
  if (lower == "hs") return std::uint16_t{4};
  std::uint16_t number = 0;
  if (!lower.starts_with("class")) return std::nullopt;
  const char* end = lower.data() + lower.size();
  const auto [after, error] = std::from_chars(lower.data() + 5, end, number);
  return error == std::errc{} && after == end ? std::optional(number) : std::nullopt;
}

/// Types that exist only in questions and messages (RFC 6895 section 3.1).
bool is_meta_type(std::uint16_t type) {
  return type == type::kOpt || (type >= 128 && type <= 255);
}

bool is_dnssec_denial_or_signature(std::uint16_t type) {
  return type == type::kRrsig || type == type::kNsec || type == type::kNsec3 ||
         type == type::kNsec3param;
}

/// One pass over one file.
class ZoneFileReader {
 public:
  ZoneFileReader(const ZoneSource& source, ZoneRecords& zone, std::vector<Error>& errors)
      : source_(source), zone_(zone), errors_(errors), origin_(zone.origin) {}

  void read() {
    if (!set_origin(zone_.origin, 0)) return;
    Lexer lexer(source_.text);
    while (errors_.size() < kZoneErrorsMax) {
      auto entry = lexer.next();
      if (!entry) {
        errors_.push_back(
            {entry.error().what, source_.where + ":" + entry.error().where, entry.error().fix});
        return;
      }
      if (entry->tokens.empty()) return;
      read_entry(*entry);
    }
  }

 private:
  bool error(std::uint32_t line, std::string what, std::string fix = {}) {
    errors_.push_back(
        {std::move(what), source_.where + ":" + std::to_string(line), std::move(fix)});
    return false;
  }

  bool set_origin(std::string origin, std::uint32_t line) {
    auto reader = RdataReader::create(origin);
    if (!reader) return error(line, reader.error().what);
    reader_.emplace(std::move(*reader));
    origin_ = std::move(origin);
    return true;
  }

  void read_entry(const Entry& entry) {
    for (const std::string_view token : entry.tokens) {
      if (token.find('\0') != std::string_view::npos) {
        error(entry.line, "a NUL byte in the file", "write it as \\000");
        return;
      }
    }
    if (!entry.blank_owner && entry.tokens[0].starts_with('$')) {
      read_directive(entry);
    } else {
      read_record(entry);
    }
  }

  bool read_directive(const Entry& entry) {
    const std::string_view name = entry.tokens[0];
    if (equal_ignoring_case(name, "$ORIGIN") || equal_ignoring_case(name, "$TTL")) {
      if (entry.tokens.size() != 2)
        return error(entry.line, std::string(name) + " takes one value");
      return lowered(name) == "$ttl" ? read_default_ttl(entry) : read_origin(entry);
    }
    if (equal_ignoring_case(name, "$INCLUDE")) {
      return error(entry.line, "$INCLUDE is refused: a zone is one file",
                   "put the records of that file here");
    }
    return error(entry.line, "unknown directive '" + std::string(name) + "'",
                 "$ORIGIN and $TTL are known");
  }

  bool read_origin(const Entry& entry) {
    auto origin = name_from_text(entry.tokens[1], origin_);
    if (!origin) return error(entry.line, origin.error().what);
    return set_origin(std::move(*origin), entry.line);
  }

  bool read_default_ttl(const Entry& entry) {
    const auto ttl = period_from_text(entry.tokens[1]);
    if (!ttl || *ttl > kTtlMax) return ttl_error(entry.line, entry.tokens[1]);
    default_ttl_ = static_cast<std::uint32_t>(*ttl);
    return true;
  }

  bool ttl_error(std::uint32_t line, std::string_view text) {
    return error(line, "'" + std::string(text) + "' is not a TTL",
                 "a TTL is 0 to 2147483647 seconds (RFC 2181 section 8), or like 1h30m");
  }

  bool read_record(const Entry& entry) {
    std::span<const std::string_view> tokens(entry.tokens);
    Record record;
    record.line = entry.line;
    if (!read_owner(entry, tokens) || !read_ttl_class_type(entry, tokens, record)) return false;
    record.owner = owner_;
    if (!is_at_or_below(lowered(record.owner), zone_.origin)) {
      return error(entry.line,
                   text_of(record.owner) + " is not in the zone " + text_of(zone_.origin),
                   "end relative names without a dot, or serve that zone too");
    }
    auto rdata = reader_->read(record.type, tokens);
    if (!rdata || !well_formed(record.type, *rdata)) {
      return error(entry.line,
                   "rdata of " + text_of_type(record.type) + " is wrong: " +
                       (rdata ? "its octets have not the form of the type" : rdata.error().what));
    }
    record.rdata = std::move(*rdata);
    zone_.records.push_back(std::move(record));
    return true;
  }

  bool read_owner(const Entry& entry, std::span<const std::string_view>& tokens) {
    if (entry.blank_owner) {
      return !owner_.empty() || error(entry.line, "the first record has no owner name",
                                      "write '@' for the zone itself");
    }
    owner_.clear();  // after a bad owner, records that inherit it are errors too
    auto owner = name_from_text(tokens[0], origin_);
    if (!owner) return error(entry.line, owner.error().what);
    owner_ = std::move(*owner);
    tokens = tokens.subspan(1);
    return true;
  }

  /// TTL and class stand before the type in either order, each at most once (RFC 1035 section 5.1).
  bool read_ttl_class_type(const Entry& entry, std::span<const std::string_view>& tokens,
                           Record& record) {
    bool class_seen = false;
    std::optional<std::uint32_t> ttl;
    for (; !tokens.empty(); tokens = tokens.subspan(1)) {
      const std::string_view token = tokens[0];
      if (const auto klass = class_seen ? std::nullopt : class_from_text(token)) {
        if (*klass != kClassIn) {
          return error(entry.line, "class " + std::string(token) + " is not served",
                       "only class IN is");
        }
        class_seen = true;
      } else if (const auto period = ttl ? std::nullopt : period_from_text(token)) {
        if (*period > kTtlMax) return ttl_error(entry.line, token);
        ttl = static_cast<std::uint32_t>(*period);
      } else {
        break;
      }
    }
    if (tokens.empty()) return error(entry.line, "the record has no type");
    return read_type(entry, tokens[0], record) && settle_ttl(entry, ttl, record) &&
           (tokens = tokens.subspan(1), true);
  }

  bool read_type(const Entry& entry, std::string_view token, Record& record) {
    record.type = type_from_text(token);
    if (record.type == 0) {
      return error(entry.line, "'" + std::string(token) + "' is not a record type",
                   "write unknown types as TYPE65280 (RFC 3597)");
    }
    if (is_meta_type(record.type)) {
      return error(entry.line, text_of_type(record.type) + " is not a type of records");
    }
    if (is_dnssec_denial_or_signature(record.type)) {
      return error(entry.line, "signed zones are not served: " + text_of_type(record.type),
                   "give the unsigned zone");
    }
    if (record.type == type::kDname) {
      return error(entry.line, "DNAME is not served", "write a CNAME for each name");
    }
    return true;
  }

  /// An omitted TTL is the $TTL (RFC 2308 section 4), else the last stated (RFC 1035 section 5.1).
  bool settle_ttl(const Entry& entry, std::optional<std::uint32_t> stated, Record& record) {
    if (stated) last_ttl_ = stated;
    const auto ttl = stated ? stated : default_ttl_ ? default_ttl_ : last_ttl_;
    if (!ttl) return error(entry.line, "the record has no TTL", "begin the file with $TTL 3600");
    record.ttl = *ttl;
    return true;
  }

  const ZoneSource& source_;
  ZoneRecords& zone_;
  std::vector<Error>& errors_;
  std::optional<RdataReader> reader_;
  std::string origin_;
  std::string owner_;
  std::optional<std::uint32_t> default_ttl_;
  std::optional<std::uint32_t> last_ttl_;
};

}  // namespace

tl::expected<ZoneRecords, std::vector<Error>> read_zone_file(const ZoneSource& source) {
  ZoneRecords zone;
  std::vector<Error> errors;
  const auto origin = name_from_text(source.origin, std::string_view("\0", 1));
  if (!origin) {
    errors.push_back({"zone " + origin.error().what, source.where, "name the zone by its origin"});
    return tl::unexpected(std::move(errors));
  }
  zone.origin = lowered(*origin);
  ZoneFileReader(source, zone, errors).read();
  if (!errors.empty()) return tl::unexpected(std::move(errors));
  return zone;
}

}  // namespace sluice::dns

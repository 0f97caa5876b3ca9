#include "dataplane/dns/zone/rdata.hpp"

#include "dataplane/dns/zone/name.hpp"
#include "dataplane/dns/zone/types.hpp"

namespace sluice::dns {

CompressibleNames compressible_names(std::uint16_t type) {
  switch (type) {
    case type::kNs:
    case type::kMd:
    case type::kMf:
    case type::kCname:
    case type::kMb:
    case type::kMg:
    case type::kMr:
    case type::kPtr:
      return {0, 1};
    case type::kSoa:
    case type::kMinfo:
      return {0, 2};
    case type::kMx:
      return {2, 1};
    default:
      return {};
  }
}

std::optional<std::string_view> additional_target(std::uint16_t type, std::string_view rdata) {
  switch (type) {
    case type::kNs:
      return rdata;
    case type::kMx:
      return rdata.substr(2);
    case type::kSrv:
      return rdata.substr(6);
    default:
      return std::nullopt;
  }
}

bool well_formed(std::uint16_t type, std::string_view rdata) {
  if (type == type::kA) return rdata.size() == 4;
  if (type == type::kAaaa) return rdata.size() == 16;
  CompressibleNames names = compressible_names(type);
  if (type == type::kSrv) names = {6, 1};
  if (type == type::kDname) names = {0, 1};
  if (names.count == 0) return true;
  if (rdata.size() < names.prefix) return false;
  rdata.remove_prefix(names.prefix);
  for (unsigned i = 0; i < names.count; ++i) {
    const std::size_t size = name_size(rdata);
    if (size == 0) return false;
    rdata.remove_prefix(size);
  }
  return rdata.size() == (type == type::kSoa ? 20 : 0);
}

}  // namespace sluice::dns

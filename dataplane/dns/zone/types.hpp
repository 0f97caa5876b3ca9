/// Record types, response codes and classes by their names of the IANA registry.
#pragma once

#include <cstdint>

namespace sluice::dns {

namespace type {
inline constexpr std::uint16_t kA = 1, kNs = 2, kMd = 3, kMf = 4, kCname = 5, kSoa = 6, kMb = 7,
                               kMg = 8, kMr = 9, kPtr = 12, kMinfo = 14, kMx = 15, kTxt = 16,
                               kAaaa = 28, kSrv = 33, kCert = 37, kDname = 39, kOpt = 41, kDs = 43,
                               kIpseckey = 45, kRrsig = 46, kNsec = 47, kNsec3 = 50,
                               kNsec3param = 51, kIxfr = 251, kAxfr = 252, kAny = 255;
}

namespace rcode {
inline constexpr std::uint16_t kNoError = 0, kFormErr = 1, kServFail = 2, kNxDomain = 3,
                               kNotImp = 4, kRefused = 5, kBadVers = 16;
}

inline constexpr std::uint16_t kClassIn = 1, kClassAny = 255;

}  // namespace sluice::dns

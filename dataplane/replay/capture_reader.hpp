/// Reads captures: pcap with micro- or nanoseconds and pcapng, each in either byte order. Our own
/// because libpcap hides what pcapng says of interfaces, whose names are ports here.
///
/// Sources: draft-ietf-opsawg-pcap, draft-ietf-opsawg-pcapng. The bytes are not trusted: every
/// length is checked, and no more memory is taken than the largest packet or block allowed.
#pragma once

#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include "dataplane/replay/capture_file.hpp"
#include "dataplane/runtime/clock.hpp"
#include "dataplane/runtime/result.hpp"

namespace sluice::replay {

/// Bytes of one packet that a capture may hold: libpcap's own limit.
inline constexpr std::uint32_t kCapturedMax = 262'144;

struct CapturedPacket {
  std::uint64_t number = 0;           ///< from 1
  Nanoseconds time = 0;               ///< since 1970
  std::string_view interface;         ///< its name in the capture; empty if it has none
  std::uint32_t original_length = 0;  ///< on the wire; more than `bytes` if it was cut
  std::span<const std::uint8_t> bytes;
};

class CaptureReader {
 public:
  virtual ~CaptureReader() = default;

  /// Reads as far as the first header. Error: no such file, no capture, or not of Ethernet frames.
  [[nodiscard]] static Result<std::unique_ptr<CaptureReader>> open(const std::string& path);
  [[nodiscard]] static Result<std::unique_ptr<CaptureReader>> open(CaptureFile file);

  /// False at the end. What `packet` points to is good until the next call. After an error the rest
  /// cannot be read.
  [[nodiscard]] virtual Result<bool> next(CapturedPacket& packet) = 0;
};

}  // namespace sluice::replay

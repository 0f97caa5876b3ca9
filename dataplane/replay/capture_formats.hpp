/// The two formats behind CaptureReader, and what they share.
#pragma once

#include <array>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "dataplane/replay/capture_reader.hpp"

namespace sluice::replay {

/// LINKTYPE_ETHERNET of both formats.
inline constexpr std::uint32_t kLinkEthernet = 1;

/// Part of the readers: reading whole pieces, and errors that say where.
class CaptureBase : public CaptureReader {
 protected:
  CaptureBase(CaptureFile file, FileOrder order) : file_(std::move(file)), order_(order) {}

  /// False: the file ends just here. Error: it ends within.
  [[nodiscard]] Result<bool> fill(std::span<std::uint8_t> out);
  [[nodiscard]] tl::unexpected<Error> damaged(const std::string& what) const;
  [[nodiscard]] tl::unexpected<Error> cut_short() const;

  CaptureFile file_;
  FileOrder order_;
  std::uint64_t packets_ = 0;  ///< read so far
};

/// Error: frames of another link type than Ethernet.
[[nodiscard]] Result<void> check_link_type(std::uint32_t type, const std::string& file);

/// How an interface of pcapng counts time.
struct TimeUnit {
  std::uint8_t resolution = 6;  ///< if_tsresol: a negative power of 10, or of 2 with the top bit
  std::int64_t offset_seconds = 0;  ///< if_tsoffset

  /// Since 1970. Nothing: before 1970, or more than 63 bits can hold.
  [[nodiscard]] std::optional<Nanoseconds> time_of(std::uint64_t units) const;
};

class PcapReader final : public CaptureBase {
 public:
  static constexpr std::size_t kHeaderSize = 24;

  /// After the four bytes of the magic number, which told the order and the unit of time.
  [[nodiscard]] static Result<std::unique_ptr<CaptureReader>> open(CaptureFile file,
                                                                   FileOrder order,
                                                                   Nanoseconds unit);
  [[nodiscard]] Result<bool> next(CapturedPacket& packet) override;

 private:
  PcapReader(CaptureFile file, FileOrder order, Nanoseconds unit)
      : CaptureBase(std::move(file), order), unit_(unit) {}

  Nanoseconds unit_;  ///< of the fraction of a second
  std::vector<std::uint8_t> bytes_;
};

class PcapngReader final : public CaptureBase {
 public:
  static constexpr std::uint32_t kSectionHeader = 0x0a0d0d0a;

  /// After the four bytes of the first block's type.
  [[nodiscard]] static Result<std::unique_ptr<CaptureReader>> open(CaptureFile file);
  [[nodiscard]] Result<bool> next(CapturedPacket& packet) override;

 private:
  struct Interface {
    std::string name;
    std::uint32_t snap_length = 0;  ///< 0: no limit
    TimeUnit unit;
  };

  explicit PcapngReader(CaptureFile file) : CaptureBase(std::move(file), FileOrder{}) {}

  [[nodiscard]] Result<void> begin_section();
  [[nodiscard]] Result<void> read_body(std::uint32_t length);
  [[nodiscard]] Result<bool> next_block(std::uint32_t& type);
  [[nodiscard]] Result<void> add_interface();
  [[nodiscard]] Result<void> read_options(std::span<const std::uint8_t> options, Interface& to);
  [[nodiscard]] Result<bool> enhanced_packet(CapturedPacket& packet, bool old_form);
  [[nodiscard]] Result<bool> simple_packet(CapturedPacket& packet);

  std::vector<std::uint8_t> body_;  ///< of the block at hand
  std::vector<Interface> interfaces_;
  Nanoseconds time_ = 0;  ///< of the last packet: simple packets have none
};

}  // namespace sluice::replay

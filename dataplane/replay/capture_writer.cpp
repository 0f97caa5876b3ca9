#include "dataplane/replay/capture_writer.hpp"

#include <algorithm>
#include <array>
#include <cstring>

namespace sluice::replay {
namespace {

constexpr std::uint32_t kSnapLength = 262'144;
constexpr std::uint32_t kEthernet = 1;

std::uint32_t padded(std::size_t length) {
  return static_cast<std::uint32_t>((length + 3) / 4 * 4);
}

std::span<const std::uint8_t> bytes_of(const std::string& text) {
  return {reinterpret_cast<const std::uint8_t*>(text.data()), text.size()};
}

}  // namespace

Result<CaptureWriter> CaptureWriter::create(const std::string& path,
                                            const std::vector<std::string>& ports) {
  auto file = OutputFile::create(path);
  if (!file) return tl::unexpected(file.error());
  CaptureWriter writer(*std::move(file), ports.size() > 1);
  if (writer.several_) {
    writer.put_section();
    for (const std::string& port : ports) writer.put_interface(port);
  } else {
    // The magic number that says nanoseconds, version 2.4, a time zone and an accuracy of nothing.
    writer.put_numbers(std::uint32_t{0xa1b23c4d}, std::uint16_t{2}, std::uint16_t{4},
                       std::uint32_t{0}, std::uint32_t{0}, kSnapLength, kEthernet);
  }
  return writer;
}

/// In our own byte order, which the file's first number tells.
template <class... Numbers>
void CaptureWriter::put_numbers(Numbers... numbers) {
  std::array<std::uint8_t, (sizeof(Numbers) + ...)> bytes;
  std::uint8_t* at = bytes.data();
  const auto add = [&at](auto number) {
    std::memcpy(at, &number, sizeof number);
    at += sizeof number;
  };
  (add(numbers), ...);
  file_.put(std::span<const std::uint8_t>(bytes));
}

void CaptureWriter::put_padded(std::span<const std::uint8_t> bytes) {
  constexpr std::array<std::uint8_t, 3> kZeros{};
  file_.put(bytes);
  file_.put(std::span(kZeros).first(padded(bytes.size()) - bytes.size()));
}

void CaptureWriter::put_section() {
  constexpr std::uint32_t kLength = 28;
  put_numbers(std::uint32_t{0x0a0d0d0a}, kLength, std::uint32_t{0x1a2b3c4d}, std::uint16_t{1},
              std::uint16_t{0}, ~std::uint64_t{0}, kLength);
}

/// With its name (if_name) and a resolution of nanoseconds (if_tsresol).
void CaptureWriter::put_interface(const std::string& name) {
  const std::uint32_t length = 20 + 4 + padded(name.size()) + 8 + 4;
  put_numbers(std::uint32_t{1}, length, static_cast<std::uint16_t>(kEthernet), std::uint16_t{0},
              kSnapLength);
  put_numbers(std::uint16_t{2}, static_cast<std::uint16_t>(name.size()));
  put_padded(bytes_of(name));
  put_numbers(std::uint16_t{9}, std::uint16_t{1}, std::uint32_t{9}, std::uint32_t{0}, length);
}

Result<CaptureWriter> CaptureWriter::create_growing(const std::string& path) {
  auto file = OutputFile::create(path);
  if (!file) return tl::unexpected(file.error());
  CaptureWriter writer(*std::move(file), true);
  writer.put_section();
  return writer;
}

PortId CaptureWriter::interface(const std::string& name) {
  const auto found = std::find(interfaces_.begin(), interfaces_.end(), name);
  const auto index = static_cast<PortId>(found - interfaces_.begin());
  if (found == interfaces_.end()) {
    interfaces_.push_back(name);
    put_interface(name);
  }
  return index;
}

void CaptureWriter::write(PortId port, Nanoseconds time, std::span<const std::uint8_t> frame,
                          std::size_t length, const std::string& comment) {
  const auto size = static_cast<std::uint32_t>(frame.size());
  const auto whole = static_cast<std::uint32_t>(length);
  if (!several_) {
    put_numbers(static_cast<std::uint32_t>(time / kSecond),
                static_cast<std::uint32_t>(time % kSecond), size, whole);
    return file_.put(frame);
  }
  // opt_comment and opt_endofopt (pcapng section 3.5).
  const std::uint32_t options = comment.empty() ? 0 : 4 + padded(comment.size()) + 4;
  const std::uint32_t block = 32 + padded(frame.size()) + options;
  put_numbers(std::uint32_t{6}, block, std::uint32_t{port}, static_cast<std::uint32_t>(time >> 32U),
              static_cast<std::uint32_t>(time), size, whole);
  put_padded(frame);
  if (!comment.empty()) {
    put_numbers(std::uint16_t{1}, static_cast<std::uint16_t>(comment.size()));
    put_padded(bytes_of(comment));
    put_numbers(std::uint32_t{0});
  }
  put_numbers(block);
}

}  // namespace sluice::replay

/// Writes captures: pcap for one port, pcapng with interface names for several; nanoseconds.
#pragma once

#include <string>
#include <vector>

#include "dataplane/packet/packet.hpp"
#include "dataplane/replay/output_file.hpp"
#include "dataplane/runtime/clock.hpp"

namespace sluice::replay {

class CaptureWriter {
 public:
  /// `ports` by PortId. Error: the file cannot be written.
  [[nodiscard]] static Result<CaptureWriter> create(const std::string& path,
                                                    const std::vector<std::string>& ports);

  /// A pcapng to which interfaces are added as they turn up.
  [[nodiscard]] static Result<CaptureWriter> create_growing(const std::string& path);
  /// The number for write() of an interface of a growing capture.
  [[nodiscard]] PortId interface(const std::string& name);

  /// `time` since 1970. What goes wrong is told by close().
  void write(PortId port, Nanoseconds time, std::span<const std::uint8_t> frame) {
    write(port, time, frame, frame.size(), {});
  }
  /// Of a frame of `length` bytes those that there are; a comment only in a pcapng.
  void write(PortId port, Nanoseconds time, std::span<const std::uint8_t> frame, std::size_t length,
             const std::string& comment);
  /// What was written is in the file. Error: not all of it.
  [[nodiscard]] Result<void> flush() { return file_.flush(); }
  /// Error: not everything could be written.
  [[nodiscard]] Result<void> close() { return file_.close(); }

 private:
  CaptureWriter(OutputFile file, bool several) : file_(std::move(file)), several_(several) {}

  template <class... Numbers>
  void put_numbers(Numbers... numbers);
  void put_padded(std::span<const std::uint8_t> bytes);
  void put_section();
  void put_interface(const std::string& name);

  OutputFile file_;
  bool several_;
  std::vector<std::string> interfaces_;  ///< of a growing capture
};

}  // namespace sluice::replay

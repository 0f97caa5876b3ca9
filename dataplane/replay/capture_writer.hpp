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

  /// `time` since 1970. What goes wrong is told by close().
  void write(PortId port, Nanoseconds time, std::span<const std::uint8_t> frame);
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
};

}  // namespace sluice::replay

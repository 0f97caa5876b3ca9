/// The words of libbpf's errors.
#pragma once

#include <array>
#include <string>

#include <bpf/libbpf.h>

namespace sluice::ebpf {

/// `error` is a number of errno, also negated.
[[nodiscard]] inline std::string reason(int error) {
  std::array<char, 128> text{};
  libbpf_strerror(error, text.data(), text.size());
  return text.data();
}

}  // namespace sluice::ebpf

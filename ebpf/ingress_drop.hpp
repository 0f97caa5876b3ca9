/// Keeps the kernel's stack from handling what an interface receives, where AF_PACKET sockets take
/// it too: else both would answer.
#pragma once

#include <string>

#include "dataplane/runtime/result.hpp"

namespace sluice::ebpf {

/// A classifier at the ingress of an interface that drops every frame after the AF_PACKET sockets
/// have got it. Taken off by the destructor; after a kill it stays until the next `attach` on the
/// interface takes its place, or `tc qdisc del dev INTERFACE clsact`. Needs cap_net_admin and
/// cap_bpf.
class IngressDrop {
 public:
  [[nodiscard]] static Result<IngressDrop> attach(const std::string& interface);
  IngressDrop(IngressDrop&& other) noexcept : index_(std::exchange(other.index_, 0)) {}
  IngressDrop& operator=(IngressDrop&& other) noexcept {
    std::swap(index_, other.index_);
    return *this;
  }
  ~IngressDrop();

 private:
  explicit IngressDrop(int index) : index_(index) {}
  int index_;  ///< of the interface; 0: nothing to take off
};

}  // namespace sluice::ebpf

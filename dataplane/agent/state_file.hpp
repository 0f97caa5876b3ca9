/// The last good snapshot on disk: what a data plane starts from while its control daemon is away.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "dataplane/runtime/result.hpp"
#include "sluice/v1/steering.pb.h"

namespace sluice::agent {

/// Two files in the state folder: the snapshot, and what health checks last said. A save either
/// replaces a file whole, durably, or leaves it as it was; what a crash or a disk tore is noticed
/// by its checksum.
class StateFile {
 public:
  explicit StateFile(std::string folder);

  /// Returns when the snapshot is on stable storage. The file that was there is kept on an error.
  [[nodiscard]] Result<void> save(const v1::Snapshot& snapshot) const;
  /// Nothing if none was ever saved; an error if it cannot be read or is damaged.
  [[nodiscard]] Result<std::optional<v1::Snapshot>> load() const;

  [[nodiscard]] Result<void> save_health(const v1::Health& health) const;
  [[nodiscard]] Result<std::optional<v1::Health>> load_health() const;

  [[nodiscard]] const std::string& path() const { return path_; }
  [[nodiscard]] std::string health_path() const { return folder_ + "/health"; }

 private:
  [[nodiscard]] Result<void> put(const std::string& path, std::string_view body) const;
  template <class Message>
  [[nodiscard]] Result<std::optional<Message>> get(const std::string& path) const;

  std::string folder_;
  std::string path_;
};

}  // namespace sluice::agent

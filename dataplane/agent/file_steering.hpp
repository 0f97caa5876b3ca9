/// States from a file of documents, as `sluice apply` takes it: a data plane that runs alone.
#pragma once

#include <string>
#include <vector>

#include "dataplane/agent/plane.hpp"
#include "dataplane/agent/steering.hpp"

namespace sluice::agent {

/// A state as it was read, with where each field stands.
struct FileState {
  v1::DesiredState state;
  model::Places places;
  std::vector<v1::Problem> problems;  ///< not empty: the state is not to be used
};
/// Reads and validates the file.
[[nodiscard]] FileState read_state_file(const std::string& path);

class FileSteering final : public Steering {
 public:
  FileSteering(std::string path, Plane& plane) : path_(std::move(path)), plane_(plane) {}

  [[nodiscard]] std::vector<v1::Problem> begin() override { return apply(); }
  void turn(Nanoseconds) override {}
  /// Reads the file again. What is wrong is logged, and the live state stays.
  void reload() override;

 private:
  [[nodiscard]] std::vector<v1::Problem> apply();

  std::string path_;
  Plane& plane_;
  std::uint64_t revision_ = 0;  ///< counts what was applied
};

}  // namespace sluice::agent

/// What was asked for on the command line, and how commands end.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "sluice/v1/steering.pb.h"

namespace sluice::cli {

enum class Exit : int { done = 0, refused = 1, usage = 2 };

enum class Output : std::uint8_t { table, json, yaml };

/// How to reach the daemon.
struct Target {
  std::string address = "/run/sluice/control.sock";  ///< a path, or ADDRESS:PORT with mutual TLS
  std::string certificate;
  std::string key;
  std::string authority;
};

struct Invocation {
  Target target;
  Output output = Output::table;
  std::vector<std::string> files;
  bool dry_run = false;
  bool replace = false;
  std::string comment;
  std::string wait = "5s";  ///< for data planes to acknowledge
  std::string stagger;      ///< time between the steps of a change; empty: in one
  std::uint64_t base_revision = 0;
  std::string kind;
  std::string name;
  std::string node;  ///< empty: the only one
  std::uint64_t revision = 0;
  std::uint32_t limit = 0;
  v1::TraceFilter filter;
  std::uint32_t snap = 1522;      ///< of `capture`: bytes of each frame
  std::vector<std::string> flow;  ///< of `why`: protocol, source, destination
  std::string in_port;
  std::string tcp_flags, query_name, query_type;  ///< of `why`, as they were written
  bool once = false;
  std::string in_file, out_file, verdicts_file;  ///< of `replay`
  bool cycles = false;
  unsigned burst = 1;
};

}  // namespace sluice::cli

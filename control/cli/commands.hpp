/// The commands of `sluice`, a function each. main.cpp parses the command line and calls one.
#pragma once

#include "control/cli/invocation.hpp"

namespace sluice::cli {

// state_commands.cpp
Exit apply(const Invocation& invocation);
Exit diff(const Invocation& invocation);
Exit validate(const Invocation& invocation);
Exit remove(const Invocation& invocation);
Exit rollback(const Invocation& invocation);
Exit history(const Invocation& invocation);

// get_commands.cpp
Exit get(const Invocation& invocation);
Exit describe(const Invocation& invocation);

// live_commands.cpp
Exit status(const Invocation& invocation);
Exit trace(const Invocation& invocation);
Exit capture(const Invocation& invocation);
Exit show_counters(const Invocation& invocation);
Exit version(const Invocation& invocation);

// ask_commands.cpp
Exit why(const Invocation& invocation);
Exit show_table(const Invocation& invocation, const std::string& table);

// top.cpp
Exit top(const Invocation& invocation);

// explain.cpp
Exit explain(const Invocation& invocation);

// replay.cpp
Exit replay_capture(const Invocation& invocation);

// doctor.cpp
Exit doctor(const Invocation& invocation);

}  // namespace sluice::cli

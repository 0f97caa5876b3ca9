/// Giving up root once start-up no longer needs it.
#pragma once

#include <string>
#include <vector>

#include <sys/types.h>

#include "dataplane/runtime/result.hpp"

namespace sluice {

/// A user and group to run as.
struct Identity {
  uid_t user = 0;
  gid_t group = 0;
};

/// Looks up "USER" (with its login group) or "USER:GROUP".
[[nodiscard]] Result<Identity> find_identity(const std::string& run_as);

/// Becomes `identity`, without supplementary groups, keeping of the capabilities only those in
/// `keep` ("cap_net_admin", ...). Threads started later inherit them; so it must be called before
/// those that need them are. Threads that exist keep no capability at all.
[[nodiscard]] Result<void> drop_privileges(const Identity& identity,
                                           const std::vector<std::string>& keep);

}  // namespace sluice

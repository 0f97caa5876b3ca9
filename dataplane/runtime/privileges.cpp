#include "dataplane/runtime/privileges.hpp"

#include <cerrno>
#include <cstring>
#include <memory>

#include <fmt/format.h>
#include <grp.h>
#include <pwd.h>
#include <sys/capability.h>
#include <sys/prctl.h>
#include <unistd.h>

namespace sluice {
namespace {

tl::unexpected<Error> system_fail(const std::string& what) {
  return fail(fmt::format("{}: {}", what, std::strerror(errno)), "run_as",
              "start as root, or leave run_as out");
}

/// Replaces the calling thread's capabilities by those named.
Result<void> set_capabilities(const std::vector<std::string>& names) {
  const std::unique_ptr<std::remove_pointer_t<cap_t>, int (*)(void*)> wanted(cap_init(), cap_free);
  for (const std::string& name : names) {
    cap_value_t value = 0;
    if (cap_from_name(name.c_str(), &value) != 0) {
      return fail(fmt::format("unknown capability '{}'", name), "run_as");
    }
    for (const cap_flag_t set : {CAP_PERMITTED, CAP_EFFECTIVE}) {
      cap_set_flag(wanted.get(), set, 1, &value, CAP_SET);
    }
  }
  if (cap_set_proc(wanted.get()) != 0) return system_fail("cannot keep the capabilities needed");
  return {};
}

}  // namespace

Result<Identity> find_identity(const std::string& run_as) {
  const std::size_t colon = run_as.find(':');
  const std::string user_name = run_as.substr(0, colon);
  const passwd* user = getpwnam(user_name.c_str());
  if (user == nullptr) {
    return fail(fmt::format("there is no user '{}'", user_name), "run_as",
                fmt::format("add it (adduser --system {}), or name another", user_name));
  }
  Identity identity{user->pw_uid, user->pw_gid};
  if (colon != std::string::npos) {
    const std::string group_name = run_as.substr(colon + 1);
    const group* found = getgrnam(group_name.c_str());
    if (found == nullptr) {
      return fail(fmt::format("there is no group '{}'", group_name), "run_as",
                  fmt::format("add it (addgroup --system {}), or name another", group_name));
    }
    identity.group = found->gr_gid;
  }
  return identity;
}

Result<void> drop_privileges(const Identity& identity, const std::vector<std::string>& keep) {
  if (prctl(PR_SET_KEEPCAPS, 1L, 0L, 0L, 0L) != 0) return system_fail("cannot keep capabilities");
  if (setgroups(0, nullptr) != 0) return system_fail("cannot leave supplementary groups");
  if (setresgid(identity.group, identity.group, identity.group) != 0) {
    return system_fail("cannot change the group");
  }
  if (setresuid(identity.user, identity.user, identity.user) != 0) {
    return system_fail("cannot change the user");
  }
  if (auto kept = set_capabilities(keep); !kept) return kept;
  prctl(PR_SET_NO_NEW_PRIVS, 1L, 0L, 0L, 0L);
  return {};
}

}  // namespace sluice

#include "dataplane/runtime/core.hpp"

#include <algorithm>
#include <csignal>
#include <cstring>
#include <future>
#include <system_error>

#include <fmt/format.h>
#include <pthread.h>
#include <sched.h>
#include <sys/prctl.h>

namespace sluice {
namespace {

/// Blocks every signal while it lives; a thread started meanwhile keeps them blocked.
class SignalsBlocked {
 public:
  SignalsBlocked() {
    sigset_t all;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before_);
  }
  ~SignalsBlocked() { pthread_sigmask(SIG_SETMASK, &before_, nullptr); }
  SignalsBlocked(const SignalsBlocked&) = delete;
  SignalsBlocked& operator=(const SignalsBlocked&) = delete;

 private:
  sigset_t before_;
};

Result<void> pin(pthread_t thread, unsigned core) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(core, &set);
  if (const int error = pthread_setaffinity_np(thread, sizeof set, &set); error != 0) {
    return fail(fmt::format("cannot pin a thread to the core: {}", std::strerror(error)),
                fmt::format("core {}", core));
  }
  return {};
}

}  // namespace

std::vector<unsigned> allowed_cores() {
  std::vector<unsigned> cores;
  cpu_set_t set;
  CPU_ZERO(&set);
  if (sched_getaffinity(0, sizeof set, &set) != 0) return cores;
  for (unsigned core = 0; core < CPU_SETSIZE; ++core) {
    if (CPU_ISSET(core, &set)) cores.push_back(core);
  }
  return cores;
}

Result<void> check_core(unsigned core, const std::vector<unsigned>& allowed) {
  if (std::binary_search(allowed.begin(), allowed.end(), core)) return {};
  return fail("there is no such core, or this process may not use it", fmt::format("core {}", core),
              fmt::format("use one of {}", fmt::join(allowed, ", ")));
}

Result<std::thread> start_thread(const std::string& name, unsigned core,
                                 std::function<void()> body) {
  std::promise<Result<void>> pinned;
  std::future<Result<void>> outcome = pinned.get_future();
  try {
    const SignalsBlocked blocked;
    std::thread thread([&pinned, name, core, run = std::move(body)] {
      pthread_setname_np(pthread_self(), name.substr(0, 15).c_str());
      const Result<void> result = pin(pthread_self(), core);
      const bool good = result.has_value();
      pinned.set_value(result);  // the last use of `pinned`: the starter goes on from here
      if (good) run();
    });
    const Result<void> result = outcome.get();
    if (result) return thread;
    thread.join();
    return tl::unexpected(result.error());
  } catch (const std::system_error& error) {
    return fail(fmt::format("cannot start a thread: {}", error.what()), name,
                "raise the limit of processes (ulimit -u)");
  }
}

Result<void> pin_this_thread(unsigned core) {
  return pin(pthread_self(), core);
}

void use_precise_sleeps() {
  prctl(PR_SET_TIMERSLACK, 1UL, 0UL, 0UL, 0UL);
}

}  // namespace sluice

#include "dataplane/start/events.hpp"

#include <array>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <utility>

#include <poll.h>
#include <sys/eventfd.h>
#include <sys/signalfd.h>
#include <unistd.h>

namespace sluice::start {

Result<Events> Events::open() {
  sigset_t set;
  sigemptyset(&set);
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) sigaddset(&set, signal);
  pthread_sigmask(SIG_BLOCK, &set, nullptr);
  std::signal(SIGPIPE, SIG_IGN);  // a reader that went away is an error of the write
  const int signals = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
  const int wakes = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
  if (signals < 0 || wakes < 0) {
    return fail(std::string("cannot wait for signals: ") + std::strerror(errno), "signalfd");
  }
  return Events(signals, wakes);
}

Events::Events(Events&& other) noexcept
    : signals_(std::exchange(other.signals_, -1)), wakes_(std::exchange(other.wakes_, -1)) {}

Events::~Events() {
  if (signals_ >= 0) close(signals_);
  if (wakes_ >= 0) close(wakes_);
}

Events::Happened Events::wait(Nanoseconds timeout) const {
  std::array<pollfd, 2> files = {{{signals_, POLLIN, 0}, {wakes_, POLLIN, 0}}};
  (void)poll(files.data(), files.size(), static_cast<int>(timeout / kMillisecond));
  std::uint64_t wakes = 0;
  (void)!read(wakes_, &wakes, sizeof wakes);  // resets it; nothing to read is as good
  Happened happened;
  signalfd_siginfo info{};
  while (read(signals_, &info, sizeof info) == sizeof info) {
    (info.ssi_signo == SIGHUP ? happened.reload : happened.end) = true;
  }
  return happened;
}

void Events::wake() const {
  const std::uint64_t one = 1;
  (void)!write(wakes_, &one, sizeof one);  // fails only when it is awake already
}

}  // namespace sluice::start

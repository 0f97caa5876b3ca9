#include "dataplane/runtime/patience.hpp"

#include <algorithm>
#include <chrono>
#include <thread>

#include "dataplane/runtime/log.hpp"

namespace sluice {

bool Patience::wait(std::string_view what, std::string_view where) {
  if (left_ == 0) return false;
  if (!said_) {
    log_info(
        "waiting",
        {{"for", what}, {"where", where}, {"seconds_at_most", (left_ + kSecond - 1) / kSecond}});
  }
  said_ = true;
  std::this_thread::sleep_for(std::chrono::nanoseconds(kInterval));
  left_ -= std::min(left_, kInterval);
  return true;
}

}  // namespace sluice

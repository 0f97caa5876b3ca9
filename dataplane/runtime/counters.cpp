#include "dataplane/runtime/counters.hpp"

#include <algorithm>

namespace sluice {

Slot SlotRegistry::slot_of(std::string_view name) {
  const std::lock_guard lock(mutex_);
  std::string key(name);
  if (const auto found = slots_.find(key); found != slots_.end()) return found->second;
  const auto next = static_cast<Slot>(slots_.size() + 1);  // slot 0 is kNoSlot
  if (next >= limit_) {
    ++exhausted_;
    return kNoSlot;
  }
  slots_.emplace(std::move(key), next);
  return next;
}

std::vector<std::pair<std::string, Slot>> SlotRegistry::all() const {
  const std::lock_guard lock(mutex_);
  std::vector<std::pair<std::string, Slot>> out(slots_.begin(), slots_.end());
  std::sort(out.begin(), out.end());
  return out;
}

std::uint64_t SlotRegistry::exhausted() const {
  const std::lock_guard lock(mutex_);
  return exhausted_;
}

}  // namespace sluice

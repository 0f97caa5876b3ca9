#include "dataplane/io/timers.hpp"

#include <algorithm>

namespace sluice::io {

Timers::Timers(Nanoseconds now) : tick_(now / kTick) {
  for (auto& level : wheel_) {
    for (Timer& head : level) head.previous_ = head.next_ = &head;
  }
}

void Timers::set(Timer& timer, Nanoseconds when, Timer::Fire fire, void* argument) {
  cancel(timer);
  timer.when_ = when;
  timer.fire_ = fire;
  timer.argument_ = argument;
  link(timer);
  ++size_;
}

void Timers::cancel(Timer& timer) {
  if (!timer.is_set()) return;
  unlink(timer);
  --size_;
}

void Timers::link(Timer& timer) {
  // Rounded up, so that it never fires early; what is further away than the wheel reaches waits in
  // the last slot and is looked at again from there.
  const std::uint64_t due = std::max((timer.when_ + kTick - 1) / kTick, tick_);
  const std::uint64_t away = due - tick_;
  unsigned level = 0;
  while (level + 1 < kLevels && away >= (std::uint64_t{1} << (kBits * (level + 1)))) ++level;
  const std::uint64_t reach = (std::uint64_t{1} << (kBits * kLevels)) - 1;
  const std::uint64_t at = tick_ + std::min(away, reach);
  Timer& head = wheel_[level][(at >> (kBits * level)) & (kSlots - 1)];
  timer.previous_ = head.previous_;
  timer.next_ = &head;
  head.previous_->next_ = &timer;
  head.previous_ = &timer;
}

void Timers::unlink(Timer& timer) {
  timer.previous_->next_ = timer.next_;
  timer.next_->previous_ = timer.previous_;
  timer.previous_ = timer.next_ = nullptr;
}

void Timers::cascade(unsigned level) {
  const auto slot = (tick_ >> (kBits * level)) & (kSlots - 1);
  if (slot == 0 && level + 1 < kLevels) cascade(level + 1);
  Timer& head = wheel_[level][slot];
  // Taken off first: a timer at the edge of the wheel's reach may be linked into this very list
  // again.
  Timer taken;
  if (head.next_ == &head) return;
  taken.next_ = head.next_;
  taken.previous_ = head.previous_;
  taken.next_->previous_ = taken.previous_->next_ = &taken;
  head.previous_ = head.next_ = &head;
  while (taken.next_ != &taken) {
    Timer& timer = *taken.next_;
    unlink(timer);
    link(timer);
  }
  taken.previous_ = taken.next_ = nullptr;
}

void Timers::advance(Nanoseconds now) {
  const std::uint64_t target = now / kTick;
  while (tick_ <= target) {
    const std::uint64_t soonest = next(target * kTick + kTick) / kTick;
    if (soonest > tick_) {
      // Nothing is due before: go there at once, but not past a cascade.
      tick_ = std::min(soonest, target + 1);
    } else {
      fire_slot();
      ++tick_;
    }
    if ((tick_ & (kSlots - 1)) == 0) cascade(1);
  }
}

void Timers::fire_slot() {
  Timer& head = wheel_[0][tick_ & (kSlots - 1)];
  while (head.next_ != &head) {
    Timer& timer = *head.next_;
    unlink(timer);
    --size_;
    timer.fire_(timer.argument_);
  }
}

Nanoseconds Timers::next(Nanoseconds none) const {
  if (size_ == 0) return none;
  // The rest of the lowest level is exact; beyond it, the next cascade is early enough.
  std::uint64_t tick = tick_;
  do {
    const Timer& head = wheel_[0][tick & (kSlots - 1)];
    if (head.next_ != &head) break;
    ++tick;
  } while ((tick & (kSlots - 1)) != 0);
  return tick * kTick;
}

}  // namespace sluice::io

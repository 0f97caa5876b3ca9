// The flow table's dealings with other workers: where the replies of translated flows belong.
#include <algorithm>

#include "dataplane/balancer/flow_table.hpp"

namespace sluice::balancer {
namespace {

/// Redirects looked at for one past its time, when all records are taken.
constexpr std::uint32_t kRedirectScan = 32;

}  // namespace

/// Posts now, and again when half of the lifetime has passed and the flow still lives.
void FlowTable::post_redirect(std::uint32_t index, Ticks lifetime, Ticks now) {
  if (outbox_.size() == outbox_.capacity()) {
    stats_.redirects_lost.add(1);
    return;  // the flow's next packet tries again
  }
  outbox_.push_back({reply_key(index), worker_, lifetime});
  posted_[index] = now + lifetime / 2;
}

unsigned FlowTable::take_redirects(std::span<Redirect> out) {
  const std::size_t n = std::min(out.size(), outbox_.size());
  const auto end = outbox_.begin() + static_cast<std::ptrdiff_t>(n);
  std::copy(outbox_.begin(), end, out.begin());
  outbox_.erase(outbox_.begin(), end);
  return static_cast<unsigned>(n);
}

/// Sees to it that a redirect record is free.
bool FlowTable::take_redirect_record(Ticks now) {
  const auto size = static_cast<std::uint32_t>(redirects_.size());
  for (std::uint32_t n = std::min(kRedirectScan, size); free_redirects_.empty() && n != 0; --n) {
    if (reached(now, redirects_[redirect_hand_].expires)) remove_redirect(redirect_hand_);
    redirect_hand_ = redirect_hand_ + 1 == size ? 0 : redirect_hand_ + 1;
  }
  return !free_redirects_.empty();
}

void FlowTable::add_redirect(const Redirect& redirect, Ticks now) {
  if (!shared_ || redirect.worker == worker_) return;
  const std::uint64_t at = hash(redirect.key);
  const Hit hit = confirm(redirect.key, at, probe(at), now);
  if (hit.side == Side::reply) return;  // the flow lives here: the other worker's is an older one
  if (hit.side == Side::redirect) {
    RedirectRecord& record = redirects_[hit.index];
    record.worker = redirect.worker;
    record.expires = now + redirect.lifetime;
    return;
  }
  if (!take_redirect_record(now)) {
    stats_.redirects_lost.add(1);
    return;
  }
  const std::uint32_t index = free_redirects_.back();
  free_redirects_.pop_back();
  redirects_[index] = {redirect.key, now + redirect.lifetime, redirect.worker, true};
  if (!place(at, reference_of(Side::redirect, index), now)) {
    redirects_[index] = {};
    free_redirects_.push_back(index);
    stats_.redirects_lost.add(1);
    return;
  }
  stats_.redirects_live.set(++redirects_live_);
}

void FlowTable::remove_redirect(std::uint32_t index) {
  displace(hash_of(redirects_[index].key, seed_), reference_of(Side::redirect, index));
  redirects_[index] = {};
  free_redirects_.push_back(index);
  stats_.redirects_live.set(--redirects_live_);
}

}  // namespace sluice::balancer

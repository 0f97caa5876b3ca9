/// Builds the tables of a Classifier: a sweep over the interval ends of each dimension.
#include <algorithm>
#include <map>
#include <unordered_map>

#include "dataplane/firewall/classifier/classifier.hpp"

namespace sluice::firewall {
namespace {

/// Where the entries of a set begin or cease to accept.
struct Event {
  Number at;
  std::uint32_t group;
  bool begins;
};

struct RowStep {
  Number start;
  std::uint32_t row;
};

template <class Map, class Key>
Map map_of(const std::vector<RowStep>& steps) {
  std::vector<typename Map::Step> out;
  out.reserve(steps.size());
  for (const RowStep& step : steps) out.push_back({static_cast<Key>(step.start), step.row});
  return Map(std::move(out));
}

}  // namespace

class Classifier::Builder {
 public:
  explicit Builder(std::span<const Conditions> entries) : entries_(entries) {
    out_.size_ = static_cast<std::uint32_t>(entries.size());
    out_.words_ = (out_.size_ + 63) / 64;
    out_.aggregated_ = out_.words_ > 4;
    out_.stride_ = out_.words_ + (out_.aggregated_ ? (out_.words_ + 63) / 64 : 0);
    std::vector<std::uint64_t> all(out_.words_);
    for (std::uint32_t i = 0; i < out_.size_; ++i) all[i / 64] |= std::uint64_t{1} << (i % 64);
    row_of(all);
    out_.needs_large_.resize(out_.words_);
  }

  Result<Classifier> run() {
    for (unsigned d = 0; d < kDimensions && !too_large_; ++d) {
      const bool asked = std::any_of(entries_.begin(), entries_.end(),
                                     [d](const Conditions& entry) { return entry[d] != nullptr; });
      if (asked) add_dimension(d);
    }
    if (too_large_)
      return fail("the rules of a chain need more than " +
                      std::to_string(kClassifierBytesMax >> 20U) + " MiB of tables",
                  {}, "split the chain by protocol or port into chains that it jumps to");
    return std::move(out_);
  }

 private:
  void add_dimension(unsigned d) {
    group(d);
    const std::uint32_t absent = row_of(base_);
    const std::vector<RowStep> steps = sweep(largest_of(static_cast<Dimension>(d)));
    if (d < kSmallDimensions) return add_small(d, absent, steps);
    for (std::uint32_t i = 0; i < out_.size_; ++i)
      if (entries_[i][d]) out_.needs_large_[i / 64] |= std::uint64_t{1} << (i % 64);
    switch (static_cast<Dimension>(d)) {
      case Dimension::source_port:
      case Dimension::destination_port: {
        const unsigned end = d - index_of(Dimension::source_port);
        out_.ports_[end] = map_of<PortMap, std::uint16_t>(steps);
        out_.no_port_[end] = absent;
        return;
      }
      case Dimension::source4:
      case Dimension::destination4:
        out_.addresses4_[d - index_of(Dimension::source4)] = map_of<Map4, std::uint32_t>(steps);
        return;
      default:
        out_.addresses6_[d - index_of(Dimension::source6)] = map_of<Map6, Number>(steps);
        return;
    }
  }

  void add_small(unsigned d, std::uint32_t absent, const std::vector<RowStep>& steps) {
    SmallTable table;
    std::size_t step = 0;
    for (std::uint32_t value = 0; value < 256; ++value) {
      while (step + 1 < steps.size() && steps[step + 1].start <= value) ++step;
      table[value] = steps[step].row;
    }
    table[PacketView::kAbsent] = absent;
    out_.small_.emplace_back(static_cast<std::uint8_t>(d), table);
  }

  /// Entries that share one set are one group; base_ has those that do not ask.
  void group(unsigned d) {
    groups_.clear();
    members_.clear();
    base_.assign(out_.words_, 0);
    std::unordered_map<const ValueSet*, std::uint32_t> index;
    for (std::uint32_t i = 0; i < out_.size_; ++i) {
      const ValueSet* set = entries_[i][d].get();
      if (set == nullptr) {
        base_[i / 64] |= std::uint64_t{1} << (i % 64);
        continue;
      }
      const auto [at, fresh] = index.emplace(set, static_cast<std::uint32_t>(groups_.size()));
      if (fresh) {
        groups_.push_back(set);
        members_.emplace_back();
      }
      members_[at->second].push_back(i);
    }
  }

  std::vector<RowStep> sweep(Number largest) {
    std::vector<Event> events;
    for (std::uint32_t g = 0; g < groups_.size(); ++g) {
      for (const Interval& interval : groups_[g]->intervals()) {
        events.push_back({interval.low, g, true});
        if (interval.high < largest) events.push_back({interval.high + 1, g, false});
      }
    }
    std::sort(events.begin(), events.end(),
              [](const Event& a, const Event& b) { return a.at < b.at; });
    std::vector<std::uint64_t> now = base_;
    std::vector<RowStep> steps;
    if (events.empty() || events.front().at != 0) steps.push_back({0, row_of(now)});
    for (std::size_t i = 0; i < events.size() && !too_large_;) {
      const Number at = events[i].at;
      for (; i < events.size() && events[i].at == at; ++i)
        for (const std::uint32_t member : members_[events[i].group])
          now[member / 64] ^= std::uint64_t{1} << (member % 64);
      steps.push_back({at, row_of(now)});
    }
    return steps;
  }

  /// The index of an equal row, or of a new one.
  std::uint32_t row_of(const std::vector<std::uint64_t>& bits) {
    std::uint64_t hash = 0x9e3779b97f4a7c15;
    for (const std::uint64_t word : bits) hash = (hash ^ word) * 0xff51afd7ed558ccd + (hash >> 29U);
    const auto [first, last] = known_.equal_range(hash);
    for (auto at = first; at != last; ++at)
      if (std::equal(bits.begin(), bits.end(), out_.row(at->second))) return at->second;
    const auto index = static_cast<std::uint32_t>(rows_++);
    if ((rows_ * out_.stride_) * sizeof(std::uint64_t) > kClassifierBytesMax) {
      too_large_ = true;
      return 0;
    }
    out_.bits_.insert(out_.bits_.end(), bits.begin(), bits.end());
    if (out_.aggregated_) append_aggregate(bits);
    known_.emplace(hash, index);
    return index;
  }

  void append_aggregate(const std::vector<std::uint64_t>& bits) {
    for (std::size_t word = 0; word < bits.size(); word += 64) {
      std::uint64_t aggregate = 0;
      for (std::size_t i = word; i < std::min(word + 64, bits.size()); ++i)
        if (bits[i] != 0) aggregate |= std::uint64_t{1} << (i - word);
      out_.bits_.push_back(aggregate);
    }
  }

  std::span<const Conditions> entries_;
  Classifier out_;
  std::unordered_multimap<std::uint64_t, std::uint32_t> known_;
  std::size_t rows_ = 0;
  bool too_large_ = false;
  std::vector<const ValueSet*> groups_;
  std::vector<std::vector<std::uint32_t>> members_;
  std::vector<std::uint64_t> base_;
};

Result<Classifier> Classifier::build(std::span<const Conditions> entries) {
  if (entries.empty()) return Classifier();
  return Builder(entries).run();
}

}  // namespace sluice::firewall

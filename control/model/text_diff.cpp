#include "control/model/text_diff.hpp"

#include <algorithm>

namespace sluice::model {
namespace {

using Lines = std::vector<std::string_view>;

/// Cells of the table of common subsequences; larger middles are shown as replaced whole.
constexpr std::size_t kCellsMax = 4'000'000;

Lines split(std::string_view text) {
  Lines lines;
  while (!text.empty()) {
    const auto end = text.find('\n');
    lines.push_back(text.substr(0, end));
    text = end == std::string_view::npos ? std::string_view{} : text.substr(end + 1);
  }
  return lines;
}

/// Lengths of the longest common subsequences of all tails of two lists.
class CommonTails {
 public:
  CommonTails(const Lines& a, const Lines& b)
      : width_(b.size() + 1), cells_((a.size() + 1) * width_, 0) {
    for (std::size_t i = a.size(); i-- > 0;) {
      for (std::size_t j = b.size(); j-- > 0;) {
        cell(i, j) = a[i] == b[j] ? at(i + 1, j + 1) + 1 : std::max(at(i + 1, j), at(i, j + 1));
      }
    }
  }
  [[nodiscard]] unsigned at(std::size_t i, std::size_t j) const { return cells_[i * width_ + j]; }

 private:
  unsigned& cell(std::size_t i, std::size_t j) { return cells_[i * width_ + j]; }
  std::size_t width_;
  std::vector<unsigned> cells_;
};

std::string entry(std::size_t number, char sign, std::string_view line) {
  return std::to_string(number) + ": " + sign + " " + std::string(line);
}

}  // namespace

std::vector<std::string> diff_lines(std::string_view before, std::string_view after,
                                    std::size_t limit) {
  if (before == after) return {};
  const Lines a = split(before);
  const Lines b = split(after);
  std::size_t head = 0;
  while (head < a.size() && head < b.size() && a[head] == b[head]) ++head;
  std::size_t tail = 0;
  while (tail < a.size() - head && tail < b.size() - head &&
         a[a.size() - 1 - tail] == b[b.size() - 1 - tail]) {
    ++tail;
  }
  const auto middle = [&](const Lines& lines) {
    return Lines(lines.begin() + static_cast<std::ptrdiff_t>(head),
                 lines.end() - static_cast<std::ptrdiff_t>(tail));
  };
  const Lines olds = middle(a);
  const Lines news = middle(b);
  const bool small = (olds.size() + 1) * (news.size() + 1) <= kCellsMax;
  const CommonTails common(small ? olds : Lines{}, small ? news : Lines{});
  std::vector<std::string> out;
  for (std::size_t i = 0, j = 0; i < olds.size() || j < news.size();) {
    if (small && i < olds.size() && j < news.size() && olds[i] == news[j]) {
      ++i, ++j;
    } else if (i < olds.size() &&
               (j == news.size() || !small || common.at(i + 1, j) >= common.at(i, j + 1))) {
      out.push_back(entry(head + i + 1, '-', olds[i]));
      ++i;
    } else {
      out.push_back(entry(head + j + 1, '+', news[j]));
      ++j;
    }
  }
  if (out.empty()) out.emplace_back(" the last line's end");
  if (out.size() > limit) {
    const std::size_t more = out.size() - limit;
    out.resize(limit);
    out.push_back(" and " + std::to_string(more) + " more lines");
  }
  return out;
}

}  // namespace sluice::model

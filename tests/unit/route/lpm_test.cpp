#include "dataplane/route/lpm.hpp"

#include <algorithm>
#include <map>
#include <random>

#include <gtest/gtest.h>

#include "dataplane/packet/address.hpp"

namespace sluice::route {
namespace {

/// Longest prefix by trying every length: the oracle.
class Model {
 public:
  void add(const Prefix& p, LpmValue value) { all_[p] = value; }
  [[nodiscard]] LpmValue find(const IpAddress& address) const {
    const unsigned bits = address.is_v4() ? 32 : 128;
    for (unsigned length = bits + 1; length-- > 0;) {
      const auto it = all_.find(Prefix{address, static_cast<std::uint8_t>(length)}.network());
      if (it != all_.end()) return it->second;
    }
    return 0;
  }
  [[nodiscard]] const std::map<Prefix, LpmValue>& all() const { return all_; }

 private:
  std::map<Prefix, LpmValue> all_;
};

/// Addresses share their first bytes, so that prefixes nest.
IpAddress random_address(std::mt19937& random, bool v4) {
  std::array<std::uint8_t, 16> bytes{};
  for (auto& b : bytes) b = static_cast<std::uint8_t>(random() % 4 == 0 ? random() : random() % 3);
  return IpAddress::from(bytes.data(), v4 ? 4 : 16);
}

template <class Trie>
void compare_with_model(bool v4, unsigned seed) {
  std::mt19937 random(seed);
  Model model;
  const unsigned bits = v4 ? 32 : 128;
  for (unsigned i = 1; i <= 500; ++i) {
    const auto length = static_cast<std::uint8_t>(random() % (bits + 1));
    model.add(Prefix{random_address(random, v4), length}.network(), i);
  }
  std::vector<std::pair<Prefix, LpmValue>> sorted(model.all().begin(), model.all().end());
  std::stable_sort(sorted.begin(), sorted.end(),
                   [](const auto& a, const auto& b) { return a.first.length < b.first.length; });
  Trie trie;
  for (const auto& [prefix, value] : sorted)
    ASSERT_TRUE(trie.add(prefix.address.network(), prefix.length, value));
  const auto check = [&](const IpAddress& address) {
    EXPECT_EQ(model.find(address), trie.find(address.network())) << address.text();
  };
  for (int i = 0; i < 2000; ++i) check(random_address(random, v4));
  for (const auto& [prefix, value] : sorted) {  // both ends of every prefix
    IpAddress last = prefix.address;
    for (unsigned bit = prefix.mapped_length(); bit < 128; ++bit)
      last.bytes[bit / 8] |= static_cast<std::uint8_t>(0x80U >> bit % 8);
    check(prefix.address);
    check(last);
  }
}

TEST(Lpm, AgreesWithModelV4) {
  for (unsigned seed = 0; seed < 20; ++seed) compare_with_model<Lpm4>(true, seed);
}

TEST(Lpm, AgreesWithModelV6) {
  for (unsigned seed = 0; seed < 10; ++seed) compare_with_model<Lpm6>(false, seed);
}

TEST(Lpm, EmptyMatchesNothing) {
  EXPECT_EQ(0U, Lpm4().find(IpAddress::v4(0xffffffff).network()));
  EXPECT_EQ(0U, Lpm6().find(IpAddress::parse("2001:2::1").value().network()));
}

TEST(Lpm, TakesAFullTable) {
  Lpm4 trie;
  for (std::uint32_t i = 0; i < 200'000; ++i)
    ASSERT_TRUE(trie.add(IpAddress::v4(0x0100'0000U + (i << 8U)).network(), 24, i + 1));
  for (std::uint32_t i = 0; i < 200'000; ++i)
    ASSERT_EQ(i + 1, trie.find(IpAddress::v4(0x0100'0000U + (i << 8U) + (i & 0xffU)).network()));
}

}  // namespace
}  // namespace sluice::route

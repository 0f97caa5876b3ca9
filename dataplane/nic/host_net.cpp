#include "dataplane/nic/host_net.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <iterator>

#include <fmt/format.h>
#include <linux/fib_rules.h>
#include <linux/if_addr.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <net/if.h>

#include "dataplane/nic/netlink.hpp"

namespace sluice::nic {
namespace {

constexpr std::uint32_t kTable = 7710;     // of the routes that leave through the TAP
constexpr std::uint32_t kPriority = 7710;  // of the rules that lead to it
constexpr std::uint16_t kMake = NLM_F_CREATE | NLM_F_REPLACE;

/// The next router on the TAP: link-local, so that it is nobody's address elsewhere.
IpAddress gateway_of(bool v4) {
  if (v4) return IpAddress::v4(0xa9fe4d01);  // 169.254.77.1
  IpAddress gateway;
  gateway.bytes = {0xfe, 0x80};
  gateway.bytes[15] = 1;
  return gateway;
}

std::uint8_t family_of(bool v4) {
  return static_cast<std::uint8_t>(v4 ? AF_INET : AF_INET6);
}

std::uint8_t bits_of(const IpAddress& address) {
  return static_cast<std::uint8_t>(address.network_size() * 8);
}

void add_address(NetlinkRequest& request, std::uint16_t type, const IpAddress& address) {
  request.attribute(type, address.network(), address.network_size());
}

/// Sets net.FAMILY.conf.TAP.KEY; false if the kernel has no such setting.
bool set(const char* family, const std::string& tap, const char* key, const char* value) {
  std::ofstream file(fmt::format("/proc/sys/net/{}/conf/{}/{}", family, tap, key));
  file << value << std::flush;
  return file.good();
}

int change_address(const Netlink& kernel, unsigned tap, const IpAddress& address, bool add) {
  ifaddrmsg message{};
  message.ifa_family = family_of(address.is_v4());
  message.ifa_prefixlen = bits_of(address);
  message.ifa_flags = IFA_F_NODAD | IFA_F_PERMANENT;
  message.ifa_index = tap;
  NetlinkRequest request(add ? RTM_NEWADDR : RTM_DELADDR, add ? kMake : std::uint16_t{0}, message);
  add_address(request, IFA_LOCAL, address);
  add_address(request, IFA_ADDRESS, address);
  return kernel.ask(request);
}

/// "from ADDRESS lookup 7710".
int change_rule(const Netlink& kernel, const IpAddress& address, bool add) {
  fib_rule_hdr message{};
  message.family = family_of(address.is_v4());
  message.src_len = bits_of(address);
  message.action = FR_ACT_TO_TBL;
  NetlinkRequest request(add ? RTM_NEWRULE : RTM_DELRULE,
                         add ? NLM_F_CREATE | NLM_F_EXCL : std::uint16_t{0}, message);
  add_address(request, FRA_SRC, address);
  request.attribute(FRA_PRIORITY, kPriority);
  request.attribute(FRA_TABLE, kTable);
  const int error = kernel.ask(request);
  // One that a killed predecessor left is as good.
  return add && error == EEXIST ? 0 : error;
}

int add_gateway(const Netlink& kernel, unsigned tap, bool v4, const MacAddress& mac) {
  ndmsg message{};
  message.ndm_family = family_of(v4);
  message.ndm_ifindex = static_cast<int>(tap);
  message.ndm_state = NUD_PERMANENT;
  NetlinkRequest request(RTM_NEWNEIGH, kMake, message);
  add_address(request, NDA_DST, gateway_of(v4));
  request.attribute(NDA_LLADDR, mac.bytes.data(), mac.bytes.size());
  return kernel.ask(request);
}

int add_default_route(const Netlink& kernel, unsigned tap, bool v4) {
  rtmsg message{};
  message.rtm_family = family_of(v4);
  message.rtm_protocol = RTPROT_STATIC;
  message.rtm_scope = RT_SCOPE_UNIVERSE;
  message.rtm_type = RTN_UNICAST;
  message.rtm_flags = RTNH_F_ONLINK;
  NetlinkRequest request(RTM_NEWROUTE, kMake, message);
  request.attribute(RTA_TABLE, kTable);
  request.attribute(RTA_OIF, tap);
  add_address(request, RTA_GATEWAY, gateway_of(v4));
  return kernel.ask(request);
}

int bring_up(const Netlink& kernel, unsigned tap) {
  ifinfomsg message{};
  message.ifi_index = static_cast<int>(tap);
  message.ifi_flags = IFF_UP;
  message.ifi_change = IFF_UP;
  NetlinkRequest request(RTM_NEWLINK, 0, message);
  return kernel.ask(request);
}

}  // namespace

struct HostNet::State {
  Netlink kernel;
  std::string tap;
  unsigned index = 0;
  bool v6 = true;                  // the kernel has IPv6
  std::vector<IpAddress> applied;  // sorted

  ~State() {
    for (const IpAddress& address : applied) (void)change_rule(kernel, address, false);
  }
  [[nodiscard]] tl::unexpected<Error> refused(const std::string& what, int error) const {
    return fail(fmt::format("the kernel refuses {}: {}", what, std::strerror(error)),
                "exception.tap " + tap, error == EPERM ? "start as root" : "");
  }
  [[nodiscard]] Result<void> prepare(bool v4, const MacAddress& gateway) const {
    if (const int error = add_gateway(kernel, index, v4, gateway); error != 0)
      return refused("a neighbour entry", error);
    if (const int error = add_default_route(kernel, index, v4); error != 0)
      return refused("a route", error);
    return {};
  }
};

HostNet::HostNet(std::unique_ptr<State> state) : state_(std::move(state)) {}
HostNet::HostNet(HostNet&&) noexcept = default;
HostNet& HostNet::operator=(HostNet&&) noexcept = default;
HostNet::~HostNet() = default;

Result<HostNet> HostNet::open(const std::string& tap, const MacAddress& gateway) {
  auto state = std::make_unique<State>();
  state->tap = tap;
  state->index = if_nametoindex(tap.c_str());
  if (state->index == 0) return state->refused("the TAP", ENODEV);
  // Replies to the way in are looked for by destination, which is everywhere behind us.
  (void)set("ipv4", tap, "rp_filter", "0");
  state->v6 = set("ipv6", tap, "disable_ipv6", "0");
  if (state->v6) {
    (void)set("ipv6", tap, "accept_dad", "0");
    (void)set("ipv6", tap, "accept_ra", "0");
  }
  if (const int error = bring_up(state->kernel, state->index); error != 0)
    return state->refused("to bring the TAP up", error);
  if (auto ok = state->prepare(true, gateway); !ok) return tl::unexpected(ok.error());
  if (state->v6)
    if (auto ok = state->prepare(false, gateway); !ok) return tl::unexpected(ok.error());
  return HostNet(std::move(state));
}

Result<void> HostNet::apply(std::span<const IpAddress> addresses) {
  State& s = *state_;
  std::vector<IpAddress> wanted;
  for (const IpAddress& address : addresses)
    if (address.is_v4() || s.v6) wanted.push_back(address);
  std::sort(wanted.begin(), wanted.end());
  wanted.erase(std::unique(wanted.begin(), wanted.end()), wanted.end());
  std::vector<IpAddress> gone;
  std::vector<IpAddress> fresh;
  std::set_difference(s.applied.begin(), s.applied.end(), wanted.begin(), wanted.end(),
                      std::back_inserter(gone));
  std::set_difference(wanted.begin(), wanted.end(), s.applied.begin(), s.applied.end(),
                      std::back_inserter(fresh));
  for (const IpAddress& address : gone) {
    (void)change_address(s.kernel, s.index, address, false);
    (void)change_rule(s.kernel, address, false);
    s.applied.erase(std::find(s.applied.begin(), s.applied.end(), address));
  }
  for (const IpAddress& address : fresh) {
    if (const int error = change_rule(s.kernel, address, true); error != 0)
      return s.refused("a rule for " + address.text(), error);
    // Kept before the address is added, so that its rule is taken away whatever happens.
    s.applied.insert(std::lower_bound(s.applied.begin(), s.applied.end(), address), address);
    if (const int error = change_address(s.kernel, s.index, address, true); error != 0)
      return s.refused("address " + address.text(), error);
  }
  return {};
}

}  // namespace sluice::nic

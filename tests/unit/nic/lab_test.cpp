// Ports on kernel interfaces, within a network namespace of the test's own: what is received, what
// is sent, and what the XDP program drops before. Needs root; skipped without.
#include <thread>

#include <linux/if_xdp.h>
#include <sys/mman.h>

#include "dataplane/nic/eal.hpp"
#include "dataplane/nic/host_net.hpp"
#include "dataplane/nic/kernel_interface.hpp"
#include "dataplane/nic/port.hpp"
#include "dataplane/packet/bytes.hpp"
#include "ebpf/ingress_drop.hpp"
#include "ebpf/loader.hpp"
#include "tests/unit/nic/private_network.hpp"

namespace sluice::nic {
namespace {

using std::chrono::steady_clock;

PortSpec spec(PortMode mode, std::string device) {
  PortSpec out;
  out.name = device;
  out.mode = mode;
  out.device = std::move(device);
  out.queue_size = 512;
  return out;
}

/// A broadcast UDP frame whose last byte is `mark`.
Frame frame_from(const IpAddress& source, std::uint8_t mark, unsigned vlan_tags = 0) {
  Frame frame(12, 0xff);
  for (unsigned i = 0; i < 6; ++i) frame[6 + i] = static_cast<std::uint8_t>(2 + i);
  for (unsigned i = 0; i < vlan_tags; ++i)
    frame.insert(frame.end(), {static_cast<std::uint8_t>(i == 0 && vlan_tags == 2 ? 0x88 : 0x81),
                               static_cast<std::uint8_t>(i == 0 && vlan_tags == 2 ? 0xa8 : 0), 0,
                               static_cast<std::uint8_t>(10 + i)});
  if (source.is_v4()) {
    frame.insert(frame.end(), {8, 0, 0x45, 0, 0, 46, 0, 0, 0, 0, 64, 17, 0, 0});
    frame.insert(frame.end(), source.network(), source.network() + 4);
    frame.insert(frame.end(), {198, 18, 0, 1});
  } else {
    frame.insert(frame.end(), {0x86, 0xdd, 0x60, 0, 0, 0, 0, 6, 59, 64});
    frame.insert(frame.end(), source.network(), source.network() + 16);
    frame.insert(frame.end(), source.network(), source.network() + 16);
  }
  frame.resize(std::max<std::size_t>(frame.size() + 10, 64), 0);
  frame.back() = mark;
  return frame;
}

IpAddress address(std::string_view text) {
  return *IpAddress::parse(text);
}
Prefix prefix(std::string_view text) {
  return *Prefix::parse(text);
}

class LabTest : public testing::Test {
 public:
  static void SetUpTestSuite() {
    if (!enter_private_network()) return;
    EalOptions options;
    options.file_prefix = "nic-lab-test";
    options.huge_pages = HugePages::no;
    options.megabytes = 192;
    options.buffers = kBuffers;
    static Result<Eal> eal = Eal::start(
        options, std::vector{spec(PortMode::af_xdp, "lo"), spec(PortMode::af_packet, "lo"),
                             spec(PortMode::tap, "nictap0")});
    ASSERT_TRUE(eal) << eal.error().text();
  }
  void SetUp() override {
    if (!enter_private_network()) GTEST_SKIP() << "needs root";
    // A wire of its own for each test: DPDK's AF_XDP driver keeps the socket of a queue until the
    // process ends.
    static unsigned wires = 0;
    near_ = "near" + std::to_string(wires);
    far_ = "far" + std::to_string(wires++);
    const std::string name = testing::UnitTest::GetInstance()->current_test_info()->name();
    ASSERT_TRUE(make_wire(near_, far_, name.find("EveryQueue") != std::string::npos ? 2 : 1));
  }

 protected:
  static constexpr unsigned kBuffers = 16384;
  std::string near_;
  std::string far_;

  static std::unique_ptr<Ports> open(const PortSpec& port, unsigned workers = 1) {
    auto ports = open_ports(std::vector{port}, {.workers = workers, .buffers = kBuffers});
    EXPECT_TRUE(ports) << ports.error().text();
    return ports ? std::move(*ports) : nullptr;
  }
  /// The next packet of any queue of port 0 within two seconds, and the queue it came by.
  static std::optional<std::pair<Packet, unsigned>> next(Ports& ports) {
    const auto deadline = steady_clock::now() + std::chrono::seconds(2);
    while (steady_clock::now() < deadline) {
      for (unsigned q = 0; q < ports.queues(0); ++q) {
        std::array<Packet, 1> in;
        if (ports.queue(0, q).receive(in) == 1) return std::pair{in[0], q};
      }
    }
    return std::nullopt;
  }
  static int mark_of_next(Ports& ports) {
    auto got = next(ports);
    if (!got) return -1;
    const int mark = got->first.data[got->first.length - 1];
    Packet* const back[] = {&got->first};
    ports.queue(0, got->second).release(back);
    return mark;
  }
  static void expect_both_ways(Ports& ports, const RawSocket& far) {
    for (std::uint8_t i = 1; i <= 100; ++i) {
      const Frame frame = frame_from(address("198.18.0.2"), i);
      ASSERT_TRUE(far.send(frame));
      auto got = next(ports);
      ASSERT_TRUE(got) << "frame " << int{i};
      Packet& packet = got->first;
      ASSERT_EQ(Frame(packet.data, packet.data + packet.length), frame);
      ASSERT_GE(packet.headroom, 64);
      packet.data[6] = 0x0a;  // what is written is what is sent
      Packet* const out[] = {&packet};
      ASSERT_EQ(ports.queue(0, got->second).send(out), 1U);
      const auto back = far.receive();
      ASSERT_TRUE(back) << "frame " << int{i};
      ASSERT_EQ((*back)[6], 0x0a);
      ASSERT_TRUE(std::equal(back->begin() + 7, back->end(), frame.begin() + 7, frame.end()));
    }
  }
};

TEST_F(LabTest, AfPacketBothWays) {
  auto ports = open(spec(PortMode::af_packet, near_));
  ASSERT_NE(ports, nullptr);
  const RawSocket far(far_);
  expect_both_ways(*ports, far);
  EXPECT_EQ(ports->statistics(0).rx_packets, 100U);
  EXPECT_EQ(ports->statistics(0).tx_bytes, 6400U);
}

/// IPv4 packets that the kernel's stack has seen in this namespace.
unsigned long kernel_received() {
  std::ifstream snmp("/proc/self/net/snmp");
  std::string word;
  std::string names;
  std::getline(snmp, names);  // Ip: Forwarding DefaultTTL InReceives ...
  unsigned long value = 0;
  snmp >> word >> value >> value >> value;
  return value;
}

TEST_F(LabTest, AnAfPacketPortKeepsItsFramesFromTheKernel) {
  const RawSocket far(far_);
  const auto before = kernel_received();
  {
    auto ports = open(spec(PortMode::af_packet, near_));
    ASSERT_NE(ports, nullptr);
    EXPECT_TRUE(run("tc filter show dev " + near_ + " ingress | grep -q drop"));
    for (std::uint8_t i = 1; i <= 100; ++i) {
      ASSERT_TRUE(far.send(frame_from(address("198.18.0.2"), i)));
      ASSERT_EQ(mark_of_next(*ports), i);
    }
    EXPECT_EQ(kernel_received(), before);
  }
  EXPECT_FALSE(run("tc filter show dev " + near_ + " ingress | grep -q drop"));
  const auto deadline = steady_clock::now() + std::chrono::seconds(5);
  do {
    ASSERT_TRUE(far.send(frame_from(address("198.18.0.2"), 1)));
  } while (kernel_received() == before && steady_clock::now() < deadline);
  EXPECT_GT(kernel_received(), before) << "the kernel has its interface back";
}

TEST_F(LabTest, WhatAKilledProcessLeftAtTheIngressIsReplaced) {
  auto killed = ebpf::IngressDrop::attach(near_);
  ASSERT_TRUE(killed) << killed.error().text();
  auto next = ebpf::IngressDrop::attach(near_);
  ASSERT_TRUE(next) << next.error().text();
  EXPECT_TRUE(run("test $(tc filter show dev " + near_ + " ingress | grep -c handle) = 1"));
  EXPECT_THAT(ebpf::IngressDrop::attach("nosuch0").error().text(), testing::HasSubstr("nosuch0"));
}

TEST_F(LabTest, AfPacketKeepsVlanTags) {
  auto ports = open(spec(PortMode::af_packet, near_));
  ASSERT_NE(ports, nullptr);
  const RawSocket far(far_);
  for (const unsigned tags : {1U, 2U}) {
    Frame frame = frame_from(address("198.18.0.2"), 7, tags);
    ASSERT_TRUE(far.send(frame));
    frame[12] = 0x81;  // the kernel takes the outer tag off, and the driver restores it as 802.1Q
    frame[13] = 0;
    auto got = next(*ports);
    ASSERT_TRUE(got);
    EXPECT_EQ(Frame(got->first.data, got->first.data + got->first.length), frame) << tags;
    Packet* const back[] = {&got->first};
    ports->queue(0, 0).release(back);
  }
}

TEST_F(LabTest, AfXdpBothWaysOverOneQueue) {
  auto ports = open(spec(PortMode::af_xdp, near_));
  ASSERT_NE(ports, nullptr);
  ASSERT_EQ(ports->queues(0), 1U);
  const RawSocket far(far_);
  expect_both_ways(*ports, far);
  EXPECT_EQ(ports->statistics(0).rx_packets, 100U);
}

TEST_F(LabTest, AfXdpReceivesOnEveryQueueOfTheInterface) {
  auto ports = open(spec(PortMode::af_xdp, near_), 2);
  ASSERT_NE(ports, nullptr);
  ASSERT_EQ(ports->queues(0), 2U);
  EXPECT_TRUE(ports->plan(0).software_spread);
  const RawSocket far(far_);
  expect_both_ways(*ports, far);
  // The kernel chooses the sender's queue by flow: enough flows meet both.
  std::array<unsigned, 2> by_queue{};
  for (std::uint8_t i = 0; i < 64; ++i) {
    ASSERT_TRUE(far.send(frame_from(IpAddress::v4(0xc6120000U + i * 7919U), i)));
    auto got = next(*ports);
    ASSERT_TRUE(got);
    ++by_queue[got->second];
    Packet* const back[] = {&got->first};
    ports->queue(0, got->second).release(back);
  }
  EXPECT_EQ(by_queue[0] + by_queue[1], 64U);
  EXPECT_GT(std::min(by_queue[0], by_queue[1]), 0U);
}

TEST_F(LabTest, EarlyDropIsByLongestPrefixAndCounted) {
  auto ports = open(spec(PortMode::af_xdp, near_));
  ASSERT_NE(ports, nullptr);
  const RawSocket far(far_);
  const std::vector list{prefix("198.18.66.0/24"), prefix("2001:2:66::/48"),
                         prefix("203.0.113.7/32")};
  ASSERT_TRUE(ports->set_early_drop(list));
  const std::vector dropped{
      frame_from(address("198.18.66.1"), 1), frame_from(address("198.18.66.255"), 2, 1),
      frame_from(address("203.0.113.7"), 3, 2), frame_from(address("2001:2:66::9"), 4),
      frame_from(address("2001:2:66:1::9"), 5, 1)};
  for (const Frame& frame : dropped) ASSERT_TRUE(far.send(frame));
  // They arrive in order, so the first that comes up shows that none before it does.
  ASSERT_TRUE(far.send(frame_from(address("198.18.67.1"), 100, 2)));
  EXPECT_EQ(mark_of_next(*ports), 100);
  ASSERT_TRUE(far.send(frame_from(address("203.0.113.8"), 101)));
  EXPECT_EQ(mark_of_next(*ports), 101);
  ASSERT_TRUE(far.send(frame_from(address("2001:2:67::9"), 102)));
  EXPECT_EQ(mark_of_next(*ports), 102);
  EXPECT_EQ(ports->statistics(0).early_drops, dropped.size());

  // By difference: one goes, one comes, one stays.
  ASSERT_TRUE(ports->set_early_drop(std::vector{prefix("2001:2:66::/48"), prefix("0.0.0.0/1")}));
  ASSERT_TRUE(far.send(frame_from(address("198.18.66.1"), 103)));
  EXPECT_EQ(mark_of_next(*ports), 103);
  ASSERT_TRUE(far.send(frame_from(address("10.0.0.1"), 104)));
  ASSERT_TRUE(far.send(frame_from(address("2001:2:66::1"), 105)));
  ASSERT_TRUE(far.send(frame_from(address("198.18.66.1"), 106)));
  EXPECT_EQ(mark_of_next(*ports), 106);
  EXPECT_EQ(ports->statistics(0).early_drops, dropped.size() + 2);
  ASSERT_TRUE(ports->set_early_drop({}));
  ASSERT_TRUE(far.send(frame_from(address("10.0.0.1"), 107)));
  EXPECT_EQ(mark_of_next(*ports), 107);
}

TEST_F(LabTest, TooLongAnEarlyDropListIsRefusedAndTheOldOneStays) {
  auto steering = ebpf::Steering::attach(near_, ebpf::XdpMode::native, 2);
  ASSERT_TRUE(steering) << steering.error().text();
  ASSERT_TRUE(steering->set_early_drop(std::vector{prefix("192.0.2.0/24")}));
  const std::vector three{prefix("192.0.2.1"), prefix("192.0.2.2"), prefix("192.0.2.3")};
  const auto refused = steering->set_early_drop(three);
  ASSERT_FALSE(refused);
  EXPECT_THAT(refused.error().text(), testing::HasSubstr("at most 2"));
  EXPECT_TRUE(steering->set_early_drop(std::vector{prefix("192.0.2.1"), prefix("192.0.2.2")}));
}

TEST_F(LabTest, GenericModeWorksAndIsToldFromNative) {
  PortSpec port = spec(PortMode::af_xdp, near_);
  port.xdp = "generic";
  auto ports = open(port);
  ASSERT_NE(ports, nullptr);
  EXPECT_TRUE(run("ip -d link show " + near_ + " | grep -q 'xdpgeneric'"));
  const RawSocket far(far_);
  expect_both_ways(*ports, far);
}

TEST_F(LabTest, TheProgramLeavesWithThePortAndAnotherOnesIsNotReplaced) {
  { auto ports = open(spec(PortMode::af_xdp, near_)); }
  EXPECT_FALSE(run("ip link show " + near_ + " | grep -q xdp"));
  auto other = ebpf::Steering::attach(far_, ebpf::XdpMode::native);
  ASSERT_TRUE(other);
  auto ports =
      open_ports(std::vector{spec(PortMode::af_xdp, far_)}, {.workers = 1, .buffers = kBuffers});
  ASSERT_FALSE(ports);
  EXPECT_THAT(ports.error().text(), testing::HasSubstr("xdp off` if it has none"));
}

/// An AF_XDP socket on queue 0 of an interface, as a killed process leaves one for a while.
class ForeignXdpSocket {
 public:
  explicit ForeignXdpSocket(const std::string& interface)
      : fd_(socket(AF_XDP, SOCK_RAW | SOCK_CLOEXEC, 0)) {
    memory_ = mmap(nullptr, kBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    xdp_umem_reg region{};
    region.addr = reinterpret_cast<std::uintptr_t>(memory_);
    region.len = kBytes;
    region.chunk_size = 4096;
    const int entries = 64;
    bound_ = setsockopt(fd_, SOL_XDP, XDP_UMEM_REG, &region, sizeof region) == 0;
    for (const int ring : {XDP_UMEM_FILL_RING, XDP_UMEM_COMPLETION_RING, XDP_RX_RING})
      bound_ &= setsockopt(fd_, SOL_XDP, ring, &entries, sizeof entries) == 0;
    sockaddr_xdp at{};
    at.sxdp_family = AF_XDP;
    at.sxdp_ifindex = if_nametoindex(interface.c_str());
    at.sxdp_flags = XDP_COPY;
    bound_ &= bind(fd_, reinterpret_cast<sockaddr*>(&at), sizeof at) == 0;
  }
  ForeignXdpSocket(const ForeignXdpSocket&) = delete;
  ForeignXdpSocket& operator=(const ForeignXdpSocket&) = delete;
  ~ForeignXdpSocket() {
    close(fd_);
    munmap(memory_, kBytes);
  }
  [[nodiscard]] bool bound() const { return bound_; }

 private:
  static constexpr std::size_t kBytes = 64 * 4096;
  int fd_;
  void* memory_ = nullptr;
  bool bound_ = false;
};

TEST_F(LabTest, AQueueThatIsStillTakenIsWaitedFor) {
  auto foreign = std::make_unique<ForeignXdpSocket>(near_);
  ASSERT_TRUE(foreign->bound());
  std::thread killed([&foreign] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1000));
    foreign.reset();
  });
  auto ports = open(spec(PortMode::af_xdp, near_));
  killed.join();
  ASSERT_NE(ports, nullptr);
  const RawSocket far(far_);
  expect_both_ways(*ports, far);
}

TEST_F(LabTest, AQueueThatStaysTakenIsRefusedInTheEnd) {
  const ForeignXdpSocket foreign(near_);
  ASSERT_TRUE(foreign.bound());
  const auto ports =
      open_ports(std::vector{spec(PortMode::af_xdp, near_)}, {.workers = 1, .buffers = kBuffers});
  ASSERT_FALSE(ports);
  EXPECT_EQ(ports.error().text(), "port " + near_ +
                                      ": another process has an AF_XDP socket on queue 0 of " +
                                      near_ + "; end it; `ss --xdp -p` lists them");
}

TEST_F(LabTest, AProgramOfAKilledProcessIsWaitedFor) {
  auto killed = ebpf::Steering::attach(near_, ebpf::XdpMode::native);
  ASSERT_TRUE(killed);
  std::thread end([&killed] {
    std::this_thread::sleep_for(std::chrono::milliseconds(1000));
    killed = tl::unexpected(Error{});
  });
  auto ports = open(spec(PortMode::af_xdp, near_));
  end.join();
  EXPECT_NE(ports, nullptr);
}

TEST_F(LabTest, LinkStateOfTheInterfaceIsSeen) {
  auto ports = open(spec(PortMode::af_xdp, near_));
  ASSERT_NE(ports, nullptr);
  EXPECT_TRUE(ports->link_up(0));
  // The kernel tells of a carrier when it comes to it.
  const auto becomes = [&ports](bool up) {
    const auto deadline = steady_clock::now() + std::chrono::seconds(10);
    while (ports->link_up(0) != up && steady_clock::now() < deadline) ports->poll_link();
    return ports->link_up(0) == up;
  };
  ASSERT_TRUE(run("ip link set " + far_ + " down"));
  EXPECT_TRUE(becomes(false));
  ASSERT_TRUE(run("ip link set " + far_ + " up"));
  EXPECT_TRUE(becomes(true));
}

TEST_F(LabTest, FewerQueuesThanTheInterfaceHasLeaveNoneUnserved) {
  const std::string many = near_ + "m";
  ASSERT_TRUE(make_wire(many, far_ + "m", 2));
  ASSERT_TRUE(run("ethtool -L " + far_ + "m tx 1"));
  PortSpec port = spec(PortMode::af_xdp, many);
  port.queues = 1;
  auto ports = open(port);
  ASSERT_NE(ports, nullptr);
  EXPECT_TRUE(run("ip -d link show " + many + " | grep -q 'numrxqueues 2'"));
  EXPECT_EQ(kernel_queues(many), 1U);
}

constexpr MacAddress kGateway{{0x02, 0x53, 0x6c, 0x75, 0x69, 0x63}};

/// A UDP frame to port 7 of `to` from port 5000 of `from`; over IPv4 without a UDP checksum.
Frame udp_to(const MacAddress& mac, const IpAddress& from, const IpAddress& to) {
  Frame frame(mac.bytes.begin(), mac.bytes.end());
  frame.insert(frame.end(), kGateway.bytes.begin(), kGateway.bytes.end());
  frame.insert(frame.end(), {8, 0, 0x45, 0, 0, 32, 0, 0, 0, 0, 64, 17, 0, 0});
  frame.insert(frame.end(), from.network(), from.network() + 4);
  frame.insert(frame.end(), to.network(), to.network() + 4);
  std::uint32_t sum = 0;
  for (std::size_t i = 14; i < 34; i += 2) sum += load_be16(frame.data() + i);
  sum = (sum & 0xffff) + (sum >> 16);
  store_be16(frame.data() + 24, static_cast<std::uint16_t>(~((sum & 0xffff) + (sum >> 16))));
  frame.insert(frame.end(), {0x13, 0x88, 0, 7, 0, 12, 0, 0, 'p', 'i', 'n', 'g'});
  return frame;
}

TEST_F(LabTest, TheHostHearsAndAnswersThroughTheTap) {
  PortSpec tap = spec(PortMode::tap, "nictap0");
  tap.host = true;
  auto ports = open(tap);
  ASSERT_NE(ports, nullptr);
  const IpAddress ours = address("198.18.100.53");
  const IpAddress client = address("198.18.0.2");
  {
    auto host = HostNet::open("nictap0", kGateway);
    ASSERT_TRUE(host) << host.error().text();
    const std::vector both{ours, address("2001:2:0:100::53")};
    const auto applied = host->apply(both);
    ASSERT_TRUE(applied) << applied.error().text();
    ASSERT_TRUE(host->apply(both)) << "twice";
    EXPECT_TRUE(run("ip -6 rule | grep -q 'from 2001:2:0:100::53 lookup 7710'"));
    EXPECT_TRUE(run("ip -6 route show table 7710 | grep -q 'default via fe80::1'"));

    const int server = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    sockaddr_in at{};
    at.sin_family = AF_INET;
    at.sin_port = htons(7);
    at.sin_addr.s_addr = htonl(ours.v4_value());
    ASSERT_EQ(bind(server, reinterpret_cast<sockaddr*>(&at), sizeof at), 0);
    const Frame frame = udp_to(ports->mac(0), client, ours);
    Packet packet;
    ASSERT_TRUE(ports->pool().allocate(packet));
    std::copy(frame.begin(), frame.end(), packet.data);
    packet.length = static_cast<std::uint16_t>(frame.size());
    Packet* const out[] = {&packet};
    ASSERT_EQ(ports->queue(0, 0).send(out), 1U);

    pollfd wait{server, POLLIN, 0};
    ASSERT_EQ(poll(&wait, 1, 2000), 1) << "the host heard nothing";
    std::array<char, 16> text{};
    sockaddr_in from{};
    socklen_t size = sizeof from;
    ASSERT_EQ(
        recvfrom(server, text.data(), text.size(), 0, reinterpret_cast<sockaddr*>(&from), &size),
        4);
    EXPECT_EQ(ntohl(from.sin_addr.s_addr), client.v4_value());
    ASSERT_EQ(sendto(server, "pong", 4, 0, reinterpret_cast<sockaddr*>(&from), size), 4);
    close(server);

    // Other things that the host says on a new interface come too.
    for (unsigned i = 0; i < 20; ++i) {
      auto got = next(*ports);
      ASSERT_TRUE(got) << "no answer came back";
      Packet& p = got->first;
      EXPECT_TRUE(p.has(packet_flag::kFromHost));
      const bool udp4 = p.length >= 46 && load_be16(p.data + 12) == 0x0800 && p.data[23] == 17;
      const bool answer = udp4 && std::memcmp(p.data + 42, "pong", 4) == 0;
      if (answer) {
        EXPECT_EQ(std::memcmp(p.data, kGateway.bytes.data(), 6), 0);
        EXPECT_EQ(load_be32(p.data + 26), ours.v4_value());
        EXPECT_EQ(load_be32(p.data + 30), client.v4_value());
      }
      Packet* const back[] = {&p};
      ports->queue(0, 0).release(back);
      if (answer) break;
      ASSERT_LT(i, 19U) << "no answer among what came back";
    }
    // By difference: one address goes with its rule, the other stays.
    ASSERT_TRUE(host->apply(std::vector{ours}));
    EXPECT_FALSE(run("ip -6 rule | grep -q 7710"));
    EXPECT_TRUE(run("ip rule | grep -q 'from 198.18.100.53 lookup 7710'"));
  }
  EXPECT_FALSE(run("ip rule | grep -q 7710")) << "rules go at the end";
}

TEST_F(LabTest, AnExceptionPathWithoutItsTapSaysSo) {
  const auto host = HostNet::open("nosuchtap", kGateway);
  ASSERT_FALSE(host);
  EXPECT_THAT(host.error().text(), testing::HasSubstr("nosuchtap"));
}

}  // namespace
}  // namespace sluice::nic

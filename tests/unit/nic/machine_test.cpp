// What a start needs of the machine, against a machine made of files: each thing that is missing is
// one line that says what, where and what to do.
#include "dataplane/nic/machine.hpp"

#include <fstream>

#include <unistd.h>

#include "tests/support/temporary_folder.hpp"

namespace sluice::nic {
namespace {

namespace fs = std::filesystem;

class MachineTest : public testing::Test {
 protected:
  void SetUp() override {
    machine_.sys = root() / "sys";
    machine_.proc = root() / "proc";
    machine_.dev = root() / "dev";
    capabilities("000001ffffffffff");
    write("dev/net/tun", "");
  }
  [[nodiscard]] fs::path root() const { return folder_.path(); }
  void write(const fs::path& file, const std::string& text) {
    fs::create_directories((root() / file).parent_path());
    std::ofstream(root() / file) << text;
  }
  void capabilities(const std::string& hex) {
    write("proc/self/status", "Name:\tx\nCapPrm:\t0000000000000000\nCapEff:\t" + hex + "\n");
  }
  void pages(const std::string& size, unsigned free) {
    write("sys/kernel/mm/hugepages/hugepages-" + size + "/free_hugepages",
          std::to_string(free) + "\n");
  }
  void pci(const std::string& address, const std::string& driver) {
    const fs::path device = root() / "sys/bus/pci/devices" / address;
    fs::create_directories(device);
    if (!driver.empty()) fs::create_symlink("../../drivers/" + driver, device / "driver");
  }
  /// What is wrong with a port, as it is printed; empty: nothing.
  [[nodiscard]] std::string trouble(PortMode mode, const std::string& device) const {
    PortSpec port;
    port.name = "wan";
    port.mode = mode;
    port.device = device;
    const auto checked = check_ports(machine_, std::span(&port, 1));
    return checked ? std::string() : checked.error().text();
  }

  test::TemporaryFolder folder_;
  Machine machine_;
};

TEST_F(MachineTest, AnInterfaceMustExist) {
  EXPECT_EQ("", trouble(PortMode::af_xdp, "lo"));
  EXPECT_EQ("", trouble(PortMode::af_packet, "lo"));
  EXPECT_EQ(
      "port wan: there is no interface 'nosuch0'; `ip link` lists those of this network namespace",
      trouble(PortMode::af_xdp, "nosuch0"));
  EXPECT_EQ("", trouble(PortMode::tap, "nosuch0")) << "it is made";
  EXPECT_EQ("port wan: interface name 'sixteen-letters-' is too long; use at most 15 characters",
            trouble(PortMode::tap, "sixteen-letters-"));
}

TEST_F(MachineTest, EachModeNamesTheCapabilityThatItLacks) {
  capabilities("0000000000000000");
  const auto line = [](const std::string& mode, const std::string& capability) {
    return "port wan: mode " + mode + " needs the capability " + capability +
           "; start as root, or let systemd grant it by AmbientCapabilities=";
  };
  EXPECT_EQ(line("af_xdp", "cap_net_admin"), trouble(PortMode::af_xdp, "lo"));
  EXPECT_EQ(line("af_packet", "cap_net_raw"), trouble(PortMode::af_packet, "lo"));
  EXPECT_EQ(line("tap", "cap_net_admin"), trouble(PortMode::tap, "tap0"));
  EXPECT_EQ("", trouble(PortMode::null, ""));
  EXPECT_EQ("", trouble(PortMode::ring, ""));
  capabilities("0000000000001000");  // cap_net_admin alone
  EXPECT_EQ(line("af_xdp", "cap_net_raw"), trouble(PortMode::af_xdp, "lo"));
  capabilities("0000000000003000");
  EXPECT_EQ(line("af_xdp", "cap_bpf"), trouble(PortMode::af_xdp, "lo"));
  EXPECT_EQ("", trouble(PortMode::af_packet, "lo"));
  capabilities("0000000000203000");  // cap_sys_admin in its place
  EXPECT_EQ("", trouble(PortMode::af_xdp, "lo"));
}

TEST_F(MachineTest, AStatusThatCannotBeReadGivesNoCapability) {
  fs::remove(root() / "proc/self/status");
  EXPECT_EQ(0U, machine_.capabilities());
  write("proc/self/status", "CapEff:\n");
  EXPECT_EQ(0U, machine_.capabilities());
}

TEST_F(MachineTest, ATapNeedsItsDevice) {
  fs::remove(root() / "dev/net/tun");
  EXPECT_EQ("port wan: " + (root() / "dev/net/tun").string() +
                " cannot be opened: No such file or directory; `modprobe tun` brings it; "
                "containers need it passed in",
            trouble(PortMode::tap, "tap0"));
}

TEST_F(MachineTest, APciDeviceMustBeThereAndDpdks) {
  EXPECT_EQ(
      "port wan: there is no PCI device 0000:3b:00.0; `dpdk-devbind.py --status` lists them; give "
      "the whole address, 0000:3b:00.0",
      trouble(PortMode::pci, "0000:3b:00.0"));
  pci("0000:3b:00.0", "ixgbe");
  EXPECT_EQ(
      "port wan: PCI device 0000:3b:00.0 is driven by ixgbe; `dpdk-devbind.py --bind=vfio-pci "
      "0000:3b:00.0` gives it to DPDK",
      trouble(PortMode::pci, "0000:3b:00.0"));
  pci("0000:3b:00.1", "");
  EXPECT_THAT(trouble(PortMode::pci, "0000:3b:00.1"), testing::HasSubstr("driven by nothing"));
  for (const std::string driver : {"vfio-pci", "mlx5_core"}) {
    const std::string address = "0000:5e:00." + std::to_string(driver.size() % 8);
    pci(address, driver);
    EXPECT_EQ("", trouble(PortMode::pci, address));
  }
}

TEST_F(MachineTest, CapturesAndSocketsNeedTheirFiles) {
  write("in.pcap", "x");
  const std::string in = (root() / "in.pcap").string();
  EXPECT_EQ("", trouble(PortMode::pcap, in + "," + (root() / "out.pcap").string()));
  EXPECT_EQ("", trouble(PortMode::pcap, "," + (root() / "out.pcap").string()));
  EXPECT_EQ("", trouble(PortMode::pcap, in));
  EXPECT_EQ(
      "port wan: capture /nonexistent.pcap cannot be read: No such file or directory; give a "
      "pcap file",
      trouble(PortMode::pcap, "/nonexistent.pcap,"));
  EXPECT_EQ(
      "port wan: /nonexistent/out.pcap cannot be made: No such file or directory; make "
      "/nonexistent for this user to write in",
      trouble(PortMode::pcap, in + ",/nonexistent/out.pcap"));
  EXPECT_EQ("", trouble(PortMode::memif, (root() / "memif.sock").string()));
  EXPECT_EQ("", trouble(PortMode::memif, "@abstract"));
  EXPECT_THAT(trouble(PortMode::memif, "/nonexistent/memif.sock"),
              testing::HasSubstr("make /nonexistent"));
}

TEST_F(MachineTest, HugePagesOfAllSizesAreCounted) {
  EXPECT_EQ(0U, machine_.free_huge_megabytes());
  pages("2048kB", 10);
  pages("1048576kB", 1);
  EXPECT_EQ(1044U, machine_.free_huge_megabytes());
}

TEST_F(MachineTest, MissingHugePagesAreSaidOrDoneWithout) {
  pages("2048kB", 10);
  EXPECT_EQ(true, choose_huge_pages(machine_, HugePages::automatic, 20, 0));
  EXPECT_EQ(true, choose_huge_pages(machine_, HugePages::yes, 20, 0));
  EXPECT_EQ(false, choose_huge_pages(machine_, HugePages::no, 20, 20));
  EXPECT_EQ(false, choose_huge_pages(machine_, HugePages::automatic, 21, 64));

  const auto must = choose_huge_pages(machine_, HugePages::yes, 100, 512);
  ASSERT_FALSE(must);
  EXPECT_EQ(
      "memory.huge_pages: 20 MB of huge pages are free, but 100 are needed; `sysctl "
      "vm.nr_hugepages=104` reserves them, or set huge_pages to no",
      must.error().text());
  const auto neither = choose_huge_pages(machine_, HugePages::automatic, 100, 64);
  ASSERT_FALSE(neither);
  EXPECT_EQ(
      "memory: the packet buffers need 100 MB, but memory.megabytes is 64; set megabytes to 100, "
      "or "
      "lower buffers",
      neither.error().text());
}

TEST(HugePagesText, IsOneOfThree) {
  EXPECT_EQ(HugePages::automatic, parse_huge_pages(""));
  EXPECT_EQ(HugePages::yes, parse_huge_pages("yes"));
  EXPECT_EQ("memory.huge_pages: 'perhaps' is none of auto, yes and no",
            parse_huge_pages("perhaps").error().text());
}

}  // namespace
}  // namespace sluice::nic

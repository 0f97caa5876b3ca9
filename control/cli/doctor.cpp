// Checks of the machine, read-only: what is found, what is wanted, and what to do.
#include <fstream>
#include <iostream>
#include <sstream>
#include <thread>

#include <dirent.h>
#include <fmt/format.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "control/cli/commands.hpp"
#include "control/cli/print.hpp"
#include "control/model/yaml_out.hpp"

namespace sluice::cli {
namespace {

struct Finding {
  std::string check;
  std::string level;  ///< "good", "note" (works, but slower or less) or "bad"
  std::string found;
  std::string fix;
};
using Findings = std::vector<Finding>;

std::string first_line(const std::string& path) {
  std::ifstream file(path);
  std::string line;
  std::getline(file, line);
  return line;
}

std::uint64_t number_in(const std::string& path) {
  std::ifstream file(path);
  std::uint64_t number = 0;
  file >> number;
  return number;
}

bool exists(const std::string& path) {
  return access(path.c_str(), F_OK) == 0;
}

std::vector<std::string> entries(const std::string& folder) {
  std::vector<std::string> names;
  DIR* dir = opendir(folder.c_str());
  if (dir == nullptr) return names;
  while (const dirent* entry = readdir(dir)) {
    if (entry->d_name[0] != '.') names.emplace_back(entry->d_name);
  }
  closedir(dir);
  std::sort(names.begin(), names.end());
  return names;
}

std::string line_with(const std::string& path, const std::string& start) {
  std::ifstream file(path);
  for (std::string line; std::getline(file, line);) {
    if (line.rfind(start, 0) == 0) return line;
  }
  return {};
}

bool is_mounted(const std::string& type) {
  std::ifstream mounts("/proc/mounts");
  for (std::string line; std::getline(mounts, line);) {
    if (line.find(" " + type + " ") != std::string::npos) return true;
  }
  return false;
}

void check_huge_pages(Findings& findings) {
  constexpr std::uint64_t kWanted = 256;  // of 2 MiB: packet buffers and tables of a small machine
  std::uint64_t free_pages = 0;
  for (const std::string& node : entries("/sys/devices/system/node")) {
    const std::string folder = "/sys/devices/system/node/" + node + "/hugepages/";
    free_pages += number_in(folder + "hugepages-2048kB/free_hugepages");
    free_pages += 512 * number_in(folder + "hugepages-1048576kB/free_hugepages");
  }
  const std::string found = fmt::format("{} of 2 MiB free", free_pages);
  if (free_pages >= kWanted) return findings.push_back({"huge pages", "good", found, ""});
  findings.push_back({"huge pages", "note", found,
                      "sysctl vm.nr_hugepages=256; without, memory is slower and `memory: "
                      "{huge_pages: \"no\"}` is needed where it is not auto"});
}

void check_capabilities(Findings& findings) {
  struct Wanted {
    unsigned bit;
    const char* name;
  };
  constexpr Wanted kWanted[] = {
      {12, "net_admin"}, {13, "net_raw"}, {14, "ipc_lock"}, {23, "sys_nice"}, {39, "bpf"}};
  const std::string line = line_with("/proc/self/status", "CapEff:");
  const std::uint64_t have =
      line.size() > 8 ? std::stoull(line.substr(8), nullptr, 16) : std::uint64_t{0};
  std::string missing;
  for (const Wanted& wanted : kWanted) {
    if (((have >> wanted.bit) & 1U) == 0)
      missing += std::string(missing.empty() ? "" : " ") + wanted.name;
  }
  if (missing.empty())
    return findings.push_back({"capabilities", "good", "all that are needed", ""});
  findings.push_back({"capabilities", "bad", "missing: " + missing,
                      "start the data plane as root; run_as gives up the rest after start-up"});
}

void check_kernel(Findings& findings) {
  utsname name{};
  uname(&name);
  findings.push_back({"kernel", "good", name.release, ""});
  if (exists("/sys/kernel/btf/vmlinux")) {
    findings.push_back({"BTF", "good", "/sys/kernel/btf/vmlinux", ""});
  } else {
    findings.push_back({"BTF", "bad", "no /sys/kernel/btf/vmlinux",
                        "use a kernel with CONFIG_DEBUG_INFO_BTF, or another mode than af_xdp"});
  }
  const std::string io_uring = first_line("/proc/sys/kernel/io_uring_disabled");
  if (io_uring.empty() || io_uring == "0") {
    findings.push_back({"io_uring", "good", "enabled", ""});
  } else {
    findings.push_back({"io_uring", "bad", "disabled", "sysctl kernel.io_uring_disabled=0"});
  }
  const bool bpffs = is_mounted("bpf");
  findings.push_back(bpffs
                         ? Finding{"bpffs", "good", "mounted", ""}
                         : Finding{"bpffs", "note", "not mounted", "mount -t bpf bpf /sys/fs/bpf"});
}

void check_clock(Findings& findings) {
  const std::string source =
      first_line("/sys/devices/system/clocksource/clocksource0/current_clocksource");
  if (source == "tsc") return findings.push_back({"clock", "good", source, ""});
  findings.push_back({"clock", "note", source,
                      "other sources than tsc cost a microsecond a reading; see the kernel's log "
                      "for why it is not used"});
}

void check_cores(Findings& findings) {
  const unsigned cores = std::thread::hardware_concurrency();
  findings.push_back(cores >= 2
                         ? Finding{"cores", "good", std::to_string(cores), ""}
                         : Finding{"cores", "note", std::to_string(cores),
                                   "workers share the core with everything else; leave `idle: "
                                   "BACK_OFF`"});
  const std::string isolated = first_line("/sys/devices/system/cpu/isolated");
  findings.push_back(isolated.empty()
                         ? Finding{"isolated cores", "note", "none",
                                   "for steady latency: isolcpus=, nohz_full=, rcu_nocbs= of the "
                                   "workers' cores on the kernel's command line"}
                         : Finding{"isolated cores", "good", isolated, ""});
  const std::string governor = first_line("/sys/devices/system/cpu/cpu0/cpufreq/scaling_governor");
  if (governor.empty() || governor == "performance") return;
  findings.push_back({"frequency", "note", governor, "cpupower frequency-set -g performance"});
}

void check_limits(Findings& findings) {
  rlimit limit{};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  constexpr rlim_t kWanted = 64UL << 20;
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= kWanted || geteuid() == 0) {
    findings.push_back({"locked memory", "good",
                        limit.rlim_cur == RLIM_INFINITY
                            ? "unlimited"
                            : fmt::format("{} MiB", limit.rlim_cur >> 20),
                        ""});
    return;
  }
  findings.push_back({"locked memory", "bad", fmt::format("{} MiB", limit.rlim_cur >> 20),
                      "ulimit -l unlimited, or LimitMEMLOCK=infinity in the unit"});
}

/// The interface that the default route leaves by: taking it over cuts the operator off.
std::string default_route_interface() {
  std::ifstream file("/proc/net/route");
  for (std::string line; std::getline(file, line);) {
    std::istringstream fields(line);
    std::string name;
    std::string destination;
    fields >> name >> destination;
    if (destination == "00000000") return name;
  }
  return {};
}

void check_interfaces(Findings& findings) {
  constexpr std::uint64_t kXdpMtuMax = 3'498;  // one page less headroom and tail
  const std::string management = default_route_interface();
  for (const std::string& name : entries("/sys/class/net")) {
    if (name == "lo") continue;
    const std::string folder = "/sys/class/net/" + name;
    char link[256];
    const ssize_t length = readlink((folder + "/device/driver").c_str(), link, sizeof link);
    std::string driver(link, static_cast<std::size_t>(std::max<ssize_t>(length, 0)));
    driver = driver.substr(driver.rfind('/') + 1);
    const std::uint64_t mtu = number_in(folder + "/mtu");
    std::size_t queues = 0;
    for (const std::string& queue : entries(folder + "/queues")) queues += queue[0] == 'r' ? 1 : 0;
    const std::string found =
        fmt::format("{}, {}, mtu {}, {} receive queue{}", driver.empty() ? "virtual" : driver,
                    first_line(folder + "/operstate"), mtu, queues, queues == 1 ? "" : "s");
    if (name == management) {
      findings.push_back({"interface " + name, "note", found + ", the default route leaves here",
                          "do not give it to a port unless there is another way to this machine"});
    } else if (mtu > kXdpMtuMax) {
      findings.push_back({"interface " + name, "note", found,
                          "for mode af_xdp: ip link set " + name + " mtu 3498 or less"});
    } else {
      findings.push_back({"interface " + name, "good", found, ""});
    }
  }
}

}  // namespace

Exit doctor(const Invocation& invocation) {
  Findings findings;
  check_kernel(findings);
  check_capabilities(findings);
  check_huge_pages(findings);
  check_cores(findings);
  check_clock(findings);
  check_limits(findings);
  check_interfaces(findings);
  bool bad = false;
  std::string json;
  Table table({"CHECK", "STATE", "FOUND", "WHAT TO DO"});
  for (const Finding& finding : findings) {
    bad = bad || finding.level == "bad";
    table.add({finding.check, finding.level, finding.found, finding.fix});
    json += (json.empty() ? "\n  {" : ",\n  {") + std::string("\"check\": ") +
            model::json_string(finding.check) +
            ", \"state\": " + model::json_string(finding.level) +
            ", \"found\": " + model::json_string(finding.found) +
            ", \"fix\": " + model::json_string(finding.fix) + "}";
  }
  std::cout << (invocation.output == Output::json ? "[" + json + "\n]\n" : table.text());
  return bad ? Exit::refused : Exit::done;
}

}  // namespace sluice::cli

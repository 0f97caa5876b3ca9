#include "ebpf/loader.hpp"

#include <algorithm>
#include <iterator>
#include <vector>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <fmt/format.h>
#include <linux/if_link.h>
#include <net/if.h>
#include <unistd.h>
#include <xdp/libxdp.h>

#include "dataplane/runtime/patience.hpp"
#include "ebpf/errors.hpp"
#include "ebpf/steer_object.hpp"

namespace sluice::ebpf {
namespace {

constexpr std::string_view kProgramName = "xsk_def_prog";  // of steer.bpf.c

/// Keys as the program's LPM tries have them: prefix length in host order, then the address.
struct Key4 {
  std::uint32_t length;
  std::array<std::uint8_t, 4> address;
};
struct Key6 {
  std::uint32_t length;
  std::array<std::uint8_t, 16> address;
};
/// A value of the program's per-CPU counter.
struct Tally {
  std::uint64_t packets;
  std::uint64_t bytes;
};

int update(int v4, int v6, const Prefix& prefix, bool add) {
  const std::uint8_t value = 1;
  const auto apply = [&](int map, const void* key) {
    return add ? bpf_map_update_elem(map, key, &value, BPF_ANY) : bpf_map_delete_elem(map, key);
  };
  if (prefix.is_v4()) {
    Key4 key{prefix.length, {}};
    std::copy_n(prefix.address.network(), key.address.size(), key.address.begin());
    return apply(v4, &key);
  }
  Key6 key{prefix.length, prefix.address.bytes};
  return apply(v6, &key);
}

std::vector<Prefix> canonical(std::span<const Prefix> sources) {
  std::vector<Prefix> list;
  list.reserve(sources.size());
  for (const Prefix& source : sources) list.push_back(source.network());
  std::sort(list.begin(), list.end());
  list.erase(std::unique(list.begin(), list.end()), list.end());
  return list;
}

/// Whether a program is Sluice's, as far as this process may know.
bool may_be_ours(std::uint32_t id) {
  const int fd = bpf_prog_get_fd_by_id(id);
  if (fd < 0) return true;  // gone since, or not ours to look at
  bpf_prog_info info{};
  std::uint32_t size = sizeof info;
  const int error = bpf_obj_get_info_by_fd(fd, &info, &size);
  close(fd);
  return error != 0 || std::string_view(info.name) == kProgramName;
}

/// Id of the program on the interface, 0 for none. One of ours may be a killed process's, which the
/// kernel is still taking away.
std::uint32_t program_that_stays(unsigned index, const std::string& interface) {
  Patience patience(kPatience);
  for (;;) {
    std::uint32_t id = 0;
    if (bpf_xdp_query_id(static_cast<int>(index), 0, &id) != 0 || id == 0) return 0;
    if (!may_be_ours(id)) return id;
    if (!patience.wait("the XDP program of another process to leave", interface)) return id;
  }
}

}  // namespace

struct Steering::Program {
  std::string interface;
  std::unique_ptr<bpf_object, decltype(&bpf_object__close)> object{nullptr, &bpf_object__close};
  int link = -1;
  XdpMode mode = XdpMode::native;
  std::string native_refusal;
  std::uint32_t prefixes_max = 0;
  std::vector<Prefix> listed;  // canonical

  Program() = default;
  Program(const Program&) = delete;
  Program& operator=(const Program&) = delete;
  ~Program() {
    // The program leaves the interface with the last descriptor of its link.
    if (link >= 0) close(link);
  }

  [[nodiscard]] int map(const char* name) const {
    return bpf_object__find_map_fd_by_name(object.get(), name);
  }
  [[nodiscard]] Result<void> load();
  /// 0, or the negative error of the kernel.
  [[nodiscard]] int attach(unsigned index, XdpMode how);
};

Result<void> Steering::Program::load() {
  bpf_object_open_opts options{};
  options.sz = sizeof options;
  options.object_name = "sluice_steer";
  object.reset(bpf_object__open_mem(kSteerObject.data(), kSteerObject.size(), &options));
  if (object == nullptr) return fail("the XDP program cannot be read: " + reason(errno), interface);
  for (const char* name : {"drop_v4", "drop_v6"})
    (void)bpf_map__set_max_entries(bpf_object__find_map_by_name(object.get(), name), prefixes_max);
  const int error = bpf_object__load(object.get());
  if (error == 0) return {};
  if (error == -EPERM)
    return fail("the kernel refuses XDP programs to this user", interface,
                "start as root, or grant cap_bpf and cap_net_admin");
  return fail("the kernel refuses the XDP program: " + reason(error), interface,
              "set xdp to off, or use mode af_packet");
}

int Steering::Program::attach(unsigned index, XdpMode how) {
  bpf_link_create_opts options{};
  options.sz = sizeof options;
  options.flags = how == XdpMode::native ? XDP_FLAGS_DRV_MODE : XDP_FLAGS_SKB_MODE;
  const int program = bpf_program__fd(bpf_object__next_program(object.get(), nullptr));
  const int made = bpf_link_create(program, static_cast<int>(index), BPF_XDP, &options);
  if (made < 0) return made;
  link = made;
  mode = how;
  return 0;
}

Steering::Steering(std::unique_ptr<Program> program) : program_(std::move(program)) {}
Steering::Steering(Steering&&) noexcept = default;
Steering& Steering::operator=(Steering&&) noexcept = default;
Steering::~Steering() = default;

Result<Steering> Steering::attach(const std::string& interface, XdpMode wanted,
                                  std::uint32_t prefixes_max) {
  // Errors are returned, not printed; libxdp would warn for each socket that it joins to a program
  // which it did not attach itself.
  libbpf_set_print(nullptr);
  libxdp_set_print(nullptr);
  const unsigned index = if_nametoindex(interface.c_str());
  if (index == 0) return fail("there is no such interface", interface, "`ip link` lists them");
  auto program = std::make_unique<Program>();
  program->interface = interface;
  program->prefixes_max = prefixes_max;
  if (auto ok = program->load(); !ok) return tl::unexpected(ok.error());

  if (const std::uint32_t present = program_that_stays(index, interface); present != 0)
    return fail(
        fmt::format("another XDP program (id {}) is attached", present), interface,
        fmt::format("end its process, or `ip link set dev {} xdp off` if it has none", interface));
  int error = program->attach(index, wanted);
  if (error != 0 && wanted == XdpMode::native) {
    program->native_refusal = reason(error);
    error = program->attach(index, XdpMode::generic);
  }
  if (error != 0) return fail("the XDP program cannot be attached: " + reason(error), interface);
  return Steering(std::move(program));
}

XdpMode Steering::mode() const {
  return program_->mode;
}
const std::string& Steering::native_refusal() const {
  return program_->native_refusal;
}

Result<void> Steering::set_early_drop(std::span<const Prefix> sources) {
  Program& p = *program_;
  std::vector<Prefix> wanted = canonical(sources);
  const auto v4 = std::count_if(wanted.begin(), wanted.end(), [](auto& x) { return x.is_v4(); });
  const auto most = std::max<std::size_t>(static_cast<std::size_t>(v4),
                                          wanted.size() - static_cast<std::size_t>(v4));
  if (most > p.prefixes_max)
    return fail(fmt::format("{} prefixes for early drop, at most {} fit", most, p.prefixes_max),
                p.interface, "merge neighbouring prefixes, or drop them by a rule");

  std::vector<Prefix> gone;
  std::vector<Prefix> fresh;
  std::set_difference(p.listed.begin(), p.listed.end(), wanted.begin(), wanted.end(),
                      std::back_inserter(gone));
  std::set_difference(wanted.begin(), wanted.end(), p.listed.begin(), p.listed.end(),
                      std::back_inserter(fresh));
  const int map4 = p.map("drop_v4");
  const int map6 = p.map("drop_v6");
  for (const Prefix& prefix : gone) (void)update(map4, map6, prefix, false);
  for (const Prefix& prefix : fresh) {
    if (const int error = update(map4, map6, prefix, true); error != 0) {
      // Back to what the list was, so that what is in force is what is remembered.
      for (const Prefix& added : fresh) (void)update(map4, map6, added, false);
      for (const Prefix& taken : gone) (void)update(map4, map6, taken, true);
      return fail(fmt::format("{} cannot be listed: {}", prefix.text(), reason(error)),
                  p.interface);
    }
  }
  p.listed = std::move(wanted);
  return {};
}

EarlyDrops Steering::early_drops() const {
  const int cpus = libbpf_num_possible_cpus();
  std::vector<Tally> tallies(static_cast<std::size_t>(std::max(cpus, 1)));
  const std::uint32_t zero = 0;
  EarlyDrops sum;
  if (bpf_map_lookup_elem(program_->map("early_drops"), &zero, tallies.data()) != 0) return sum;
  for (const Tally& tally : tallies) {
    sum.packets += tally.packets;
    sum.bytes += tally.bytes;
  }
  return sum;
}

}  // namespace sluice::ebpf

#include "ebpf/ingress_drop.hpp"

#include <cerrno>
#include <memory>

#include <bpf/bpf.h>
#include <bpf/libbpf.h>
#include <net/if.h>

#include "ebpf/drop_object.hpp"
#include "ebpf/errors.hpp"

namespace sluice::ebpf {
namespace {

/// First in the order of classifiers, under a handle that one of an earlier process is found by.
constexpr std::uint32_t kPriority = 1;
constexpr std::uint32_t kHandle = 0x51;

bpf_tc_hook ingress_of(int index) {
  bpf_tc_hook hook{};
  hook.sz = sizeof hook;
  hook.ifindex = index;
  hook.attach_point = BPF_TC_INGRESS;
  return hook;
}

bpf_tc_opts classifier() {
  bpf_tc_opts options{};
  options.sz = sizeof options;
  options.handle = kHandle;
  options.priority = kPriority;
  return options;
}

tl::unexpected<Error> refused(const std::string& what, int error, const std::string& interface) {
  return fail("the kernel refuses " + what + ": " + reason(error), interface,
              error == -EPERM ? "start as root, or grant cap_bpf and cap_net_admin"
                              : "take the interface's addresses off, or the kernel answers too");
}

}  // namespace

Result<IngressDrop> IngressDrop::attach(const std::string& interface) {
  libbpf_set_print(nullptr);
  const int index = static_cast<int>(if_nametoindex(interface.c_str()));
  if (index == 0) return fail("there is no such interface", interface, "`ip link` lists them");

  bpf_object_open_opts names{};
  names.sz = sizeof names;
  names.object_name = "sluice_drop";
  const std::unique_ptr<bpf_object, decltype(&bpf_object__close)> object(
      bpf_object__open_mem(kDropObject.data(), kDropObject.size(), &names), &bpf_object__close);
  if (object == nullptr) return refused("to read the classifier", -errno, interface);
  if (const int error = bpf_object__load(object.get()); error != 0)
    return refused("the classifier", error, interface);

  bpf_tc_hook hook = ingress_of(index);
  if (const int error = bpf_tc_hook_create(&hook); error != 0 && error != -EEXIST)
    return refused("a clsact queueing discipline", error, interface);
  bpf_tc_opts options = classifier();
  options.prog_fd = bpf_program__fd(bpf_object__next_program(object.get(), nullptr));
  options.flags = BPF_TC_F_REPLACE;
  if (const int error = bpf_tc_attach(&hook, &options); error != 0)
    return refused("the classifier at the ingress", error, interface);
  return IngressDrop(index);
}

IngressDrop::~IngressDrop() {
  if (index_ == 0) return;
  // The queueing discipline stays: others may have put classifiers there since, and empty it does
  // nothing.
  const bpf_tc_hook hook = ingress_of(index_);
  const bpf_tc_opts options = classifier();
  (void)bpf_tc_detach(&hook, &options);
}

}  // namespace sluice::ebpf

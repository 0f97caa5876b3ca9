// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
// Passes everything. veth runs XDP at full speed only if both ends have a program.
#include <linux/bpf.h>

#include <bpf/bpf_helpers.h>

SEC("xdp")
int pass(struct xdp_md* context) {
  (void)context;
  return XDP_PASS;
}

char _license[] SEC("license") = "GPL";

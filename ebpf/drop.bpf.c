// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
// Drops everything that the kernel would handle. At the ingress of an interface, AF_PACKET sockets
// have got each frame by then.
#include <linux/bpf.h>
#include <linux/pkt_cls.h>

#include <bpf/bpf_helpers.h>

SEC("tc")
int drop(struct __sk_buff* context) {
  (void)context;
  return TC_ACT_SHOT;
}

char _license[] SEC("license") = "GPL";

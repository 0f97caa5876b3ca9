// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
// Steers every frame of a receive queue to the AF_XDP socket of that queue, except those whose
// source is on the early-drop lists. A queue without a socket goes on to the kernel.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MAX_QUEUES 128
#define MAX_PREFIXES 65536  // the loader sets what is configured
#define MAX_VLAN_TAGS 2

struct prefix4 {
  __u32 length;
  __u8 address[4];
};

struct prefix6 {
  __u32 length;
  __u8 address[16];
};

struct tally {
  __u64 packets;
  __u64 bytes;
};

struct vlan_header {
  __be16 tag;
  __be16 ether_type;
};

struct {
  __uint(type, BPF_MAP_TYPE_XSKMAP);
  __uint(max_entries, MAX_QUEUES);
  __type(key, __u32);
  __type(value, __u32);
} xsks_map SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, MAX_PREFIXES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct prefix4);
  __type(value, __u8);
} drop_v4 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, MAX_PREFIXES);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct prefix6);
  __type(value, __u8);
} drop_v6 SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct tally);
} early_drops SEC(".maps");

static __always_inline int listed(void* l3, void* end, __be16 ether_type) {
  if (ether_type == bpf_htons(ETH_P_IP)) {
    struct iphdr* ip = l3;
    struct prefix4 key = {.length = 32};
    if ((void*)(ip + 1) > end) return 0;
    __builtin_memcpy(key.address, &ip->saddr, sizeof key.address);
    return bpf_map_lookup_elem(&drop_v4, &key) != 0;
  }
  if (ether_type == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr* ip = l3;
    struct prefix6 key = {.length = 128};
    if ((void*)(ip + 1) > end) return 0;
    __builtin_memcpy(key.address, &ip->saddr, sizeof key.address);
    return bpf_map_lookup_elem(&drop_v6, &key) != 0;
  }
  return 0;
}

static __always_inline void count(__u64 bytes) {
  __u32 zero = 0;
  struct tally* tally = bpf_map_lookup_elem(&early_drops, &zero);
  if (tally) {
    tally->packets += 1;
    tally->bytes += bytes;
  }
}

// libxdp adds the sockets that it makes to the xsks_map of an attached program if it has this name
// and version; so the program is attached once, and any number of sockets join it.
SEC("xdp")
int xsk_def_prog(struct xdp_md* context) {
  void* at = (void*)(long)context->data;
  void* end = (void*)(long)context->data_end;
  struct ethhdr* ethernet = at;
  if ((void*)(ethernet + 1) <= end) {
    __be16 ether_type = ethernet->h_proto;
    void* next = ethernet + 1;
#pragma unroll
    for (int i = 0; i < MAX_VLAN_TAGS; ++i) {
      struct vlan_header* vlan = next;
      if (ether_type != bpf_htons(ETH_P_8021Q) && ether_type != bpf_htons(ETH_P_8021AD)) break;
      if ((void*)(vlan + 1) > end) break;
      ether_type = vlan->ether_type;
      next = vlan + 1;
    }
    if (listed(next, end, ether_type)) {
      count(end - at);
      return XDP_DROP;
    }
  }
  return bpf_redirect_map(&xsks_map, context->rx_queue_index, XDP_PASS);
}

__uint(xsk_prog_version, 1) SEC("xdp_metadata");
// The kernel asks for its own licence; of the two above it is the second.
char _license[] SEC("license") = "GPL";

// SPDX-License-Identifier: Apache-2.0 OR GPL-2.0
// A backend's end of the tunnels: takes off the outer header of what the balancers send (IP in IP of
// either family in either, GUE variant 1), so that the kernel, which needs no tunnel driver, sees the
// client's packet to the service address that it holds. The classifier lowers the segment size in its
// answers to handshakes to what fits a tunnel. scripts/backend sets both up.
#include <linux/bpf.h>
#include <linux/if_ether.h>
#include <linux/in.h>
#include <linux/in6.h>
#include <linux/ip.h>
#include <linux/ipv6.h>
#include <linux/pkt_cls.h>
#include <linux/tcp.h>
#include <linux/udp.h>

#include <stddef.h>

#include <bpf/bpf_endian.h>
#include <bpf/bpf_helpers.h>

#define MODE_IPIP 1
#define MODE_GUE 2
#define MAX_SENDERS 1024
#define MAX_SERVICES 4096

// IPv4 as ::ffff:a.b.c.d, so that one map serves both families.
struct address {
  __u8 bytes[16];
};

struct sender {
  __u32 length;
  struct address prefix;
};

struct settings {
  __be16 gue_port;
  __u16 modes;
  __u16 segment4;  // most of a TCP segment over IPv4; 0: not lowered
  __u16 segment6;
};

// In the order that scripts/backend prints them.
enum event { TAKEN_IPIP, TAKEN_GUE, STRANGER, NO_SERVICE, MALFORMED, CONGESTED, CLAMPED, EVENTS };

struct tally {
  __u64 packets;
  __u64 bytes;
};

struct {
  __uint(type, BPF_MAP_TYPE_ARRAY);
  __uint(max_entries, 1);
  __type(key, __u32);
  __type(value, struct settings);
} settings SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_LPM_TRIE);
  __uint(max_entries, MAX_SENDERS);
  __uint(map_flags, BPF_F_NO_PREALLOC);
  __type(key, struct sender);
  __type(value, __u8);
} senders SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_HASH);
  __uint(max_entries, MAX_SERVICES);
  __type(key, struct address);
  __type(value, __u8);
} services SEC(".maps");

struct {
  __uint(type, BPF_MAP_TYPE_PERCPU_ARRAY);
  __uint(max_entries, EVENTS);
  __type(key, __u32);
  __type(value, struct tally);
} tallies SEC(".maps");

static __always_inline void count(enum event event, __u64 bytes) {
  __u32 key = event;
  struct tally* tally = bpf_map_lookup_elem(&tallies, &key);
  if (tally) {
    tally->packets += 1;
    tally->bytes += bytes;
  }
}

static __always_inline struct address mapped(const __be32* v4) {
  struct address address = {.bytes = {[10] = 0xff, [11] = 0xff}};
  __builtin_memcpy(address.bytes + 12, v4, 4);
  return address;
}

static __always_inline struct address whole(const struct in6_addr* v6) {
  struct address address;
  __builtin_memcpy(address.bytes, v6, 16);
  return address;
}

// What the outer header says.
struct outer {
  struct address source;
  __u32 size;       // bytes of it, a UDP header included
  __u8 ecn;
  __u8 version;     // of the inner packet; 0: its first byte tells
  enum event kind;  // what it counts as
};

// The header that the balancers write: no options, no extension headers, no fragment. 0: another.
static __always_inline int read_outer(void* at, void* end, __be16 ether_type,
                                      const struct settings* own, struct outer* outer) {
  __u8 protocol;
  void* next;
  if (ether_type == bpf_htons(ETH_P_IP)) {
    struct iphdr* ip = at;
    if ((void*)(ip + 1) > end || ip->ihl != 5) return 0;
    if (ip->frag_off & bpf_htons(0x3fff)) return 0;
    protocol = ip->protocol;
    next = ip + 1;
    outer->size = sizeof *ip;
    outer->ecn = ip->tos & 3;
    outer->source = mapped(&ip->saddr);
  } else if (ether_type == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr* ip = at;
    if ((void*)(ip + 1) > end) return 0;
    protocol = ip->nexthdr;
    next = ip + 1;
    outer->size = sizeof *ip;
    outer->ecn = ip->flow_lbl[0] >> 4 & 3;
    outer->source = whole(&ip->saddr);
  } else {
    return 0;
  }
  outer->kind = TAKEN_IPIP;
  outer->version = protocol == IPPROTO_IPIP ? 4 : 6;
  if (protocol == IPPROTO_IPIP || protocol == IPPROTO_IPV6) return own->modes & MODE_IPIP;
  struct udphdr* udp = next;
  if (protocol != IPPROTO_UDP || (void*)(udp + 1) > end || udp->dest != own->gue_port) return 0;
  outer->size += sizeof *udp;
  outer->kind = TAKEN_GUE;
  outer->version = 0;
  return own->modes & MODE_GUE;
}

// RFC 6040 section 4.2: what the way through the tunnel tells of congestion. -1: the packet must not
// go on, for its ends would not hear of it.
static __always_inline int ecn_of(__u8 outer, __u8 inner) {
  enum { NOT_CAPABLE, ECT1, ECT0, CONGESTION };
  if (outer == CONGESTION) return inner == NOT_CAPABLE ? -1 : CONGESTION;
  return outer == ECT1 && inner == ECT0 ? ECT1 : inner;
}

// RFC 1624 equation 3, for the word that holds the traffic class.
static __always_inline void set_ecn4(struct iphdr* ip, __u8 ecn) {
  __u8 tos = (ip->tos & ~3) | ecn;
  __u32 sum = (__u16)~ip->check + (__u16)~bpf_htons(ip->tos) + bpf_htons(tos);
  sum = (sum & 0xffff) + (sum >> 16);
  sum = (sum & 0xffff) + (sum >> 16);
  ip->check = ~sum;
  ip->tos = tos;
}

// The client's packet: to a service address of this host. Returns its Ethernet type; 0: dropped for
// *why.
static __always_inline __be16 read_inner(void* at, void* end, const struct outer* outer,
                                         enum event* why) {
  struct address service;
  int ecn;
  *why = MALFORMED;
  struct iphdr* ip = at;
  if ((void*)(ip + 1) > end) return 0;
  if (outer->version != 0 && ip->version != outer->version) return 0;
  if (ip->version == 4) {
    service = mapped(&ip->daddr);
    ecn = ecn_of(outer->ecn, ip->tos & 3);
    if (ecn >= 0 && ecn != (ip->tos & 3)) set_ecn4(ip, ecn);
  } else {
    struct ipv6hdr* ip6 = at;
    if ((void*)(ip6 + 1) > end || ip6->version != 6) return 0;
    service = whole(&ip6->daddr);
    ecn = ecn_of(outer->ecn, ip6->flow_lbl[0] >> 4 & 3);
    if (ecn >= 0) ip6->flow_lbl[0] = (ip6->flow_lbl[0] & 0xcf) | ecn << 4;
  }
  *why = NO_SERVICE;
  if (!bpf_map_lookup_elem(&services, &service)) return 0;
  *why = CONGESTED;
  if (ecn < 0) return 0;
  return ip->version == 4 ? bpf_htons(ETH_P_IP) : bpf_htons(ETH_P_IPV6);
}

static __always_inline int drop(enum event why, __u64 bytes) {
  count(why, bytes);
  return XDP_DROP;
}

SEC("xdp")
int sluice_backend(struct xdp_md* context) {
  void* at = (void*)(long)context->data;
  void* end = (void*)(long)context->data_end;
  __u64 bytes = end - at;
  __u32 zero = 0;
  struct settings* own = bpf_map_lookup_elem(&settings, &zero);
  struct ethhdr* ethernet = at;
  struct outer outer = {};
  if (!own || (void*)(ethernet + 1) > end) return XDP_PASS;
  if (!read_outer(ethernet + 1, end, ethernet->h_proto, own, &outer)) return XDP_PASS;

  struct sender sender = {.length = 128, .prefix = outer.source};
  if (!bpf_map_lookup_elem(&senders, &sender)) {
    count(STRANGER, bytes);
    return XDP_PASS;  // the kernel's to answer
  }
  enum event why;
  __be16 ether_type = read_inner((void*)(ethernet + 1) + outer.size, end, &outer, &why);
  if (!ether_type) return drop(why, bytes);

  struct ethhdr kept = *ethernet;
  kept.h_proto = ether_type;
  if (bpf_xdp_adjust_head(context, outer.size)) return drop(MALFORMED, bytes);
  ethernet = (void*)(long)context->data;
  if ((void*)(ethernet + 1) > (void*)(long)context->data_end) return XDP_DROP;
  *ethernet = kept;
  count(outer.kind, bytes);
  return XDP_PASS;
}

// Offset from the TCP header of the segment size in its options; 0: there is none.
static __always_inline __u32 find_segment_size(struct __sk_buff* skb, __u32 tcp, __u32 size) {
  __u32 at = sizeof(struct tcphdr);
  for (int i = 0; i < 40; ++i) {
    __u8 option[2];
    if (at + 4 > size || bpf_skb_load_bytes(skb, tcp + at, option, sizeof option)) return 0;
    if (option[0] == 0) return 0;
    if (option[0] == 2) return option[1] == 4 ? at + 2 : 0;
    if (option[0] != 1 && option[1] < 2) return 0;
    at += option[0] == 1 ? 1 : option[1];
  }
  return 0;
}

static __always_inline void lower(struct __sk_buff* skb, __u32 tcp, __u32 at, __u16 most) {
  __be16 before, after = bpf_htons(most);
  if (bpf_skb_load_bytes(skb, tcp + at, &before, sizeof before)) return;
  if (bpf_ntohs(before) <= most) return;
  // At an odd offset the two bytes count the other way round (RFC 1071 section 2 (B)).
  __u32 odd = at & 1;
  bpf_l4_csum_replace(skb, tcp + offsetof(struct tcphdr, check),
                      odd ? __builtin_bswap16(before) : before,
                      odd ? __builtin_bswap16(after) : after, sizeof before);
  bpf_skb_store_bytes(skb, tcp + at, &after, sizeof after, 0);
  count(CLAMPED, skb->len);
}

SEC("tc")
int sluice_clamp(struct __sk_buff* skb) {
  __u32 zero = 0, l3 = sizeof(struct ethhdr), tcp;
  struct settings* own = bpf_map_lookup_elem(&settings, &zero);
  struct address service;
  struct tcphdr header;
  __u16 most;
  if (!own) return TC_ACT_OK;
  if (skb->protocol == bpf_htons(ETH_P_IP)) {
    struct iphdr ip;
    if (bpf_skb_load_bytes(skb, l3, &ip, sizeof ip) || ip.protocol != IPPROTO_TCP) return TC_ACT_OK;
    service = mapped(&ip.saddr);
    tcp = l3 + ip.ihl * 4;
    most = own->segment4;
  } else if (skb->protocol == bpf_htons(ETH_P_IPV6)) {
    struct ipv6hdr ip;
    if (bpf_skb_load_bytes(skb, l3, &ip, sizeof ip) || ip.nexthdr != IPPROTO_TCP) return TC_ACT_OK;
    service = whole(&ip.saddr);
    tcp = l3 + sizeof ip;
    most = own->segment6;
  } else {
    return TC_ACT_OK;
  }
  if (most == 0 || bpf_skb_load_bytes(skb, tcp, &header, sizeof header)) return TC_ACT_OK;
  if (!header.syn || !bpf_map_lookup_elem(&services, &service)) return TC_ACT_OK;
  __u32 at = find_segment_size(skb, tcp, header.doff * 4);
  if (at != 0) lower(skb, tcp, at, most);
  return TC_ACT_OK;
}

// The kernel asks for its own licence; of the two above it is the second.
char _license[] SEC("license") = "GPL";

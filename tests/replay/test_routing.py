"""What becomes of packets that are only to be forwarded, and of those to our own addresses."""

from scapy.all import (ARP, ICMP, IP, IPv6, UDP, Dot1Q, Ether, ICMPv6EchoReply, ICMPv6EchoRequest,
                       ICMPv6ND_NA, ICMPv6ND_NS, ICMPv6NDOptDstLLAddr, ICMPv6NDOptSrcLLAddr, ICMPv6TimeExceeded)

from harness import BACKEND, CLIENT, LAB, LAN, NEXT_HOP, WAN, forwarded, from_client, replay

V4 = IP(src="198.18.0.2", dst="198.18.1.11")
V6 = IPv6(src="2001:2::2", dst="2001:2:0:1::11")


def test_ipv4_is_forwarded_by_its_route(tmp_path):
    frame = from_client(V4 / UDP(sport=5000, dport=9) / b"hello")
    done = replay(tmp_path, [frame])
    assert done.frames == [("lan", 1_700_000_000.0, bytes(forwarded(frame)))]
    assert done.verdicts == [{"n": 1, "in": "wan", "verdict": "sent", "reason": None, "stage": "deliver",
                              "rule": None, "service": None, "backend": None, "mode": None, "out": "lan", "cycles": None}]


def test_ipv6_is_forwarded_by_its_route(tmp_path):
    frame = from_client(V6 / UDP(sport=5000, dport=9) / b"hello")
    done = replay(tmp_path, [frame])
    assert done.sent_by("lan") == [bytes(forwarded(frame))]


def test_a_listed_neighbour_has_its_own_address(tmp_path):
    state = LAB.replace('name: lan\nspec:', 'name: lan\nspec:\n  neighbours:\n'
                        f'    - {{address: 198.18.1.11, mac: "{BACKEND}"}}')
    to_listed = from_client(V4 / UDP(dport=9))
    to_other = from_client(IP(src="198.18.0.2", dst="198.18.1.12") / UDP(dport=9))
    done = replay(tmp_path, [to_listed, to_other], state)
    assert done.sent_by("lan") == [bytes(forwarded(to_listed, to=BACKEND)), bytes(forwarded(to_other, to=NEXT_HOP))]


def test_what_a_capture_says_of_neighbours_does_not_change_next_hops(tmp_path):
    asks = Ether(src=BACKEND, dst="ff:ff:ff:ff:ff:ff") / ARP(hwsrc=BACKEND, psrc="198.18.1.11", pdst="198.18.1.1")
    frame = from_client(V4 / UDP(dport=9), port=LAN)
    done = replay(tmp_path, [asks, frame], arguments=["--port", "lan"])
    assert done.column("verdict") == ["answered", "sent"]
    assert done.sent_by("lan")[1] == bytes(forwarded(frame, to=NEXT_HOP))


def test_expired_ttl_is_answered_with_time_exceeded(tmp_path):
    frame = from_client(IP(src="198.18.0.2", dst="198.18.1.11", ttl=1, id=7) / UDP(sport=5000, dport=9) / b"hello")
    done = replay(tmp_path, [frame])
    [answer] = map(Ether, done.sent_by("wan"))
    assert (answer.src, answer.dst) == (WAN, CLIENT)
    assert (answer[IP].src, answer[IP].dst) == ("198.18.0.1", "198.18.0.2")
    assert (answer[ICMP].type, answer[ICMP].code) == (11, 0)
    assert bytes(answer[ICMP].payload).startswith(bytes(frame[IP])), "the packet is quoted as it came"
    assert done.column("verdict") == ["answered"]


def test_expired_hop_limit_is_answered_with_time_exceeded(tmp_path):
    frame = from_client(IPv6(src="2001:2::2", dst="2001:2:0:1::11", hlim=1) / UDP(dport=9) / b"hello")
    done = replay(tmp_path, [frame])
    [answer] = map(Ether, done.sent_by("wan"))
    assert answer[IPv6].src == "2001:2::1"
    assert bytes(answer[ICMPv6TimeExceeded].payload).startswith(bytes(frame[IPv6]))


def test_more_than_the_mtu_is_answered_with_its_size(tmp_path):
    state = LAB.replace("name: lan\nspec:", "name: lan\nspec:\n  mtu: 1300")
    frame = from_client(IP(src="198.18.0.2", dst="198.18.1.11", flags="DF") / UDP(dport=9) / bytes(1300))
    done = replay(tmp_path, [frame], state)
    [answer] = map(Ether, done.sent_by("wan"))
    assert (answer[ICMP].type, answer[ICMP].code, answer[ICMP].nexthopmtu) == (3, 4, 1300)


def test_no_route_is_answered_with_unreachable(tmp_path):
    done = replay(tmp_path, [from_client(IP(src="198.18.0.2", dst="203.0.113.1") / UDP(dport=9))])
    [answer] = map(Ether, done.sent_by("wan"))
    assert (answer[ICMP].type, answer[ICMP].code) == (3, 0)


def test_vlan_tags_are_removed(tmp_path):
    inner = V4 / UDP(sport=5000, dport=9) / b"hello"
    tagged = Ether(src=CLIENT, dst=WAN) / Dot1Q(vlan=7) / inner
    twice = Ether(src=CLIENT, dst=WAN, type=0x88A8) / Dot1Q(vlan=7, type=0x8100) / Dot1Q(vlan=8) / inner
    thrice = Ether(src=CLIENT, dst=WAN) / Dot1Q(vlan=7) / Dot1Q(vlan=8) / Dot1Q(vlan=9) / inner
    done = replay(tmp_path, [tagged, twice, thrice])
    untagged = bytes(forwarded(from_client(inner)))
    assert done.sent_by("lan") == [untagged, untagged]
    assert done.column("reason") == [None, None, "vlan_too_deep"]


def test_echo_is_answered(tmp_path):
    ping4 = from_client(IP(src="198.18.0.2", dst="198.18.0.1", id=3) / ICMP(id=9, seq=1) / b"payload")
    ping6 = from_client(IPv6(src="2001:2::2", dst="2001:2::1") / ICMPv6EchoRequest(id=9, seq=1, data=b"payload"))
    done = replay(tmp_path, [ping4, ping6])
    answer4, answer6 = map(Ether, done.sent_by("wan"))
    assert (answer4.dst, answer4[IP].dst, answer4[ICMP].type) == (CLIENT, "198.18.0.2", 0)
    assert (answer4[ICMP].id, answer4[ICMP].seq, bytes(answer4[ICMP].payload)) == (9, 1, b"payload")
    assert (answer6[IPv6].dst, answer6[ICMPv6EchoReply].data) == ("2001:2::2", b"payload")
    assert done.column("verdict") == ["answered", "answered"]


def test_arp_is_answered_for_our_address_only(tmp_path):
    def who_has(address):
        return Ether(src=CLIENT, dst="ff:ff:ff:ff:ff:ff") / ARP(op=1, hwsrc=CLIENT, psrc="198.18.0.2", pdst=address)
    done = replay(tmp_path, [who_has("198.18.0.1"), who_has("198.18.0.9")])
    [answer] = map(Ether, done.sent_by("wan"))
    assert answer == Ether(bytes(Ether(src=WAN, dst=CLIENT) / ARP(op=2, hwsrc=WAN, psrc="198.18.0.1", hwdst=CLIENT,
                                                                  pdst="198.18.0.2")))
    assert [(v["verdict"], v["stage"], v["reason"]) for v in done.verdicts] == \
        [("answered", "resolve", None), ("dropped", "resolve", "neighbour_noted")]


def test_neighbour_solicitation_is_answered(tmp_path):
    asks = Ether(src=CLIENT, dst="33:33:ff:00:00:01") / IPv6(src="2001:2::2", dst="ff02::1:ff00:1", hlim=255) / \
        ICMPv6ND_NS(tgt="2001:2::1") / ICMPv6NDOptSrcLLAddr(lladdr=CLIENT)
    done = replay(tmp_path, [asks])
    [answer] = map(Ether, done.sent_by("wan"))
    assert (answer[ICMPv6ND_NA].tgt, answer[ICMPv6ND_NA].S) == ("2001:2::1", 1)
    assert answer[ICMPv6NDOptDstLLAddr].lladdr == WAN


def test_a_frame_to_another_station_is_not_ours_where_the_address_of_the_port_is_known(tmp_path):
    frame = Ether(src=CLIENT, dst="02:00:00:00:77:77") / V4 / UDP(sport=5000, dport=9)
    state = LAB.replace("name: wan\nspec:", f'name: wan\nspec:\n  mac: "{WAN}"')
    done = replay(tmp_path, [frame], state)
    assert [(v["verdict"], v["reason"]) for v in done.verdicts] == [("dropped", "not_our_mac")]
    assert done.frames == []
    done = replay(tmp_path, [frame])
    assert done.sent_by("lan") == [bytes(forwarded(frame))]


def test_what_is_for_the_host_is_punted(tmp_path):
    done = replay(tmp_path, [from_client(IP(src="198.18.0.2", dst="198.18.0.1") / UDP(dport=9))])
    assert [(v["verdict"], v["out"]) for v in done.verdicts] == [("punted", "host")]
    assert done.frames == [], "it leaves by no port"


def test_spoiled_packets_are_dropped_for_what_is_wrong_with_them(tmp_path):
    good = bytes(from_client(V4 / UDP(dport=9) / b"hello"))
    wrong_sum = good[:24] + b"\x12\x34" + good[26:]
    done = replay(tmp_path, [b"", good[:10], good[:30], wrong_sum, good[:12] + b"\x88\xb5" + good[14:]])
    assert done.column("reason") == ["frame_truncated", "frame_truncated", "ip_header_malformed", "ip_checksum",
                                     "ethertype_unknown"]
    assert set(done.column("stage")) == {"parse"}

"""Services whose backends are reached in tunnels: what leaves is taken apart by scapy and held against the
configuration."""

import ipaddress

import pytest
from scapy.all import (ICMP, IP, TCP, UDP, Ether, ICMPv6PacketTooBig, ICMPv6TimeExceeded, IPv6, Raw, fragment)

from scapy.layers.inet6 import in6_chksum
from scapy.utils import checksum

from harness import CLIENT, LAB, LAN, NEXT_HOP, WAN, from_backend, from_client, rebuilt, replay

BACKENDS = {"be1": "198.18.1.11", "be2": "198.18.1.12", "be3": "198.18.1.13"}
BACKENDS6 = {"be1": "2001:2:0:1::11", "be2": "2001:2:0:1::12", "be3": "2001:2:0:1::13"}
CLIENT4, CLIENT6 = "198.18.0.2", "2001:2::2"
WEB4, WEB6 = "198.18.100.180", "2001:2:0:100::180"
SOURCES = {4: "198.18.2.0/24", 6: "2001:2:0:2::/64"}


def state(mode, inside=(WEB4, WEB6), ends=(BACKENDS, BACKENDS6), sources=tuple(SOURCES.values()), mtu=1500, more=""):
    """The lab with services of TCP and UDP in tunnels of that mode, and a port lan of that MTU."""
    port = "" if mode == "IPIP" else ", port: 6081"
    tunnel = f"tunnel: {{sources: [{', '.join(repr(s) for s in sources)}]{port}{more}}}"
    backends = ", ".join(f"{{name: {n}, addresses: [{', '.join(repr(e[n]) for e in ends)}]}}" for n in BACKENDS)
    services = "".join(
        f"---\nkind: Service\nname: tunnel-{protocol.lower()}\nspec: {{addresses: [{', '.join(map(repr, inside))}], port: 80, "
        f"protocol: {protocol}, mode: {mode}, {tunnel}, backends: [{backends}]}}\n" for protocol in ("TCP", "UDP"))
    return LAB.replace("name: lan\nspec:", f"name: lan\nspec:\n  mtu: {mtu}") + services


def ip(source, destination, **fields):
    return (IPv6 if ":" in source else IP)(src=source, dst=destination, **fields)


def taken_off(frame, mode):
    """(outer header, UDP header or None, inner packet) of a frame, as a backend would take it."""
    frame = Ether(frame)
    assert (frame.src, frame.dst) == (LAN, NEXT_HOP)
    outer = frame.payload
    header = type(outer)(bytes(outer)[:20 if outer.version == 4 else 40])
    assert bytes(rebuilt(header)) == bytes(header), "the checksum of the outer header"
    assert (outer.len if outer.version == 4 else outer.plen + 40) == len(frame) - 14
    inside, udp = bytes(outer.payload), None
    number = outer.proto if outer.version == 4 else outer.nh
    if mode == "GUE":
        assert number == 17
        udp = outer[UDP]
        assert udp.dport == 6081 and udp.sport >= 49152 and udp.len == len(inside)
        assert (udp.chksum == 0) == (outer.version == 4)
        inside = inside[8:]
    inner = {4: IP, 6: IPv6}[inside[0] >> 4](inside)
    if mode == "IPIP":
        assert number == {4: 4, 6: 41}[inner.version]
    return outer, udp, inner


def check_error(frame):
    """The checksums of an ICMP error, whatever it quotes."""
    packet = Ether(frame).payload
    if packet.version == 4:
        assert checksum(bytes(packet)[:20]) == 0 and checksum(bytes(packet)[20:]) == 0
    else:
        assert in6_chksum(58, packet, bytes(packet)[40:]) == 0


def check_udp(frame):
    """The checksum of GUE over IPv6 is the one that scapy computes."""
    fresh = Ether(bytes(frame))
    given = fresh[UDP].chksum
    payload = bytes(fresh[UDP])[8:]
    again = IPv6(src=fresh[IPv6].src, dst=fresh[IPv6].dst) / UDP(sport=fresh[UDP].sport, dport=fresh[UDP].dport) / Raw(payload)
    assert IPv6(bytes(again))[UDP].chksum == given


CLIENTS = [(CLIENT4, WEB4), (CLIENT6, WEB6)]
ENDS = {4: BACKENDS, 6: BACKENDS6}


@pytest.mark.parametrize("mode", ["IPIP", "GUE"])
@pytest.mark.parametrize("outside", [4, 6])
@pytest.mark.parametrize("client,service", CLIENTS)
def test_the_packet_is_in_it_one_hop_older(tmp_path, mode, outside, client, service):
    config = state(mode, ends=(ENDS[outside],))
    hop = {"hlim": 40} if ":" in client else {"ttl": 40, "flags": "DF", "id": 7}
    packets = [from_client(ip(client, service, **hop) / TCP(sport=5000 + n, dport=80, flags="A", seq=n) / (b"x" * n))
               for n in range(48)]
    done = replay(tmp_path, packets, config)
    assert done.column("verdict") == ["sent"] * 48
    assert set(done.column("mode")) == {mode} and set(done.column("service")) == {"tunnel-tcp"}
    sources, ports, labels = set(), set(), set()
    for sent, frame, verdict in zip(packets, done.sent_by("lan"), done.verdicts):
        outer, udp, inner = taken_off(frame, mode)
        assert outer.version == outside
        assert outer.dst == ENDS[outside][verdict["backend"]]
        assert ipaddress.ip_address(outer.src) in ipaddress.ip_network(SOURCES[outside])
        expected = sent.payload.copy()
        if inner.version == 4:
            expected.ttl = 39
        else:
            expected.hlim = 39
        assert bytes(inner) == bytes(rebuilt(expected))
        if outside == 4:
            assert outer.ttl == 64 and outer.flags == "DF"
        else:
            assert outer.hlim == 64
            labels.add(outer.fl)
            if mode == "GUE":
                check_udp(frame)
        sources.add(outer.src)
        ports.add(udp.sport if udp else 0)
    assert len(sources) > 30, "receive queues of the backend share the load"
    assert mode == "IPIP" or len(ports) > 40
    assert outside == 4 or len(labels) > 40
    assert {v["backend"] for v in done.verdicts} == set(BACKENDS)


@pytest.mark.parametrize("client,service", CLIENTS)
def test_the_backend_is_the_one_of_every_mode(tmp_path, client, service):
    packets = [from_client(ip(client, service) / TCP(sport=p, dport=80, flags="S")) for p in range(6000, 6030)]
    ipip, gue = (replay(tmp_path, packets, state(mode)).column("backend") for mode in ("IPIP", "GUE"))
    assert ipip == gue
    assert replay(tmp_path, packets + packets, state("IPIP")).column("backend") == ipip * 2


def test_without_a_source_the_port_is_the_source(tmp_path):
    packets = [from_client(ip(c, s) / UDP(sport=5000, dport=80) / b"x") for c, s in CLIENTS]
    done = replay(tmp_path, packets, state("GUE", sources=()))
    assert [Ether(f).payload.src for f in done.sent_by("lan")] == ["198.18.1.1", "2001:2:0:1::1"]


def test_dscp_and_ecn_are_copied(tmp_path):
    packets = [from_client(IP(src=CLIENT4, dst=WEB4, tos=0xb9) / UDP(dport=80)),
               from_client(IPv6(src=CLIENT6, dst=WEB6, tc=0xb9) / UDP(dport=80))]
    v4, v6 = (taken_off(f, "IPIP")[0] for f in replay(tmp_path, packets, state("IPIP")).sent_by("lan"))
    assert (v4.tos, v6.tc) == (0xb9, 0xb9)


@pytest.mark.parametrize("mode,outside,overhead", [("IPIP", 4, 20), ("GUE", 4, 28), ("IPIP", 6, 40), ("GUE", 6, 48)])
@pytest.mark.parametrize("client,service", CLIENTS)
def test_what_just_fits_and_what_does_not(tmp_path, mode, outside, overhead, client, service):
    header = 48 if ":" in client else 28
    flags = {} if ":" in client else {"flags": "DF"}
    most = 1400 - overhead

    def sized(size):
        return from_client(ip(client, service, **flags) / UDP(sport=5000, dport=80) / bytes(size - header))
    fits, above = sized(most), sized(most + 1)
    done = replay(tmp_path, [fits, above], state(mode, ends=(ENDS[outside],), mtu=1400))
    assert done.column("verdict") == ["sent", "answered"]
    assert done.column("stage") == ["deliver", "encapsulate"]
    [frame] = done.sent_by("lan")
    assert len(frame) == 1400 + 14
    [answer] = map(Ether, done.sent_by("wan"))
    check_error(bytes(answer))
    assert (answer.dst, answer.payload.src, answer.payload.dst) == (CLIENT, service, client)
    if ":" in client:
        assert answer[ICMPv6PacketTooBig].mtu == most
        quoted = bytes(answer[ICMPv6PacketTooBig].payload)
    else:
        assert (answer[ICMP].type, answer[ICMP].code, answer[ICMP].nexthopmtu) == (3, 4, most)
        quoted = bytes(answer[ICMP].payload)
    assert bytes(above.payload).startswith(quoted) and len(quoted) > header + 8


def test_without_df_a_packet_that_does_not_fit_is_dropped(tmp_path):
    packet = from_client(IP(src=CLIENT4, dst=WEB4) / UDP(dport=80) / bytes(1460))
    done = replay(tmp_path, [packet], state("IPIP"))
    assert [(v["verdict"], v["reason"]) for v in done.verdicts] == [("dropped", "too_big")]
    assert done.frames == []


def test_fragments(tmp_path):
    """The first goes in the tunnel, whole in itself; for a later one nobody knows the backend."""
    first, later = fragment(IP(src=CLIENT4, dst=WEB4, id=9) / UDP(sport=5, dport=80) / bytes(2000), 1200)[:2]
    done = replay(tmp_path, [from_client(first), from_client(later)], state("GUE", ends=(BACKENDS6,)))
    assert done.column("reason") == [None, "service_fragment"]
    [frame] = done.sent_by("lan")
    _, _, inner = taken_off(frame, "GUE")
    assert inner.flags == "MF" and inner.frag == 0
    check_udp(frame)


@pytest.mark.parametrize("client,service", CLIENTS)
def test_the_last_hop_is_told(tmp_path, client, service):
    hop = {"hlim": 1} if ":" in client else {"ttl": 1}
    done = replay(tmp_path, [from_client(ip(client, service, **hop) / UDP(dport=80))], state("IPIP"))
    [answer] = map(Ether, done.sent_by("wan"))
    if ":" in client:
        assert answer[ICMPv6TimeExceeded].code == 0
    else:
        assert (answer[ICMP].type, answer[ICMP].code) == (11, 0)
    assert done.column("stage") == ["encapsulate"]


def segment_size(packet):
    return dict(packet[TCP].options)["MSS"]


@pytest.mark.parametrize("mode,v4,v6", [("IPIP", 1440, 1400), ("GUE", 1432, 1392)])
def test_handshakes_agree_on_what_fits(tmp_path, mode, v4, v6):
    for client, service, most in ((CLIENT4, WEB4, v4), (CLIENT6, WEB6, v6)):
        syn = from_client(ip(client, service) / TCP(sport=5000, dport=80, flags="S", options=[("MSS", 8960)]))
        answer = from_backend(ip(service, client) / TCP(sport=80, dport=5000, flags="SA", ack=1, options=[("MSS", 8960)]))
        done = replay(tmp_path, [syn, answer], state(mode))
        _, _, inner = taken_off(done.sent_by("lan")[0], mode)
        back = Ether(done.sent_by("wan")[0]).payload
        assert (segment_size(inner), segment_size(back)) == (most, most)
        assert rebuilt(inner) == inner and rebuilt(back) == back
        kept = replay(tmp_path, [syn, answer], state(mode, more=", segment_size: KEEP"))
        assert segment_size(taken_off(kept.sent_by("lan")[0], mode)[2]) == 8960
        assert segment_size(Ether(kept.sent_by("wan")[0])) == 8960


def outer_of(folder, mode, client, service, size):
    """A packet of the client, and the outer packet that it becomes."""
    packet = from_client(ip(client, service) / TCP(sport=5000, dport=80, flags="A") / bytes(size))
    [frame] = replay(folder, [packet], state(mode)).sent_by("lan")
    return packet, Ether(frame).payload


@pytest.mark.parametrize("mode", ["IPIP", "GUE"])
@pytest.mark.parametrize("client,service", CLIENTS)
def test_errors_about_the_tunnel_reach_the_client(tmp_path, mode, client, service):
    _, outer = outer_of(tmp_path, mode, client, service, 100)
    router = "2001:2:7::7" if ":" in client else "198.18.7.7"
    overhead = {4: 20, 6: 40}[outer.version] + (8 if mode == "GUE" else 0)
    error = ICMPv6PacketTooBig(mtu=1400) if ":" in client else ICMP(type=3, code=4, nexthopmtu=1400)
    packet = from_client(ip(client, service) / TCP(sport=5000, dport=80, flags="A") / bytes(100))
    arrives = from_backend(ip(router, outer.src) / error / Raw(bytes(outer)[:120]))
    done = replay(tmp_path, [packet, arrives], state(mode))
    assert done.column("verdict") == ["sent", "sent"]
    [told] = map(Ether, done.sent_by("wan"))
    check_error(bytes(told))
    assert (told.payload.src, told.payload.dst) == (service, client)
    if ":" in client:
        assert told[ICMPv6PacketTooBig].mtu == max(1280, 1400 - overhead)
        quoted = bytes(told[ICMPv6PacketTooBig].payload)
    else:
        assert (told[ICMP].type, told[ICMP].code, told[ICMP].nexthopmtu) == (3, 4, 1400 - overhead)
        quoted = bytes(told[ICMP].payload)
    assert quoted == bytes(outer)[overhead:120], "the client's own packet is quoted"


def test_what_quotes_too_little_is_counted(tmp_path):
    packet, outer = outer_of(tmp_path, "IPIP", CLIENT4, WEB4, 100)
    arrives = from_backend(IP(src="198.18.7.7", dst=outer.src) / ICMP(type=3, code=4, nexthopmtu=1400) / Raw(bytes(outer)[:28]))
    done = replay(tmp_path, [packet, arrives], state("IPIP"))
    assert done.column("reason") == [None, "tunnel_error"]
    assert done.column("stage")[1] == "restore"


@pytest.mark.parametrize("client,service", CLIENTS)
def test_errors_about_what_the_backend_sent_reach_it_in_the_tunnel(tmp_path, client, service):
    syn = from_client(ip(client, service) / TCP(sport=5000, dport=80, flags="S"))
    answer = ip(service, client) / TCP(sport=80, dport=5000, flags="A") / bytes(64)
    router = "2001:2:7::7" if ":" in client else "198.18.7.7"
    error = ICMPv6PacketTooBig(mtu=1400) if ":" in client else ICMP(type=3, code=4, nexthopmtu=1400)
    arrives = from_client(ip(router, service) / error / Raw(bytes(answer)))
    done = replay(tmp_path, [syn, arrives], state("IPIP"))
    assert done.column("backend")[0] == done.column("backend")[1] is not None
    to, about = (taken_off(f, "IPIP")[0].dst for f in done.sent_by("lan"))
    assert to == about


def test_the_source_prefix_is_ours(tmp_path):
    ping = from_backend(IP(src="198.18.1.11", dst="198.18.2.77") / ICMP(id=1, seq=1))
    assert replay(tmp_path, [ping], state("IPIP"), arguments=["--port", "lan"]).column("verdict") == ["answered"]
    assert WAN  # the port of the client has no part in it

"""Full NAT and PROXY headers: what backends and clients see, built anew by scapy."""

import socket
import struct

import pytest
from scapy.all import ICMP, IP, TCP, UDP, Ether, ICMPv6PacketTooBig, IPv6

from harness import LAN, NEXT_HOP, WAN, from_backend, from_client, rebuilt, replay

SERVICES = {4: "198.18.100.86", 6: "2001:2:0:100::86"}
CLIENTS = {4: "198.18.0.2", 6: "2001:2::2"}
BACKENDS = {4: "198.18.1.11", 6: "2001:2:0:1::11"}
LOCALS = {4: "198.18.2.1", 6: "2001:2:0:2::1"}
IPS = {4: IP, 6: IPv6}
FAMILIES = pytest.mark.parametrize("family", [4, 6])


def state(protocol="TCP", proxy="NONE", mode="FULL_NAT", ports="local_ports: {first: 3000, last: 3000}"):
    more = f"  local_addresses: [{LOCALS[4]}, \"{LOCALS[6]}\"]\n  {ports}\n" if mode == "FULL_NAT" else ""
    return f"""kind: Port
name: wan
spec: {{addresses: [198.18.0.1/24, "2001:2::1/64"]}}
---
kind: Port
name: lan
spec: {{addresses: [198.18.1.1/24, "2001:2:0:1::1/64"]}}
---
kind: Service
name: full
spec:
  addresses: [{SERVICES[4]}, "{SERVICES[6]}"]
  port: 80
  protocol: {protocol}
  mode: {mode}
  proxy_protocol: {proxy}
{more}  backends: [{{name: be1, addresses: [{BACKENDS[4]}, "{BACKENDS[6]}"], port: 8080}}]
"""


def to_service(family, layer):
    return from_client(IPS[family](src=CLIENTS[family], dst=SERVICES[family]) / layer)


def to_local(family, layer, source=None):
    return from_backend(IPS[family](src=source or BACKENDS[family], dst=LOCALS[family]) / layer)


def at_backend(family, layer, source=None):
    """The frame as the backend gets it: a hop less, from the local address."""
    hop = {"ttl": 63} if family == 4 else {"hlim": 63}
    return bytes(Ether(src=LAN, dst=NEXT_HOP) / IPS[family](src=source or LOCALS[family], dst=BACKENDS[family], **hop) / layer)


def at_client(family, layer, source=None):
    hop = {"ttl": 63} if family == 4 else {"hlim": 63}
    return bytes(Ether(src=WAN, dst=NEXT_HOP) / IPS[family](src=source or SERVICES[family], dst=CLIENTS[family], **hop) / layer)


@FAMILIES
def test_tcp(tmp_path, family):
    stamps = [("MSS", 1460), ("SAckOK", b""), ("Timestamp", (7, 0)), ("NOP", None), ("WScale", 7)]
    bare = [("MSS", 1460), ("SAckOK", b"")] + [("NOP", None)] * 11 + [("WScale", 7)]
    done = replay(tmp_path, [
        to_service(family, TCP(sport=5000, dport=80, flags="S", seq=100, options=stamps)),
        to_local(family, TCP(sport=8080, dport=3000, flags="SA", seq=500, ack=101)),
        to_service(family, TCP(sport=5000, dport=80, flags="PA", seq=101, ack=501) / b"hello")], state())
    assert done.column("verdict") == ["sent"] * 3 and done.column("backend") == ["be1"] * 3
    assert done.sent_by("lan") == [
        at_backend(family, TCP(sport=3000, dport=8080, flags="S", seq=100, options=bare)),
        at_backend(family, TCP(sport=3000, dport=8080, flags="PA", seq=101, ack=501) / b"hello")]
    assert done.sent_by("wan") == [at_client(family, TCP(sport=80, dport=5000, flags="SA", seq=500, ack=101))]


@FAMILIES
def test_udp(tmp_path, family):
    done = replay(tmp_path, [to_service(family, UDP(sport=5000, dport=80) / b"ask"),
                             to_local(family, UDP(sport=8080, dport=3000) / b"tell")], state("UDP"))
    assert done.sent_by("lan") == [at_backend(family, UDP(sport=3000, dport=8080) / b"ask")]
    assert done.sent_by("wan") == [at_client(family, UDP(sport=80, dport=5000) / b"tell")]


@FAMILIES
def test_errors_both_ways(tmp_path, family):
    router = {4: "198.18.7.7", 6: "2001:2:7::7"}[family]
    ask, tell = UDP(sport=5000, dport=80) / b"ask", UDP(sport=8080, dport=3000) / b"tell"
    error = ICMP(type=3, code=4, nexthopmtu=1400) if family == 4 else ICMPv6PacketTooBig(mtu=1400)
    first = replay(tmp_path, [to_service(family, ask), to_local(family, tell)], state("UDP"))
    seen, back = (Ether(first.sent_by(port)[0]).payload for port in ("lan", "wan"))
    ip = IPS[family]
    done = replay(tmp_path, [
        to_service(family, ask), to_local(family, tell),
        to_local(family, error.copy() / seen, source=router),
        from_client(ip(src=router, dst=SERVICES[family]) / error.copy() / back)], state("UDP"))
    assert done.column("verdict") == ["sent"] * 4
    to_client, to_backend = Ether(done.sent_by("wan")[1]), Ether(done.sent_by("lan")[1])
    for frame in (to_client, to_backend):
        assert bytes(rebuilt(frame)) == bytes(frame), "every checksum is right, inner ones too"
    assert (to_client[ip].src, to_client[ip].dst) == (router, CLIENTS[family])
    assert (to_backend[ip].src, to_backend[ip].dst) == (LOCALS[family], BACKENDS[family])
    size = 8 + (14 + (20 if family == 4 else 40))
    quoted = [ip(bytes(f)[size:]) for f in (to_client, to_backend)]
    assert (quoted[0].src, quoted[0].dst, quoted[0][UDP].sport, quoted[0][UDP].dport) == \
        (CLIENTS[family], SERVICES[family], 5000, 80)
    assert (quoted[1].src, quoted[1].dst, quoted[1][UDP].sport, quoted[1][UDP].dport) == \
        (BACKENDS[family], LOCALS[family], 8080, 3000)


def header(version, family, client=5000, service=80):
    if version == "V1":
        return f"PROXY TCP{family} {CLIENTS[family]} {SERVICES[family]} {client} {service}\r\n".encode()
    kind = socket.AF_INET if family == 4 else socket.AF_INET6
    addresses = socket.inet_pton(kind, CLIENTS[family]) + socket.inet_pton(kind, SERVICES[family])
    return (b"\r\n\r\n\0\r\nQUIT\n" + bytes([0x21, 0x11 if family == 4 else 0x21]) +
            struct.pack(">H", len(addresses) + 4) + addresses + struct.pack(">HH", client, service))


@FAMILIES
@pytest.mark.parametrize("version", ["V1", "V2"])
@pytest.mark.parametrize("mode", ["FULL_NAT", "NAT"])
def test_proxy_headers(tmp_path, family, version, mode):
    head = header(version, family)
    n = len(head)
    port, seen_as = (3000, LOCALS[family]) if mode == "FULL_NAT" else (5000, CLIENTS[family])
    def reply(layer):
        return from_backend(IPS[family](src=BACKENDS[family], dst=seen_as) / layer)
    sack = [("NOP", None), ("NOP", None), ("SAck", (101 + n + 20, 101 + n + 30))]
    moved = [("NOP", None), ("NOP", None), ("SAck", (121, 131))]
    done = replay(tmp_path, [
        to_service(family, TCP(sport=5000, dport=80, flags="S", seq=100)),
        reply(TCP(sport=8080, dport=port, flags="SA", seq=500, ack=101, options=[("MSS", 1460)])),
        to_service(family, TCP(sport=5000, dport=80, flags="A", seq=101, ack=501)),
        to_service(family, TCP(sport=5000, dport=80, flags="PA", seq=101, ack=501) / b"0123456789"),
        reply(TCP(sport=8080, dport=port, flags="A", seq=501, ack=101 + n)),
        reply(TCP(sport=8080, dport=port, flags="A", seq=501, ack=101 + n + 10, options=sack)),
        to_service(family, TCP(sport=5000, dport=80, flags="FA", seq=111, ack=501))], state(proxy=version, mode=mode))
    assert done.column("verdict") == ["sent"] * 7
    def out(layer):
        return at_backend(family, layer, seen_as)
    assert done.sent_by("lan") == [
        out(TCP(sport=port, dport=8080, flags="S", seq=100)),
        out(TCP(sport=port, dport=8080, flags="A", seq=101, ack=501) / head),
        out(TCP(sport=port, dport=8080, flags="PA", seq=101 + n, ack=501) / b"0123456789"),
        out(TCP(sport=port, dport=8080, flags="FA", seq=111 + n, ack=501))]
    assert done.sent_by("wan") == [
        at_client(family, TCP(sport=80, dport=5000, flags="SA", seq=500, ack=101, options=[("MSS", 1460)])),
        at_client(family, TCP(sport=80, dport=5000, flags="A", seq=501, ack=101)),
        at_client(family, TCP(sport=80, dport=5000, flags="A", seq=501, ack=111, options=moved))]


@FAMILIES
def test_ports_run_out_and_come_back(tmp_path, family):
    def syn(port, after):
        return after, to_service(family, UDP(sport=port, dport=80) / b"x")
    done = replay(tmp_path, [syn(1, 0.0), syn(2, 0.1), syn(2, 40.0)], state("UDP"))
    assert done.column("reason")[1] == "local_ports_exhausted"
    assert [v["verdict"] for v in done.verdicts] == ["sent", "dropped", "sent"]


def test_mid_stream_is_reset_and_a_reset_is_not(tmp_path):
    done = replay(tmp_path, [to_service(4, TCP(sport=5000, dport=80, flags="A", seq=101, ack=501)),
                             to_service(4, TCP(sport=5000, dport=80, flags="R", seq=101))], state())
    assert done.column("verdict") == ["answered", "dropped"]
    assert done.column("reason")[1] == "flow_unknown"
    reset = Ether(done.sent_by("wan")[0])
    assert (reset[IP].src, reset[TCP].flags, reset[TCP].seq) == (SERVICES[4], "R", 501)


def test_the_ports_own_address_is_shared_with_the_host(tmp_path):
    alone = state("UDP").replace(f'  local_addresses: [{LOCALS[4]}, "{LOCALS[6]}"]\n  local_ports: {{first: 3000, last: 3000}}\n', "")
    done = replay(tmp_path, [to_service(4, UDP(sport=5000, dport=80) / b"x"),
                             from_backend(IP(src=BACKENDS[4], dst="198.18.1.1") / UDP(sport=8080, dport=50_000))], alone)
    frame = Ether(done.sent_by("lan")[0])
    assert frame[IP].src == "198.18.1.1" and 1024 <= frame[UDP].sport < 32_768
    assert done.column("verdict") == ["sent", "punted"], "what is of no flow is the host's"

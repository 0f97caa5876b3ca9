"""Balanced services, forth and back, and the name server."""

from scapy.all import DNS, DNSQR, DNSRROPT, IP, TCP, UDP, Ether, IPv6, fragment

from harness import CLIENT, LAN, NEXT_HOP, WAN, from_backend, from_client, replay

BACKENDS = {"be1": "198.18.1.11", "be2": "198.18.1.12", "be3": "198.18.1.13"}
BACKENDS6 = {"be1": "2001:2:0:1::11", "be2": "2001:2:0:1::12", "be3": "2001:2:0:1::13"}


def handshake(client, service, server, sport):
    """SYN, SYN-ACK of the backend that got it, ACK."""
    ip = IPv6 if ":" in client else IP
    return (from_client(ip(src=client, dst=service) / TCP(sport=sport, dport=80, flags="S", seq=100)),
            from_backend(ip(src=server, dst=client) / TCP(sport=8080, dport=sport, flags="SA", seq=500, ack=101)),
            from_client(ip(src=client, dst=service) / TCP(sport=sport, dport=80, flags="A", seq=101, ack=501)))


def check_tcp(folder, client, service, backends):
    ip = IPv6 if ":" in client else IP
    syn = handshake(client, service, client, 5000)[0]
    backend = replay(folder, [syn]).verdicts[0]["backend"]
    done = replay(folder, handshake(client, service, backends[backend], 5000))
    assert done.column("verdict") == ["sent"] * 3
    assert done.column("service") == ["web"] * 3
    assert done.column("backend") == [backend] * 3
    assert done.column("out") == ["lan", "wan", "lan"]
    hop = {"ttl": 63} if ip is IP else {"hlim": 63}
    to, ack = done.sent_by("lan")
    [reply] = done.sent_by("wan")
    assert to == bytes(Ether(src=LAN, dst=NEXT_HOP) / ip(src=client, dst=backends[backend], **hop) /
                       TCP(sport=5000, dport=8080, flags="S", seq=100))
    assert ack == bytes(Ether(src=LAN, dst=NEXT_HOP) / ip(src=client, dst=backends[backend], **hop) /
                        TCP(sport=5000, dport=8080, flags="A", seq=101, ack=501))
    assert reply == bytes(Ether(src=WAN, dst=NEXT_HOP) / ip(src=service, dst=client, **hop) /
                          TCP(sport=80, dport=5000, flags="SA", seq=500, ack=101)), "the service's address is back"


def test_tcp_over_ipv4(tmp_path):
    check_tcp(tmp_path, "198.18.0.2", "198.18.100.80", BACKENDS)


def test_tcp_over_ipv6(tmp_path):
    check_tcp(tmp_path, "2001:2::2", "2001:2:0:100::80", BACKENDS6)


def test_flows_are_shared_out_and_stay(tmp_path):
    def packets(flags):
        return [from_client(IP(src="198.18.0.2", dst="198.18.100.80") / TCP(sport=port, dport=80, flags=flags, seq=1))
                for port in range(6000, 6060)]
    done = replay(tmp_path, packets("S") + packets("A"))
    first, second = done.column("backend")[:60], done.column("backend")[60:]
    assert set(first) == set(BACKENDS)
    assert first == second


def test_udp_and_its_reply(tmp_path):
    query = from_client(IP(src="198.18.0.2", dst="198.18.100.82") / UDP(sport=5000, dport=7) / b"hello")
    backend = replay(tmp_path, [query]).verdicts[0]["backend"]
    answer = from_backend(IP(src=BACKENDS[backend], dst="198.18.0.2") / UDP(sport=7, dport=5000) / b"hello")
    done = replay(tmp_path, [query, answer])
    assert [(v["service"], v["backend"], v["out"]) for v in done.verdicts] == \
        [("echo", backend, "lan"), ("echo", backend, "wan")]
    assert done.sent_by("lan") == [bytes(Ether(src=LAN, dst=NEXT_HOP) / IP(
        src="198.18.0.2", dst=BACKENDS[backend], ttl=63) / UDP(sport=5000, dport=7) / b"hello")]
    assert done.sent_by("wan") == [bytes(Ether(src=WAN, dst=NEXT_HOP) / IP(
        src="198.18.100.82", dst="198.18.0.2", ttl=63) / UDP(sport=7, dport=5000) / b"hello")]


def test_direct_return_changes_no_address(tmp_path):
    syn = from_client(IP(src="198.18.0.2", dst="198.18.100.81") / TCP(sport=5000, dport=8080, flags="S"))
    done = replay(tmp_path, [syn])
    [frame] = map(Ether, done.sent_by("lan"))
    assert (frame.dst, frame[IP].dst, frame[TCP].dport) == (NEXT_HOP, "198.18.100.81", 8080)
    assert done.verdicts[0]["service"] == "web-dsr"


def test_a_closed_port_and_a_fragment_of_a_service(tmp_path):
    closed = from_client(IP(src="198.18.0.2", dst="198.18.100.80") / UDP(dport=9))
    first, later = fragment(IP(src="198.18.0.2", dst="198.18.100.82", id=9) / UDP(dport=7) / bytes(2000), 1200)[:2]
    done = replay(tmp_path, [closed, from_client(later)])
    assert done.column("reason") == ["service_port_closed", "service_fragment"]
    assert done.column("stage") == ["translate", "translate"]


def ask(name, kind="A", address="198.18.100.53", **fields):
    ip = IPv6(src="2001:2::2", dst=address) if ":" in address else IP(src="198.18.0.2", dst=address)
    return from_client(ip / UDP(sport=5353, dport=53) / DNS(id=77, rd=0, qd=DNSQR(qname=name, qtype=kind), **fields))


def test_a_name_is_answered(tmp_path):
    done = replay(tmp_path, [ask("www.example.test"), ask("www.example.test", "AAAA", "2001:2:0:100::53"),
                             ask("no.example.test"), ask("example.org")])
    v4, v6, none, foreign = map(Ether, done.sent_by("wan"))
    assert (v4.dst, v4[IP].src, v4[IP].dst, v4[UDP].dport) == (CLIENT, "198.18.100.53", "198.18.0.2", 5353)
    assert (v4[DNS].id, v4[DNS].aa, v4[DNS].an.rdata) == (77, 1, "198.18.100.80")
    assert v6[DNS].an.rdata == "2001:2:0:100::80"
    assert (none[DNS].rcode, foreign[DNS].rcode) == (3, 5)
    assert [(v["verdict"], v["stage"]) for v in done.verdicts] == [("answered", "deliver")] * 4


def test_edns_is_answered_with_edns(tmp_path):
    done = replay(tmp_path, [ask("www.example.test", ar=DNSRROPT(rclass=4096))])
    [answer] = map(Ether, done.sent_by("wan"))
    assert answer[DNSRROPT].rclass == 1232


def test_what_is_no_query_is_dropped(tmp_path):
    junk = from_client(IP(src="198.18.0.2", dst="198.18.100.53") / UDP(sport=5353, dport=53) / b"junk")
    assert replay(tmp_path, [junk]).column("reason") == ["dns_malformed"]


def test_dns_over_tcp_is_the_hosts(tmp_path):
    syn = from_client(IP(src="198.18.0.2", dst="198.18.100.53") / TCP(sport=5353, dport=53, flags="S"))
    assert replay(tmp_path, [syn]).column("verdict") == ["punted"]

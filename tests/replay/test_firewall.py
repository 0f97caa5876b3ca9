"""Rules, connections and fragments."""

from scapy.all import ICMP, IP, TCP, UDP, Ether, ICMPv6DestUnreach, IPv6, fragment

from harness import CLIENT, LAB, WAN, forwarded, from_backend, from_client, replay

RULES = LAB[:LAB.index("kind: Firewall")] + """
kind: Firewall
name: edge
spec:
  rules: |
    table inet filter {
      chain forward {
        type filter hook forward priority filter; policy accept;
        ct state established,related accept
        ct state invalid drop
        tcp dport 23 drop
        tcp dport 24 reject with tcp reset
        udp dport 25 reject
        tcp dport 80 accept
        iifname "lan" ct state new drop
      }
    }
"""


def to_backend(transport, ttl=64):
    return from_client(IP(src="198.18.0.2", dst="198.18.1.11", ttl=ttl) / transport)


def to_client(transport):
    return from_backend(IP(src="198.18.1.11", dst="198.18.0.2") / transport)


def test_a_rule_drops_and_is_named(tmp_path):
    done = replay(tmp_path, [to_backend(TCP(dport=23, flags="S")), to_backend(TCP(dport=80, flags="S"))], RULES)
    dropped, accepted = done.verdicts
    assert (dropped["verdict"], dropped["reason"], dropped["stage"]) == ("dropped", "rule", "filter")
    assert dropped["rule"] == "edge:6", "rule set and line"
    assert (accepted["verdict"], accepted["rule"]) == ("sent", "edge:9")


def test_reject_resets_tcp(tmp_path):
    done = replay(tmp_path, [to_backend(TCP(sport=5000, dport=24, flags="S", seq=100))], RULES)
    [answer] = map(Ether, done.sent_by("wan"))
    assert (answer.dst, answer[IP].src, answer[IP].dst) == (CLIENT, "198.18.1.11", "198.18.0.2")
    assert (answer[TCP].sport, answer[TCP].dport, answer[TCP].ack) == (24, 5000, 101)
    assert answer[TCP].flags == "RA"
    assert [(v["verdict"], v["rule"]) for v in done.verdicts] == [("answered", "edge:7")]


def test_reject_says_port_unreachable(tmp_path):
    v6 = from_client(IPv6(src="2001:2::2", dst="2001:2:0:1::11") / UDP(dport=25))
    done = replay(tmp_path, [to_backend(UDP(dport=25)), v6], RULES)
    answer4, answer6 = map(Ether, done.sent_by("wan"))
    assert (answer4[ICMP].type, answer4[ICMP].code) == (3, 3)
    assert answer6[ICMPv6DestUnreach].code == 4


def test_a_reply_belongs_to_its_connection_and_a_new_one_does_not(tmp_path):
    done = replay(tmp_path, [to_backend(UDP(sport=5000, dport=9)), to_client(UDP(sport=9, dport=5000)),
                             to_client(UDP(sport=9, dport=5001))], RULES)
    assert done.column("in") == ["wan", "lan", "lan"]
    assert [(v["verdict"], v["rule"]) for v in done.verdicts] == \
        [("sent", None), ("sent", "edge:4"), ("dropped", "edge:10")]


def test_a_connection_is_forgotten_after_its_time(tmp_path):
    """UDP that was answered lives for two minutes; the clock is the capture's."""
    sent, reply = to_backend(UDP(sport=5000, dport=9)), to_client(UDP(sport=9, dport=5000))
    done = replay(tmp_path, [(0, sent), (1, reply), (120.9, reply), (241.0, reply)], RULES)
    assert done.column("verdict") == ["sent", "sent", "sent", "dropped"]


def test_a_segment_outside_of_its_window_is_invalid(tmp_path):
    syn = to_backend(TCP(sport=5000, dport=80, flags="S", seq=1000, window=1000))
    syn_ack = to_client(TCP(sport=80, dport=5000, flags="SA", seq=5000, ack=1001, window=1000))
    ack = to_backend(TCP(sport=5000, dport=80, flags="A", seq=1001, ack=5001, window=1000))
    far = to_client(TCP(sport=80, dport=5000, flags="A", seq=900_000_000, ack=1001, window=1000))
    done = replay(tmp_path, [syn, syn_ack, ack, far], RULES)
    assert done.column("verdict") == ["sent", "sent", "sent", "dropped"]


def test_later_fragments_are_judged_as_the_first(tmp_path):
    whole = IP(src="198.18.0.2", dst="198.18.1.11", id=99)
    blocked = fragment(whole / UDP(sport=1, dport=25) / bytes(2000), 1000)
    whole.id = 100
    passing = fragment(whole / UDP(sport=1, dport=9) / bytes(2000), 1000)
    frames = [from_client(p) for p in blocked + passing]
    done = replay(tmp_path, frames, RULES.replace("udp dport 25 reject", "udp dport 25 drop"))
    assert done.column("reason") == ["rule"] * len(blocked) + [None] * len(passing)
    assert done.sent_by("lan") == [bytes(forwarded(f)) for f in frames[len(blocked):]]


def test_an_early_drop_set_is_before_everything(tmp_path):
    state = RULES + "---\nkind: AddressSet\nname: bad\nspec:\n  prefixes: [198.18.0.0/24]\n  early_drop: true\n"
    done = replay(tmp_path, [to_backend(UDP(dport=9))], state)
    assert [(v["stage"], v["reason"]) for v in done.verdicts] == [("early", "early_list")]


def test_a_land_attack_is_dropped(tmp_path):
    land = Ether(src=CLIENT, dst=WAN) / IP(src="198.18.1.11", dst="198.18.1.11") / TCP(sport=7, dport=7, flags="S")
    assert replay(tmp_path, [land], RULES).column("reason") == ["land_attack"]

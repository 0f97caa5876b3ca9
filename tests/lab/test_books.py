"""The books balance, and nothing that arrives on a wire takes the data plane down."""

import random

from conftest import eventually, read_metrics, total
from load import Load

PARTS = ("sluice_packets_sent_total", "sluice_packets_answered_total", "sluice_packets_punted_total",
         "sluice_packets_dropped_total", "sluice_packets_held")

HOSTILE = r"""
import random, socket, sys
random.seed(int(sys.argv[1]))
from scapy.all import Ether, IP, IPv6, TCP, UDP, ICMP, DNS, DNSQR, ARP, Raw, Dot1Q, fuzz, raw
s = socket.socket(socket.AF_PACKET, socket.SOCK_RAW)
s.bind(('eth0', 0))
e = Ether(dst=sys.argv[2], src='02:00:00:00:00:99')
seeds = [e/IP(src='198.18.0.2', dst='198.18.100.53')/UDP(sport=4000, dport=53)/DNS(qd=DNSQR(qname='www.example.test')),
         e/IP(src='198.18.0.2', dst='198.18.100.80')/TCP(sport=4001, dport=80, flags='S'),
         e/IPv6(src='2001:2::2', dst='2001:2:0:100::80')/TCP(sport=4001, dport=80, flags='S'),
         e/IP(src='198.18.0.2', dst='198.18.1.11', ttl=1)/ICMP()/Raw(b'x'*40),
         e/Dot1Q(vlan=7)/IP(src='198.18.0.2', dst='198.18.1.11')/UDP(sport=9, dport=9),
         e/ARP(psrc='198.18.0.2', pdst='198.18.0.1'),
         e/IP(src='198.18.0.2', dst='198.18.1.11', flags='MF', frag=0)/UDP(sport=9, dport=9)/Raw(b'y'*64)]
seeds = [bytearray(raw(p)) for p in seeds]
for n in range(20000):
    p = bytearray(random.choice(seeds))
    for _ in range(random.choice((0, 1, 1, 2, 8))):
        p[random.randrange(12, len(p))] = random.randrange(256)
    if random.random() < .2:
        p = p[:random.randrange(14, len(p) + 1)]
    try:
        s.send(bytes(p))
    except OSError:
        pass
print('sent')
"""


def balanced(lab):
    metrics = read_metrics(lab)
    received = total(metrics, "sluice_packets_received_total")
    return received > 0 and received == sum(total(metrics, part) for part in PARTS)


def reasons_met(lab):
    return {name for name, value in read_metrics(lab).items()
            if name.startswith("sluice_packets_dropped_total") and value > 0}


def test_books_balance_after_a_mixed_load(lab):
    with Load(lab, "http://198.18.100.80/", "http://[2001:2:0:100::80]/", "dns://198.18.100.53/www.example.test") as load:
        lab.exec("client", "ping", "-c", "20", "-i", "0.05", "198.18.1.12")
        lab.exec("client", "ping", "-c", "2", "-W", "1", "198.18.1.99", check=False)
    assert load.failures == 0, load.report()
    eventually(lambda: balanced(lab), 10, "balanced books")


def test_hostile_packets_are_counted_and_harm_nobody(lab):
    import lab as lab_module
    for seed in (1, random.randrange(2**31)):
        print("seed", seed)
        lab.exec("client", "/usr/bin/python3", "-c", HOSTILE, seed, lab_module.MAC["wan"], timeout=120)
    assert lab.alive("dataplane"), lab.log("dataplane")
    # The data plane reports once a second: the books may balance and be of the time before.
    eventually(lambda: len(reasons_met(lab)) >= 5, 10, "drops for many reasons")
    eventually(lambda: balanced(lab), 10, "balanced books")
    # A forged ARP may have been the last to say where the client is: the data plane's probes of a neighbour that it
    # uses find that out within some seconds (RFC 4861 section 7.3.3).
    eventually(lambda: "be" in lab.exec("client", "curl", "-sfm", "3", "http://198.18.100.80/", check=False).stdout,
               40, "an answer of the service")

"""Generates packets for filters: connections with their replies and with everything that goes wrong in
them, interleaved; strays; ICMP errors about packets that were sent. All are well formed."""

import collections
import random

from scapy.config import conf
from scapy.layers.inet import ICMP, IP, TCP, UDP, fragment
from scapy.layers.inet6 import (ICMPv6DestUnreach, ICMPv6EchoReply, ICMPv6EchoRequest, ICMPv6PacketTooBig,
                                ICMPv6TimeExceeded, IPv6, IPv6ExtHdrDestOpt, IPv6ExtHdrFragment,
                                IPv6ExtHdrHopByHop, PadN, fragment6)
from scapy.packet import Raw

conf.verb = 0

CLIENTS4 = ["10.0.0.1", "10.0.0.2", "10.1.2.3", "10.255.255.254"]
SERVERS4 = ["172.16.0.1", "172.16.0.2", "172.16.9.9", "172.31.255.254"]
CLIENTS6 = ["2001:db8:a::1", "2001:db8:a::2", "2001:db8:a:1::3", "2001:db8:a:ffff::f"]
SERVERS6 = ["2001:db8:b::1", "2001:db8:b::2", "2001:db8:b:9::9", "2001:db8:b:ffff::f"]
PORTS = [1, 22, 53, 80, 443, 1024, 5000, 5001, 33434, 65535]
TTLS = [2, 3, 63, 64, 65, 128, 254, 255]
OURS4, OURS6 = "198.18.0.1", "2001:2::1"


class Traffic:
    """`packets(n)` gives [(port, IP packet as bytes)]; with `fragments` some datagrams are in pieces, which
    follow one another."""

    def __init__(self, seed, fragments=False):
        self.r = random.Random(seed)
        self.fragments = fragments
        self.sent = []
        self.live = []

    # layers

    def ip(self, source, destination):
        r = self.r
        ttl = r.choice(TTLS) if r.random() < 0.3 else 64
        dscp = r.choice([0, 0, 0, 8, 10, 46])
        if ":" not in source:
            return IP(src=source, dst=destination, ttl=ttl, tos=dscp << 2, flags=r.choice(["DF", 0]), id=r.randrange(65536))
        header = IPv6(src=source, dst=destination, hlim=ttl, tc=dscp << 2)
        if r.random() < 0.1:
            header /= IPv6ExtHdrHopByHop(options=[PadN(optdata=b"\0" * 4)])
        if r.random() < 0.1:
            header /= IPv6ExtHdrDestOpt(options=[PadN(optdata=b"\0" * 4)])
        return header

    def ends(self):
        """A client and a server of one family, and which side the client is on."""
        r = self.r
        clients, servers = r.choice([(CLIENTS4, SERVERS4), (CLIENTS6, SERVERS6)])
        client, server = r.choice(clients), r.choice(servers)
        return (client, server, "wan") if r.random() < 0.8 else (server, client, "lan")

    @staticmethod
    def other(side):
        return "lan" if side == "wan" else "wan"

    # conversations: generators of (side, packet)

    def udp(self):
        r = self.r
        client, server, side = self.ends()
        ports = r.choice(PORTS), r.choice(PORTS)
        for _ in range(r.randint(1, 6)):
            if r.random() < 0.5:
                yield side, self.ip(client, server) / UDP(sport=ports[0], dport=ports[1]) / Raw(b"q" * r.randrange(30))
            else:
                yield self.other(side), self.ip(server, client) / UDP(sport=ports[1], dport=ports[0]) / Raw(b"r" * r.randrange(30))

    def echo(self):
        r = self.r
        client, server, side = self.ends()
        number = r.randrange(4)
        for sequence in range(r.randint(1, 4)):
            six = ":" in client
            ask = ICMPv6EchoRequest(id=number, seq=sequence) if six else ICMP(type=8, id=number, seq=sequence)
            reply = ICMPv6EchoReply(id=number, seq=sequence) if six else ICMP(type=0, id=number, seq=sequence)
            if r.random() < 0.9:
                yield side, self.ip(client, server) / ask
            if r.random() < 0.8:
                yield self.other(side), self.ip(server, client) / reply

    def echo_to_us(self):
        r = self.r
        if r.random() < 0.5:
            yield "wan", self.ip(r.choice(CLIENTS4), OURS4) / ICMP(type=8, id=r.randrange(4), seq=1) / Raw(b"hello")
        else:
            yield "wan", self.ip(r.choice(CLIENTS6), OURS6) / ICMPv6EchoRequest(id=r.randrange(4), seq=1, data=b"hello")

    def other_protocol(self):
        r = self.r
        client, server, side = self.ends()
        number = r.choice([50, 253])
        for _ in range(r.randint(1, 3)):
            away = r.random() < 0.6
            header = self.ip(client, server) if away else self.ip(server, client)
            header.lastlayer().setfieldval("nh" if ":" in client else "proto", number)
            yield (side if away else self.other(side)), header / Raw(b"\0\0\1\0" + b"x" * r.randrange(20))

    def in_pieces(self):
        r = self.r
        client, server, side = self.ends()
        ports = r.choice(PORTS), r.choice(PORTS)
        for _ in range(r.randint(1, 3)):
            away = r.random() < 0.6
            source, destination = (client, server) if away else (server, client)
            size = 8 * r.randint(2, 8)
            datagram = UDP(sport=ports[0 if away else 1], dport=ports[1 if away else 0]) / Raw(b"f" * r.randint(size + 8, 4 * size))
            number = r.randrange(1 << 16)
            if ":" in source:
                header = IPv6(src=source, dst=destination) / IPv6ExtHdrFragment(id=number)
                pieces = fragment6(IPv6(bytes(header / datagram)), 40 + 8 + size)
            else:
                pieces = fragment(IP(bytes(IP(src=source, dst=destination, id=number) / datagram)), size)
            yield (side if away else self.other(side)), pieces

    def stray_tcp(self):
        """Any flags, any numbers, on a connection that may or may not be there."""
        r = self.r
        client, server, side = self.ends()
        flags = r.choice(["S", "A", "SA", "R", "RA", "F", "FA", "PA", "", "FPU", "SF", "SR", "SU", "SAE", "SEC", "FRA"])
        yield side, self.ip(client, server) / TCP(sport=r.choice(PORTS), dport=r.choice(PORTS), flags=flags,
                                                  seq=r.randrange(1 << 32), ack=r.randrange(1 << 32), window=r.choice([0, 1, 8192, 65535]))

    def tcp(self):
        return TcpConversation(self).packets()

    def error(self):
        """About a packet that was sent, or about one that never was."""
        r = self.r
        if not self.sent or r.random() < 0.1:
            client, server, side = self.ends()
            about = self.ip(client, server) / UDP(sport=4, dport=r.choice(PORTS)) / Raw(b"never sent")
        else:
            side, about = r.choice(self.sent[-40:])
        data, six = bytes(about), ":" in about.src
        sender = r.choice([about.dst, r.choice(SERVERS6 if six else SERVERS4) if side == "wan" else r.choice(CLIENTS6 if six else CLIENTS4)])
        to = about.src if r.random() < 0.9 else r.choice((CLIENTS6 if six else CLIENTS4) if side == "wan" else (SERVERS6 if six else SERVERS4))
        header = 40 if six else 20
        quote = data[:r.choice([len(data), len(data), header + 8, header + 8, header - 1])]
        if six:
            kind = r.choice([ICMPv6DestUnreach(code=r.choice([0, 1, 3, 4])), ICMPv6PacketTooBig(mtu=1280), ICMPv6TimeExceeded()])
        else:
            kind = r.choice([ICMP(type=3, code=r.choice([0, 1, 3, 13])), ICMP(type=3, code=4, nexthopmtu=1400), ICMP(type=11), ICMP(type=12)])
        yield self.other(side), self.ip(sender, to) / kind / Raw(quote)

    # the whole

    def packets(self, count):
        r = self.r
        kinds = [self.udp] * 3 + [self.tcp] * 8 + [self.echo] * 2 + [self.echo_to_us, self.other_protocol, self.stray_tcp, self.stray_tcp]
        if self.fragments:
            kinds += [self.in_pieces] * 4
        out = []
        while len(out) < count:
            if len(self.live) < 6 and r.random() < 0.5:
                self.live.append(r.choice(kinds)())
            if r.random() < 0.07:
                conversation = self.error()
            elif self.live:
                conversation = r.choice(self.live)
            else:
                continue
            step = next(conversation, None)
            if step is None:
                self.live.remove(conversation)
                continue
            side, packet = step
            if isinstance(packet, list):
                out += [(side, bytes(piece)) for piece in packet]
                continue
            data = bytes(packet)
            packet = (IPv6 if data[0] >> 4 == 6 else IP)(data)
            if packet.dst not in (OURS4, OURS6):  # its receiver is not behind a port
                self.sent.append((side, packet))
            out.append((side, data))
        return out


class TcpConversation:
    """Two ends that open, talk and close as RFC 9293 has it; now and then a segment that they would not
    send is put between."""

    def __init__(self, traffic):
        self.t, self.r = traffic, traffic.r
        r = self.r
        client, server, side = traffic.ends()
        self.addresses = [client, server]
        self.sides = [side, traffic.other(side)]
        self.ports = [r.choice(PORTS), r.choice(PORTS)]
        self.seq = [r.choice([0, 1000, 0xFFFFFFF0, r.randrange(1 << 32)]) for _ in range(2)]
        self.scales = [r.choice([None, 0, 7]), r.choice([None, 0, 7])]
        self.window = r.choice([1024, 8192, 65535])
        self.last = None

    def segment(self, end, flags, data=b"", seq=None, ack=None, options=()):
        other = 1 - end
        seq = self.seq[end] if seq is None else seq % (1 << 32)
        ack = (self.seq[other] if "A" in flags else 0) if ack is None else ack % (1 << 32)
        tcp = TCP(sport=self.ports[end], dport=self.ports[other], flags=flags, seq=seq, ack=ack, window=self.window,
                  options=list(options))
        return self.sides[end], self.t.ip(self.addresses[end], self.addresses[other]) / tcp / Raw(data)

    def send(self, end, flags, data=b"", options=()):
        """A segment in order; its numbers are taken."""
        self.last = self.segment(end, flags, data, options=options)
        self.seq[end] = (self.seq[end] + len(data) + ("S" in flags) + ("F" in flags)) % (1 << 32)
        return self.last

    def scale(self, end):
        return [] if self.scales[end] is None else [("WScale", self.scales[end])]

    def odd(self):
        r, end = self.r, self.r.randrange(2)
        far = r.choice([1, 100, 70_000, 1 << 24, 1 << 30])  # half the numbers away is neither before nor behind
        return r.choice([
            lambda: self.last,
            lambda: self.segment(end, "A", b"late", seq=self.seq[end] - r.choice([4, 100, 70_000])),
            lambda: self.segment(end, "A", b"early", seq=self.seq[end] + far),
            lambda: self.segment(end, "A", ack=self.seq[1 - end] + far),
            lambda: self.segment(end, "A", seq=self.seq[end] - 1),
            lambda: self.segment(end, "R", seq=self.seq[end] + r.choice([1, 100, 1 << 20, 1 << 30])),
            lambda: self.segment(end, "S", seq=r.randrange(1 << 32)),
            lambda: self.segment(end, "SA", seq=self.seq[end] - 1),
            lambda: self.segment(end, r.choice(["", "FPU", "SF", "SR", "F"])),
        ])()

    def packets(self):
        for step in self.script():
            yield step
            while self.r.random() < 0.08:
                yield self.odd()

    def script(self):
        r = self.r
        if r.random() < 0.85:
            yield self.send(0, "S", options=self.scale(0))
            if r.random() < 0.1:  # refused
                yield self.send(1, "RA")
                return
            yield self.send(1, "SA", options=self.scale(1) if self.scales[0] is not None else [])
            yield self.send(0, "A")
        for _ in range(r.randint(0, 6)):
            yield self.send(r.randrange(2), "PA", b"d" * r.randint(1, 60))
            if r.random() < 0.3:
                yield self.send(r.randrange(2), "A")
        ending = r.random()
        if ending < 0.2:
            yield self.send(r.randrange(2), r.choice(["R", "RA"]))
        elif ending < 0.8:
            first = r.randrange(2)
            yield self.send(first, "FA")
            yield self.send(1 - first, r.choice(["A", "FA"]))
            if "F" not in str(self.last[1][TCP].flags):
                yield self.send(1 - first, "FA")
            yield self.send(first, "A")
        if r.random() < 0.15:  # opened again by the same port
            self.seq[0] = r.randrange(1 << 32)
            yield self.send(0, "S", options=self.scale(0))


def without_known_differences(packets, untracked):
    """Leaves out what Sluice judges otherwise on purpose (dataplane/firewall/README.md): segments of an
    opener that goes on although its SYN was not answered; answers and resets with wrong numbers while it is not; and
    the SYN after a reset by the other side of a connection that had been answered. `untracked` are the
    indices of packets that are dropped before tracking."""
    opening = {}  # (source, destination, ports) of the opener: the number that answers its SYN
    spoke, ended = set(), set()  # who sent anything but a reset, and who then sent one
    out = []
    for i, (side, data) in enumerate(packets):
        tcp = tcp_of(data) if i not in untracked else None
        if tcp is not None:
            there, back, flags = tcp.there, tcp.back, tcp.flags
            if "S" in flags and "A" not in flags:
                if back in ended:
                    continue
                opening[there] = (tcp.seq + 1) % (1 << 32)
            elif "S" in flags and back in opening:
                if tcp.ack != opening[back]:
                    continue
                del opening[back]
            elif "A" in flags and "R" not in flags and there in opening:
                continue
            elif "R" in flags and back in opening:
                if "A" not in flags or tcp.ack != opening[back]:
                    continue
                del opening[back]
            elif "R" in flags and there in opening:
                if tcp.seq != opening[there]:
                    continue
                del opening[there]
            if "R" not in flags:
                spoke.add(there)
                ended.discard(there)
            elif there in spoke:
                ended.add(there)
        out.append((side, data))
    return out


def datagram_of(data):
    """What the pieces of a datagram share, or None for a packet that is whole."""
    if data[0] >> 4 == 4:
        return (data[12:20], data[4:6]) if data[6] & 0x3F or data[7] else None
    return (data[8:40], data[44:48]) if data[6] == 44 else None


def tcp_of(data):
    """A segment with its ends, or None for other packets."""
    packet = (IPv6 if data[0] >> 4 == 6 else IP)(data)
    tcp = packet.getlayer(TCP)
    if tcp is None or any(packet.haslayer(layer) for layer in (ICMP, ICMPv6DestUnreach, ICMPv6PacketTooBig, ICMPv6TimeExceeded)):
        return None
    return Segment((packet.src, packet.dst, tcp.sport, tcp.dport), (packet.dst, packet.src, tcp.dport, tcp.sport),
                   str(tcp.flags), tcp.seq, tcp.ack)


Segment = collections.namedtuple("Segment", "there back flags seq ack")

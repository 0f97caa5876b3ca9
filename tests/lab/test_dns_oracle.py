"""Our answers beside those of Knot and NSD for generated zones and queries. Where both agree we say the
same; where they differ we say what one of them says: section by section, records as sets."""

import os
import random
import struct

import dns.flags
import dns.message
import dns.name
import dns.rcode
import dns.rdatatype
import pytest

import dns_servers

TYPES = ["A", "AAAA", "CNAME", "NS", "SOA", "MX", "TXT", "SRV", "PTR", "CAA", "DS", "TYPE65280"]


class ZoneMaker:
    """A random zone with all that makes answers differ: aliases, chains, loops, wildcards, empty
    non-terminals, cuts with and without glue, odd labels."""

    def __init__(self, seed, origin):
        self.random = random.Random(seed)
        self.origin = origin
        self.labels = ["a", "b", "c", "www", "*", "x-1", "_tcp", r"o\.dd", r"sp\032ace", "L" * 63, "ns"]
        self.records = {}
        self.cuts = []

    def name(self, depth=None):
        depth = depth or self.random.choice([1, 1, 2, 2, 3, 4])
        return ".".join(self.random.choice(self.labels) for _ in range(depth))

    def target(self):
        kind = self.random.random()
        if kind < 0.75 and self.records:
            return self.random.choice(list(self.records))
        return self.name() if kind < 0.9 else "www.elsewhere.invalid."

    def rdata(self, kind):
        r = self.random
        return {"A": lambda: f"192.0.2.{r.randrange(256)}", "AAAA": lambda: f"2001:db8::{r.randrange(1, 65536):x}",
                "MX": lambda: f"{r.randrange(100)} {self.target()}", "SRV": lambda: f"1 2 80 {self.target()}",
                "TXT": lambda: f'"{"t" * r.randrange(60)}" "; ({r.randrange(9)}"', "PTR": self.target,
                "CAA": lambda: '0 issue "ca.example"', "TYPE65280": lambda: f"\\# 2 {r.randrange(65536):04x}"}[kind]()

    def add(self, owner, kind, rdata):
        self.records.setdefault(owner, {}).setdefault(kind, [])
        if rdata not in self.records[owner][kind]:
            self.records[owner][kind].append(rdata)

    def make(self):
        r = self.random
        for owner in ("ns1", "ns2"):
            self.add(owner, "A", self.rdata("A"))
        for _ in range(40):
            owner = self.name()
            kinds = self.records.get(owner, {})
            if "CNAME" in kinds:
                continue
            choice = r.random()
            if choice < 0.25 and not kinds:
                self.add(owner, "CNAME", self.target())
            elif choice < 0.37 and not owner.startswith("*") and not kinds:
                self.delegate(owner)
            else:
                for kind in r.sample(["A", "AAAA", "MX", "TXT", "SRV", "PTR", "CAA", "TYPE65280"], r.randrange(1, 4)):
                    for _ in range(r.choice([1, 1, 2, 5])):
                        self.add(owner, kind, self.rdata(kind))
        return self.text()

    def delegate(self, owner):
        self.cuts.append(owner)
        for target in self.random.sample([f"ns.{owner}", f"ns2.{owner}", "ns1", "ns.elsewhere.invalid."], 2):
            self.add(owner, "NS", target)
            if target.endswith(owner) and "CNAME" not in self.records.get(target, {}):
                self.add(target, "A", self.rdata("A"))
                if self.random.random() < 0.5:
                    self.add(target, "AAAA", self.rdata("AAAA"))
        if self.random.random() < 0.3:
            self.add(owner, "DS", "4711 13 2 " + "ab" * 32)

    def text(self):
        lines = [f"$ORIGIN {self.origin}", "$TTL 300",
                 "@ IN SOA ns1 Host.Master 7 3600 600 86400 60", "@ NS ns1", "@ NS ns2", "@ MX 10 ns1"]
        for owner, kinds in self.records.items():
            # Knot takes a wildcard below a cut for glue of any name there; nobody else does.
            if "*" in owner and any(owner.endswith("." + cut) for cut in self.cuts):
                continue
            lines += [f"{owner} {kind} {rdata}" for kind, all_rdata in kinds.items() for rdata in all_rdata]
        return "\n".join(lines) + "\n"

    def question(self):
        """A name in the zone, near it or far from it."""
        r = self.random
        choice = r.random()
        owner = r.choice(list(self.records)) if choice < 0.8 else self.name()
        if 0.45 < choice < 0.7:
            owner = f"{r.choice(self.labels + ['zz', 'q.r.s'])}.{owner}"
        elif 0.4 < choice < 0.45 and "." in owner and "\\." not in owner:
            owner = owner.split(".", 1)[1]
        elif choice > 0.95:
            owner = "@"
        if r.random() < 0.2:
            owner = owner.upper()
        return dns.name.from_text(owner, dns.name.from_text(self.origin))


def sections(message):
    """What a resolver gets from an answer, in a form that compares."""
    def records(section):
        return frozenset((s.name.canonicalize().to_text(), dns.rdatatype.to_text(s.rdtype), s.ttl,
                          frozenset(r.to_digestable() for r in s)) for s in section)

    return {"rcode": dns.rcode.to_text(message.rcode()), "flags": dns.flags.to_text(message.flags),
            "edns": message.edns, "question": [q.to_text() for q in message.question],
            "answer": records(message.answer), "authority": records(message.authority),
            "additional": records(message.additional)}


def without_apex_ns(said):
    """NSD adds the zone's NS and their addresses to positive answers; it may, and need not."""
    apex = [s for s in said["authority"] if s[1] == "NS"]
    if not said["answer"] or len(apex) != 1:
        return said
    names = {dns.name.from_wire(rdata, 0)[0].to_text() for rdata in apex[0][3]}
    return said | {"authority": frozenset(),
                   "additional": frozenset(s for s in said["additional"] if s[0] not in names)}


def compare(servers, query, transport):
    """Differences between us and what the others allow, as text; none is good."""
    wire = query.to_wire()
    said = {}
    for server in (servers.ours, servers.knot, servers.nsd):
        udp6 = transport == dns_servers.UDP6 and server is not servers.ours
        answer = server.ask(wire, dns_servers.UDP if udp6 else transport)
        said[server.name] = sections(dns.message.from_wire(answer)) if answer else None
    ours, knot, nsd = said["Sluice"], said["Knot"], said["NSD"]
    if None in (ours, knot, nsd):
        return [] if ours == knot or ours == nsd else [f"{query.question[0]}: answered by {[s for s in said if said[s]]}"]
    return [f"{query.question[0]} {part}:\n  Sluice {ours[part]}\n  Knot   {knot[part]}\n  NSD    {nsd[part]}"
            for part in ours if ours[part] not in (knot[part], nsd[part], without_apex_ns(nsd)[part])]


def ask_all(servers, makers, seed, count, kinds=TYPES):
    """`count` random questions to all servers; the differences."""
    r = random.Random(seed)
    problems = []
    for _ in range(count):
        maker = r.choice(makers)
        try:
            name = maker.question()
        except dns.name.NameTooLong:
            continue
        query = dns.message.make_query(name, r.choice(kinds), use_edns=r.choice([-1, 0]),
                                       payload=dns_servers.UDP_SIZE)
        query.flags = r.choice([0, dns.flags.RD])
        transport = r.choice([dns_servers.UDP, dns_servers.UDP6, dns_servers.TCP] if query.edns >= 0 else [dns_servers.TCP])
        problems += compare(servers, query, transport)
    return problems


@pytest.mark.parametrize("seed", range(int(os.environ.get("DNS_ORACLE_SEEDS", "4"))))
def test_generated_zones(tmp_path, seed):
    makers = [ZoneMaker(seed * 10 + i, origin) for i, origin in
              enumerate(["example.test.", "deep.er.example.net.", "in-addr.example.org."])]
    zones = {}
    for maker in makers:
        file = tmp_path / f"{maker.origin}zone"
        file.write_text(maker.make())
        zones[maker.origin] = file
    with dns_servers.Servers(tmp_path, zones) as servers:
        problems = ask_all(servers, makers, seed, 1200)
    assert not problems, f"{len(problems)} differences\n" + "\n".join(problems[:20])


def test_truncation(tmp_path):
    """Without EDNS 512 octets, with it what the client says: TC and nothing, or all of it."""
    file = tmp_path / "zone"
    lines = ["$ORIGIN example.test.", "$TTL 300", "@ SOA ns1 h 1 3600 600 86400 60", "@ NS ns1", "ns1 A 192.0.2.1"]
    for count in (5, 25, 40, 60, 150, 240):
        lines += [f"n{count} A 10.0.{count}.{i}" for i in range(count)] + [f"m{count} MX {i} n5" for i in range(count)]
    file.write_text("\n".join(lines) + "\n")
    problems = []
    with dns_servers.Servers(tmp_path, {"example.test.": file}) as servers:
        for count in (5, 25, 40, 60, 150, 240):
            for name, kind in ((f"n{count}.example.test.", "A"), (f"m{count}.example.test.", "MX")):
                for payload in (0, 100, 512, 700, 1232, 1500, 4096):
                    query = dns.message.make_query(name, kind, use_edns=0 if payload else -1, payload=payload)
                    problems += compare(servers, query, dns_servers.UDP)
                problems += compare(servers, dns.message.make_query(name, kind), dns_servers.TCP)
    assert not problems, "\n".join(problems[:10])


def test_parent_and_child_zones(tmp_path):
    """Zones above and below each other in one server: the longest origin answers, but DS is the parent's."""
    apex = "$TTL 300\n@ SOA ns1 h 1 3600 600 86400 60\n@ NS ns1\nns1 A 192.0.2.1\n"
    texts = {
        "test.": "child NS ns1.child\nns1.child A 192.0.2.9\nchild DS 1 13 2 " + "ab" * 32 + "\n"
                 "a.child TXT hidden\nto CNAME www.child\n* TXT wild\n*.far MX 1 ns1\nplain NS ns1.child\n",
        "child.test.": "www A 192.0.2.2\nup CNAME www.test.\nzone NS ns.zone\nns.zone A 192.0.2.3\n",
        "deep.gap.far.test.": "www A 192.0.2.4\n",
        "gap.zone.child.test.": "www A 192.0.2.5\n",
    }
    zones = {}
    for origin, text in texts.items():
        zones[origin] = tmp_path / f"{origin}zone"
        zones[origin].write_text(f"$ORIGIN {origin}\n{apex}{text}")
    names = ["test.", "x.test.", "child.test.", "a.child.test.", "www.child.test.", "gone.child.test.", "ns1.child.test.",
             "up.child.test.", "plain.test.", "x.plain.test.", "zone.child.test.", "ns.zone.child.test.",
             "far.test.", "x.far.test.", "gap.far.test.", "x.gap.far.test.", "deep.gap.far.test.",
             "www.deep.gap.far.test.", "x.deep.gap.far.test.", "gap.zone.child.test.", "www.gap.zone.child.test.",
             "net.", ".", "*.test.", "*.far.test."]
    problems = []
    with dns_servers.Servers(tmp_path, zones) as servers:
        for name in names:
            for kind in TYPES:
                problems += compare(servers, dns.message.make_query(name, kind, use_edns=0, payload=4096),
                                    dns_servers.UDP)
    assert not problems, f"{len(problems)} differences\n" + "\n".join(problems[:20])


def odd_queries():
    """Queries that no resolver sends: {what: message}."""
    name = b"\3www\7example\4test\0"
    plain = name + b"\0\1\0\1"

    def message(flags=0x0100, counts=(1, 0, 0, 0), body=plain):
        return struct.pack("!6H", 0x1234, flags, *counts) + body

    def opt(version=0, payload=1232, options=b"", owner=b"\0", flags=0):
        return owner + struct.pack("!HHBBHH", 41, payload, 0, version, flags, len(options)) + options

    def one(record):
        return message(counts=(1, 0, 0, 1), body=plain + record)

    record = b"\xc0\x0c" + struct.pack("!HHIH", 1, 1, 5, 4) + b"\1\2\3\4"
    odd = {"response": message(0x8100), "short": b"123", "no question": message(counts=(0, 0, 0, 0), body=b""),
           "two questions": message(counts=(2, 0, 0, 0), body=plain + plain),
           "TC": message(0x0300), "AA": message(0x0500), "RA Z AD CD": message(0x01F0),
           "trailing octets": message(body=plain + b"xxxx"), "pointer": message(body=b"\xc0\x0c\0\1\0\1"),
           "cut name": message(body=name[:-3]), "label type": message(body=b"\x41www\0\0\1\0\1"),
           "no class": message(body=name + b"\0\1"), "two OPT": message(counts=(1, 0, 0, 2), body=plain + opt() * 2),
           "OPT with owner": one(opt(owner=b"\1a\0")), "option too long": one(opt(options=b"\0\x0a\0\x09abc")),
           "EDNS 1": one(opt(1)), "DO": one(opt(flags=0x8000)), "EDNS Z": one(opt(flags=0x4000)),
           "payload 0": one(opt(payload=0)), "unknown option": one(opt(options=b"\xff\xf0\0\1x")),
           "OPT as answer": message(counts=(1, 1, 0, 0), body=plain + opt()),
           "a record missing": message(counts=(1, 0, 0, 1)), "an answer": message(counts=(1, 1, 0, 0), body=plain + record),
           "an authority": message(counts=(1, 0, 1, 0), body=plain + record), "an additional": one(record),
           "many additional": message(counts=(1, 0, 0, 20), body=plain + record * 20)}
    for opcode in (1, 2, 3, 5, 6, 15):
        odd[f"opcode {opcode}"] = message(opcode << 11)
    for klass in (0, 2, 3, 254, 255):
        odd[f"class {klass}"] = message(body=name + struct.pack("!HH", 1, klass))
    for kind in (0, 41, 46, 47, 50, 128, 249, 250, 251, 252, 253, 254):
        odd[f"type {kind}"] = message(body=name[4:] + struct.pack("!HH", kind, 1))
    return odd


def test_odd_queries(tmp_path):
    """The response code is one that Knot or NSD gives, or both are silent too."""
    file = tmp_path / "zone"
    file.write_text("$ORIGIN example.test.\n$TTL 300\n@ SOA ns1 h 1 3600 600 86400 60\n@ NS ns1\n"
                    "ns1 A 192.0.2.1\nwww A 192.0.2.2\n")
    problems = []
    with dns_servers.Servers(tmp_path, {"example.test.": file}) as servers:
        for what, wire in odd_queries().items():
            ours = servers.ours.ask(wire)
            others = [server.ask(wire, seconds=0.3) for server in (servers.knot, servers.nsd)]
            codes = [answer and answer[3] & 15 for answer in (ours, *others)]
            if codes[0] not in codes[1:]:
                problems.append(f"{what}: Sluice {codes[0]}, Knot {codes[1]}, NSD {codes[2]}")
            if ours is not None:
                assert ours[:2] == wire[:2] and ours[2] & 0x80, what
                if (ours[2] >> 3 & 15) in (0, 4, 5):  # those that dnspython reads
                    dns.message.from_wire(ours)
    assert not problems, "\n".join(problems)

"""Generates rule sets that kernel nft and Sluice both take: every match and verdict of the language, over
the few values that nft_traffic's packets have, so that rules are met."""

import random

from nft_traffic import CLIENTS4, CLIENTS6, PORTS, SERVERS4, SERVERS6, TTLS

ADDRESSES4 = CLIENTS4 + SERVERS4
ADDRESSES6 = CLIENTS6 + SERVERS6
FLAGS = ["fin", "syn", "rst", "psh", "ack", "urg"]
STATES = ["new", "established", "related", "invalid"]
REJECTS4 = ["icmp net-unreachable", "icmp host-unreachable", "icmp prot-unreachable", "icmp port-unreachable",
            "icmp admin-prohibited", "icmp host-prohibited"]
REJECTS6 = ["icmpv6 no-route", "icmpv6 admin-prohibited", "icmpv6 addr-unreachable", "icmpv6 port-unreachable"]
REJECTS = ["icmpx port-unreachable", "icmpx admin-prohibited", "icmpx no-route", "icmpx host-unreachable"]


class RuleMaker:
    """One rule set, as a list of lines, each a whole statement or a brace of its own: lines that are rules
    can be left out (see `rules`)."""

    def __init__(self, seed, stateful=True):
        self.r = random.Random(seed)
        self.stateful = stateful
        self.lines = []
        self.rules = []  # indices of the lines that are rules

    # values

    def network4(self):
        length = self.r.choice([0, 8, 12, 16, 24, 28, 31, 32])
        return f"{self.r.choice(ADDRESSES4)}/{length}"

    def network6(self):
        return f"{self.r.choice(ADDRESSES6)}/{self.r.choice([0, 16, 48, 64, 112, 127, 128])}"

    def range_of(self, values):
        low, high = sorted(self.r.sample(range(len(values)), 2))
        return f"{values[low]}-{values[high]}"

    def one_of(self, *makers):
        return self.r.choice(makers)()

    def literal(self, make, most=4):
        return "{ " + ", ".join(dict.fromkeys(make() for _ in range(self.r.randint(1, most)))) + " }"

    def negation(self):
        return self.r.choice(["", "", "", "!= ", "== "])

    def address(self, family):
        values = ADDRESSES4 if family == 4 else ADDRESSES6
        network = self.network4 if family == 4 else self.network6
        single = lambda: self.r.choice(values)  # noqa: E731
        return self.negation() + self.one_of(single, network, lambda: self.range_of(values),
                                             lambda: self.literal(single), lambda: f"@addresses{family}")

    def port(self):
        single = lambda: str(self.r.choice(PORTS))  # noqa: E731
        if self.r.random() < 0.15:
            return self.r.choice(["<", ">", "<=", ">="]) + f" {self.r.choice(PORTS[1:-1])}"
        return self.negation() + self.one_of(single, lambda: self.range_of(PORTS), lambda: self.literal(single),
                                             lambda: "@ports")

    def flags(self):
        r = self.r
        some = lambda join: join.join(r.sample(FLAGS, r.randint(1, 3)))  # noqa: E731
        return self.one_of(lambda: some(","), lambda: f"== {some('|')}", lambda: f"!= {r.choice(FLAGS)}",
                           lambda: f"& ({some('|')}|syn) == {r.choice(['syn', 'syn'])}",
                           lambda: f"& (fin|syn|rst|ack) {r.choice(['==', '!='])} {r.choice(['syn', 'ack', 'syn|ack', 'rst'])}",
                           lambda: f"{{ {', '.join(r.sample(['syn', 'ack', 'syn|ack', 'psh|ack', 'fin|ack', 'rst'], 3))} }}")

    def states(self):
        r = self.r
        return self.one_of(lambda: r.choice(STATES), lambda: ",".join(r.sample(STATES, 2)),
                           lambda: f"!= {r.choice(STATES)}", lambda: "{ " + ", ".join(r.sample(STATES, 2)) + " }")

    # matches

    def transport(self, family):
        """Matches on one transport protocol, and which it is."""
        r = self.r
        icmp = ("icmp", "icmpv6")[family == 6] if family else r.choice(["icmp", "icmpv6"])
        types = {"icmp": ["echo-request", "echo-reply", "destination-unreachable", "time-exceeded", "8"],
                 "icmpv6": ["echo-request", "echo-reply", "destination-unreachable", "packet-too-big", "128"]}[icmp]
        kind = r.choice(["tcp", "tcp", "udp", "th", "icmp", "l4proto"])
        if kind == "tcp":
            return [self.one_of(lambda: f"tcp dport {self.port()}", lambda: f"tcp sport {self.port()}",
                                lambda: f"tcp flags {self.flags()}") for _ in range(r.randint(1, 2))], "tcp"
        if kind == "udp":
            return [f"udp {r.choice(['sport', 'dport'])} {self.port()}"], "udp"
        if kind == "th":
            return ["meta l4proto { tcp, udp }", f"th {r.choice(['sport', 'dport'])} {self.port()}"], ""
        if kind == "icmp":
            return [self.one_of(lambda: f"{icmp} type {self.negation()}{r.choice(types)}",
                                lambda: f"{icmp} type {{ {', '.join(r.sample(types[:4], 2))} }}",
                                lambda: f"{icmp} code {r.choice(['0', '1', '!= 0', '3'])}")], icmp
        return [f"meta l4proto {self.negation()}{r.choice(['tcp', 'udp', '253', '{ tcp, icmp }', '{ 50, ipv6-icmp }'])}"], ""

    def network(self, family):
        r, six = self.r, family == 6
        ip = "ip6" if six else "ip"
        ttl = "hoplimit" if six else "ttl"
        proto = "nexthdr" if six else "protocol"
        return self.one_of(lambda: f"{ip} saddr {self.address(family)}", lambda: f"{ip} daddr {self.address(family)}",
                           lambda: f"{ip} saddr {self.address(family)}", lambda: f"{ip} daddr {self.address(family)}",
                           lambda: f"{ip} {ttl} {r.choice(['', '!= ', '< ', '> ', '<= ', '>= '])}{r.choice(TTLS[1:-1])}",
                           lambda: f"{ip} {proto} {self.negation()}{r.choice(['tcp', 'udp', '253'])}",
                           lambda: f"{ip} dscp {self.negation()}{r.choice(['cs1', 'ef', '0', 'af11'])}")

    def matches(self, table, may_state):
        """Words of a rule before its verdict, the IP family and transport they ask for."""
        r = self.r
        family = {"ip": 4, "ip6": 6}.get(table) or r.choice([0, 0, 4, 6])
        protocol, words = "", []
        if family and r.random() < 0.8:
            words += [self.network(family) for _ in range(r.choice([1, 1, 2]))]
        if not any(" protocol " in w or " nexthdr " in w for w in words) and r.random() < 0.6:
            transport, protocol = self.transport(family)
            words += transport
            family = {"icmp": 4, "icmpv6": 6}.get(protocol, family)
        if may_state and self.stateful and r.random() < 0.3:
            words.append(f"ct state {self.states()}")
        if r.random() < 0.1:
            words.append(f'iifname {self.negation()}"{r.choice(["wan", "lan"])}"')
        if table == "inet" and not family and r.random() < 0.05:
            words.append(f"meta nfproto {r.choice(['ipv4', 'ipv6'])}")
        # nft 1.0.6 makes one comparison of two != on bytes beside each other, which is then met too often.
        denied = [i for i, word in enumerate(words) if " != " in word]
        for i in denied[1:]:
            words[i] = words[i].replace(" != ", " == ")
        return words, family, protocol

    # statements

    def verdict(self, table, targets, may_reject, family, protocol):
        r = self.r
        kinds = ["accept", "accept", "drop", "drop", ""] + (["jump"] * 2 + ["goto"] if targets else []) + ["return"]
        kind = r.choice(kinds + (["reject"] if may_reject else []))
        if kind in ("jump", "goto"):
            return f"{kind} {r.choice(targets)}"
        if kind != "reject":
            return kind
        choices = [""]
        if table == "inet":
            choices.append("with " + r.choice(REJECTS))
        if protocol == "tcp":
            choices.append("with tcp reset")
        if family == 4:
            choices.append("with " + r.choice(REJECTS4))
        if family == 6:
            choices.append("with " + r.choice(REJECTS6))
        return f"reject {r.choice(choices)}".strip()

    def verdict_map(self, targets):
        r = self.r
        field, values = r.choice([("tcp dport", PORTS), ("udp dport", PORTS), ("ip saddr", ADDRESSES4), ("ip6 daddr", ADDRESSES6)]
                                 + ([("ct state", STATES)] * 2 if self.stateful else []))
        verdicts = ["accept", "drop"] + [f"jump {t}" for t in targets]
        chosen = r.sample(values, r.randint(1, min(4, len(values))))
        return f"counter {field} vmap {{ {', '.join(f'{v} : {r.choice(verdicts)}' for v in chosen)} }}"

    def add_rule(self, table, targets, may_state, may_reject):
        r = self.r
        if table == "inet" and may_state and r.random() < 0.08:
            text = self.verdict_map(targets)
        else:
            words, family, protocol = self.matches(table, may_state)
            counter = r.choice(["counter", "counter", f"counter name {self.counters}{r.randrange(3)}"])
            place = r.randint(0, len(words))
            words.insert(place if "th " not in " ".join(words) else len(words), counter)
            text = " ".join(words + [self.verdict(table, targets, may_reject, family, protocol)]).strip()
        self.rules.append(len(self.lines))
        self.lines.append("    " + text)

    # the whole

    def add_set(self, name, kind, elements, interval=True):
        self.lines += [f"  set {name} {{", f"    type {kind}", "    flags interval" if interval else "    flags constant",
                       "    auto-merge" if interval else "", f"    elements = {{ {', '.join(elements)} }}", "  }"]

    def priority(self, name):
        """Of the second table's chains another one: chains of equal priority have no order that nft tells."""
        return f"{name} + 1" if self.counters.startswith("second") else name

    def add_chain(self, name, table, hook, rules, targets, may_state, may_reject):
        self.lines.append(f"  chain {name} {{")
        if hook:
            self.lines.append(f"    type filter hook {hook}; policy {self.r.choice(['accept', 'accept', 'drop'])};")
        for _ in range(rules):
            self.add_rule(table, targets, may_state, may_reject)
        self.lines.append("  }")

    def add_table(self, table, name, with_early):
        r = self.r
        self.lines.append(f"table {table} {name} {{")
        self.add_set("addresses4", "ipv4_addr", [self.one_of(self.network4, lambda: self.range_of(ADDRESSES4)) for _ in range(4)])
        self.add_set("addresses6", "ipv6_addr", [self.one_of(self.network6, lambda: self.range_of(ADDRESSES6)) for _ in range(4)])
        self.add_set("ports", "inet_service", [str(p) for p in r.sample(PORTS, 4)], interval=False)
        self.counters = f"{name}_"
        self.lines += [f"  counter {self.counters}{i} {{ }}" for i in range(3)]
        self.add_chain("last", table, "", r.randint(1, 4), [], True, False)
        self.add_chain("middle", table, "", r.randint(2, 6), ["last"], True, False)
        if with_early and table == "inet":
            self.add_chain("in_early", table, f'ingress device "{r.choice(["wan", "lan"])}" priority 0', 2, [], False, False)
        if with_early:
            self.add_chain("raw", table, f"prerouting priority {self.priority('raw')}", r.randint(1, 3), [], False, False)
            self.add_chain("mangle", table, f"prerouting priority {self.priority('mangle')}", r.randint(1, 4), ["last"], True, False)
        targets = ["middle", "last"]
        self.add_chain("to_us", table, f"input priority {self.priority('filter')}", r.randint(2, 6), targets, True, True)
        self.add_chain("through", table, f"forward priority {self.priority(r.choice(['filter', 'mangle', 'security']))}", r.randint(4, 14), targets, True, True)
        self.lines.append("}")

    def make(self, may_be_early=True):
        self.add_table("inet", "t", may_be_early and self.r.random() < 0.5)
        if self.r.random() < 0.3:
            self.add_table(self.r.choice(["ip", "ip6"]), "second", may_be_early and self.r.random() < 0.3)
        return self

    def text(self, without=()):
        return "\n".join(line for i, line in enumerate(self.lines) if i not in without) + "\n"

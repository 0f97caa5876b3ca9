"""The filter's verdicts beside those of kernel nftables: generated rule sets, generated packets in the
same order. Of every packet what came out is compared, byte by byte where it was forwarded, and at the end
all counters. SLUICE_TEST_LONG tries more; NFT_SEED=N only that seed."""

import json
import os
import pathlib
import subprocess

import pytest

import nft_kernel
from nft_rules import RuleMaker
from nft_traffic import Traffic, datagram_of, without_known_differences

ROOT = pathlib.Path(__file__).resolve().parents[2]
LONG = bool(os.environ.get("SLUICE_TEST_LONG"))
UNKNOWN = 253  # a protocol number for experiments (RFC 3692)
PACKETS = 200
SEEDS = [int(os.environ["NFT_SEED"])] if "NFT_SEED" in os.environ else range(2000 if LONG else 20)


class Ours:
    """tests/support/filter_oracle: our pipeline, without a network."""

    def __init__(self, folder):
        self.program = os.environ.get("FILTER_ORACLE", ROOT / "build/release/tests/support/filter_oracle")
        self.file = pathlib.Path(folder) / "rules.nft"

    def run(self, rules, packets, burst=1):
        """(what became of each packet, counters)"""
        self.file.write_text(rules)
        lines = [" ".join(f"{port}:{data.hex()}" for port, data in packets[i:i + burst])
                 for i in range(0, len(packets), burst)]
        done = subprocess.run([self.program, self.file], input="\n".join(lines) + "\n", stdout=subprocess.PIPE,
                              stderr=subprocess.PIPE, text=True)
        if done.returncode != 0:
            raise RuntimeError(done.stderr)
        said = [json.loads(line) for line in done.stdout.splitlines()]
        return said[:-1], said[-1]


def quoted(data, six):
    """What an error has of the packet that it is about: addresses, protocol, and the first eight octets;
    not what changes on the way."""
    header = data[:40] if six else data[:20]
    blank = header[:7] + b"\0" + header[8:] if six else header[:8] + b"\0" + header[9:10] + b"\0\0" + header[12:]
    start = len(header)
    return blank + data[start:start + 8]


def protocol_of(packet):
    """The transport protocol and all behind its IP header and options."""
    if packet[0] >> 4 == 4:
        return packet[9], packet[(packet[0] & 15) * 4:]
    protocol, body = packet[6], packet[40:]
    while protocol in (0, 60):
        protocol, body = body[0], body[(body[1] + 1) * 8:]
    return protocol, body


def summary(packet):
    """What the receiver of an answer learns from it."""
    six = packet[0] >> 4 == 6
    addresses = packet[8:40] if six else packet[12:20]
    protocol, body = protocol_of(packet)
    if protocol == 6:  # ports, numbers, flags
        return addresses, "tcp", body[:12], body[13]
    if body[0] in ((128, 129) if six else (0, 8)):
        return addresses, "echo", body[:2], body[4:]
    return addresses, "icmp", body[:2], quoted(body[8:], six)


def outcome_of_kernel(port, outs):
    """One of ("out", port, bytes), ("answer", summary) and ("nothing",)."""
    if not outs:
        return ("nothing",)
    assert len(outs) == 1, outs
    to, packet = outs[0]
    return ("answer", summary(packet)) if to == port else ("out", to, packet)


def outcome_of_ours(port, said):
    if said["verdict"] == "sent":
        return "out", said["out"], bytes.fromhex(said["packet"])
    if said["verdict"] == "answered":
        return "answer", summary(bytes.fromhex(said["packet"]))
    return ("nothing",)


def answered_by_us_alone(packet, left, right):
    """The kernel rejects only packets with a good checksum, and takes any protocol that it does not know
    for one with a checksum over its whole payload."""
    return protocol_of(packet)[0] == UNKNOWN and left == ("nothing",) and right[0] == "answer"


def fate(outcomes):
    """Of the pieces of a datagram: what becomes of them all."""
    gone = sum(outcome[0] == "out" for outcome in outcomes)
    return "passed" if gone == len(outcomes) else "partly passed" if gone else "stopped"


def difference_in_pieces(kernel, ours, rules, packets):
    """As difference(), but with tracking: the kernel holds the pieces of a datagram until it is whole, and
    then sends, answers and counts it once. So of those it only compares whether they pass."""
    packets = without_known_differences(packets, ())
    theirs, said = kernel.run(rules, packets)[0], ours.run(rules, packets)[0]
    i = 0
    while i < len(packets):
        port, piece = packets[i]
        end = i + 1
        while datagram_of(piece) and end < len(packets) and datagram_of(packets[end][1]) == datagram_of(piece):
            end += 1
        right = [outcome_of_ours(port, one) for one in said[i:end]]
        if end == i + 1:
            left = [outcome_of_kernel(port, theirs[i])]
            same = left == right or answered_by_us_alone(piece, left[0], right[0])
        else:
            left = [("out",) for outs in theirs[i:end] for to, _ in outs if to != port]
            left += [("nothing",)] * (end - i - len(left))
            same = fate(left) == fate(right)
        if not same:
            return i, f"pieces {i} to {end - 1}\nkernel {left}\n   ours {right}\n        {said[i]}"
        i = end
    return None


def difference(kernel, ours, rules, packets):
    """The first difference as (index of the packet, text), or None."""
    untracked = {i for i, one in enumerate(ours.run(rules, packets)[0]) if one["stage"] == "track"}
    packets = without_known_differences(packets, untracked)
    theirs, their_counters = kernel.run(rules, packets)
    said, our_counters = ours.run(rules, packets)
    for i, (alone, together) in enumerate(zip(said, ours.run(rules, packets, burst=19)[0])):
        if alone != together:
            return i, f"alone   {alone}\nin bursts {together}"
    for i, (port, _) in enumerate(packets):
        left, right = outcome_of_kernel(port, theirs[i]), outcome_of_ours(port, said[i])
        if left != right and not answered_by_us_alone(packets[i][1], left, right):
            return i, f"kernel {left}\n   ours {right}\n        {said[i]}"
    for kind in ("named", "own"):
        if their_counters[kind] != our_counters[kind]:
            return len(packets) - 1, f"counters, kernel {their_counters[kind]}\n           ours {our_counters[kind]}"
    return None


def shrink(compare, kernel, ours, maker, packets):
    """Fewer packets and fewer rules that still differ."""
    def found(without, some):
        try:
            return compare(kernel, ours, maker.text(without), some)
        except RuntimeError:  # not a rule set any more
            return None

    without = set()
    if not found(without, packets):
        return without, packets, (0, "seen once, and not again")
    for size in (64, 16, 4, 1):
        at = 0
        while at < len(packets):
            fewer = packets[:at] + packets[at + size:]
            if fewer and found(without, fewer):
                packets = fewer
            else:
                at += size
    for line in reversed(maker.rules):
        if found(without | {line}, packets):
            without.add(line)
    return without, packets, found(without, packets)


def describe(packets):
    from scapy.layers.inet import IP
    from scapy.layers.inet6 import IPv6
    return "\n".join(f"  {i:3} {port} {(IPv6 if data[0] >> 4 == 6 else IP)(data).summary()}\n      {data.hex()}"
                     for i, (port, data) in enumerate(packets))


@pytest.fixture(scope="module")
def kernel():
    client = nft_kernel.Client()
    yield client
    client.stop()


def check(compare, kernel, ours, seed, maker, packets):
    if compare(kernel, ours, maker.text(), packets) is None:
        return
    without, few, (number, what) = shrink(compare, kernel, ours, maker, packets)
    pytest.fail(f"seed {seed}, packet {number} of {len(few)}:\n{what}\n{maker.text(without)}\n{describe(few)}", pytrace=False)


@pytest.mark.parametrize("seed", SEEDS)
def test_generated(kernel, tmp_path, seed):
    """Every fourth rule set does not ask for connections."""
    maker = RuleMaker(seed, stateful=seed % 4 != 0).make()
    check(difference, kernel, Ours(tmp_path), seed, maker, Traffic(seed).packets(PACKETS))


@pytest.mark.parametrize("seed", SEEDS[:5] if len(SEEDS) == 20 else SEEDS)
def test_fragments(kernel, tmp_path, seed):
    maker = RuleMaker(seed).make(may_be_early=False)
    maker.lines[-1:-1] = ["  chain sees_connections {", "    type filter hook forward priority 99; policy accept;",
                          "    ct state invalid accept", "  }"]
    check(difference_in_pieces, kernel, Ours(tmp_path), seed, maker, Traffic(seed, fragments=True).packets(PACKETS))

"""Formats of captures, ports of packets, time, and that two runs are equal."""

import json
import struct
import subprocess

import pytest
from scapy.all import IP, TCP, UDP, Ether

from harness import (CLIENT, LAB, LAN, SLUICE, START, WAN, block, enhanced_packet, forwarded, from_backend,
                     from_client, pcap, pcapng, pcapng_head, replay)

UDP_FRAME = from_client(IP(src="198.18.0.2", dst="198.18.1.11") / UDP(sport=5000, dport=9) / b"hello")
ONE_PORT = """
kind: Port
name: one
spec:
  addresses: [198.18.0.1/24]
"""


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("nanoseconds", [False, True])
def test_pcap_of_either_order_and_unit(tmp_path, order, nanoseconds):
    done = replay(tmp_path, [], capture=pcap([UDP_FRAME, (2.5, UDP_FRAME)], order, nanoseconds))
    assert done.sent_by("lan") == [bytes(forwarded(UDP_FRAME))] * 2
    assert [time for _, time, _ in done.frames] == [START, START + 2.5]


@pytest.mark.parametrize("order", "<>")
@pytest.mark.parametrize("resolution, per_second", [(None, 10**6), (9, 10**9), (3, 10**3), (0x80 | 10, 1024)])
def test_pcapng_of_either_order_and_unit(tmp_path, order, resolution, per_second):
    capture = pcapng([("wan", UDP_FRAME), ("wan", 2.5, UDP_FRAME)], order, resolution, per_second)
    done = replay(tmp_path, [], capture=capture)
    assert done.sent_by("lan") == [bytes(forwarded(UDP_FRAME))] * 2
    assert [time for _, time, _ in done.frames] == [START, START + 2.5]


def test_interfaces_of_pcapng_are_ports(tmp_path):
    to_group = Ether(src=CLIENT, dst="ff:ff:ff:ff:ff:ff") / IP(src="198.18.1.11", dst="198.18.0.2") / UDP(dport=9)
    done = replay(tmp_path, [], capture=pcapng([("lan", to_group), ("wan", UDP_FRAME), ("eth7", UDP_FRAME)]))
    assert done.column("in") == ["lan", "wan", "wan"], "eth7 is no port: by the Ethernet address"


def test_blocks_that_are_not_known_are_passed_over_and_sections_begin_anew(tmp_path):
    frame = bytes(UDP_FRAME)
    statistics = block("<", 5, bytes(12))
    simple = block("<", 3, struct.pack("<I", len(frame)) + frame)
    old_form = block("<", 2, struct.pack("<HHIIII", 0, 0, 0, 7, len(frame), len(frame)) + frame)
    capture = (pcapng_head(["lan", "wan"]) + enhanced_packet(1, 5, frame) + statistics +
               pcapng_head(["wan"], ">") + enhanced_packet(0, 6, frame, ">") + pcapng_head(["wan"]) + simple + old_form)
    done = replay(tmp_path, [], capture=capture)
    assert done.column("in") == ["wan"] * 4
    assert [round(time * 1e6) for _, time, _ in done.frames] == [5, 6, 6, 7]


def test_without_names_a_packet_comes_in_by_the_port_it_is_sent_to(tmp_path):
    reply = from_backend(IP(src="198.18.1.11", dst="198.18.0.2") / UDP(dport=9))
    done = replay(tmp_path, [UDP_FRAME, reply])
    assert done.column("in") == ["wan", "lan"]
    assert done.column("out") == ["lan", "wan"]


def test_all_come_in_by_the_port_asked_for(tmp_path):
    done = replay(tmp_path, [], capture=pcapng([("wan", UDP_FRAME)]), arguments=["--port", "lan"])
    assert [(v["in"], v["out"]) for v in done.verdicts] == [("lan", "lan")]


def test_ports_may_have_addresses_of_their_own(tmp_path):
    state = LAB.replace("name: wan\nspec:", 'name: wan\nspec:\n  mac: "02:aa:00:00:00:05"')
    frame = Ether(src=CLIENT, dst="02:aa:00:00:00:05") / UDP_FRAME[IP]
    done = replay(tmp_path, [frame, UDP_FRAME], state)
    assert done.column("reason") == [None, "not_our_mac"]


def test_a_state_with_one_port_gives_a_pcap(tmp_path):
    frame = from_client(IP(src="198.18.0.2", dst="198.18.0.7") / UDP(dport=9))
    done = replay(tmp_path, [frame], ONE_PORT)
    assert done.raw[0][:4] == struct.pack("<I", 0xa1b23c4d)
    assert done.frames == [(None, START, bytes(forwarded(frame, port=WAN)))]


def test_an_empty_capture_gives_an_empty_one(tmp_path):
    done = replay(tmp_path, [])
    assert (done.frames, done.verdicts) == ([], [])
    assert done.stdout.startswith("0 packets")


def test_the_clock_is_the_captures(tmp_path):
    """A UDP flow of a service is forgotten after 30 s: its reply then is only a packet to forward."""
    query = from_client(IP(src="198.18.0.2", dst="198.18.100.82") / UDP(sport=5000, dport=7))
    backend = replay(tmp_path, [query]).verdicts[0]["backend"]
    reply = from_backend(IP(src=f"198.18.1.1{backend[2]}", dst="198.18.0.2") / UDP(sport=7, dport=5000))
    done = replay(tmp_path, [(0, query), (29.9, reply), (59.8, reply), (90, reply), (3600 * 24 * 60, reply)])
    assert done.column("service") == ["echo", "echo", "echo", None, None]


def test_time_never_goes_back(tmp_path):
    done = replay(tmp_path, [(5, UDP_FRAME), (2, UDP_FRAME), (6, UDP_FRAME)])
    assert [time for _, time, _ in done.frames] == [START + 5, START + 5, START + 6]


def test_a_packet_that_was_cut_is_judged_as_it_is(tmp_path):
    capture = pcap([UDP_FRAME])
    frame = bytes(UDP_FRAME)[:40]
    cut = capture[:24] + struct.pack("<IIII", 5, 0, len(frame), len(UDP_FRAME)) + frame
    done = replay(tmp_path, [], capture=cut)
    assert done.column("verdict") == ["dropped"]
    assert "not whole in the capture" in done.stderr


def mixture():
    """Packets of all kinds, many of a time stamp."""
    packets = []
    for i in range(300):
        at = i // 20
        packets += [
            (at, from_client(IP(src="198.18.0.2", dst="198.18.100.80") / TCP(sport=5000 + i, dport=80, flags="S"))),
            (at, from_client(IP(src="198.18.0.2", dst="198.18.100.82") / UDP(sport=5000 + i, dport=7))),
            (at, from_client(IP(src="198.18.0.2", dst="198.18.1.11", ttl=1 + i % 3) / UDP(sport=i, dport=9))),
            (at, from_client(IP(src="198.18.0.2", dst="198.18.1.11") / TCP(sport=5000 + i, dport=2323, flags="S"))),
            (at, bytes(UDP_FRAME)[:i % 60]),
            (at, from_client(IP(src="198.18.0.2", dst=f"203.0.113.{i % 200}") / UDP(dport=9))),
        ]
    return packets


def test_two_runs_give_the_same_bytes(tmp_path):
    assert replay(tmp_path, mixture()).raw == replay(tmp_path, mixture()).raw


def test_packets_of_a_time_stamp_may_come_at_once(tmp_path):
    one, many = replay(tmp_path, mixture()), replay(tmp_path, mixture(), arguments=["--burst", "16"])
    assert many.raw[1] == one.raw[1], "the verdicts are the same"
    for port in ("wan", "lan"):
        assert many.sent_by(port) == one.sent_by(port)


def test_cycles_are_measured_when_asked_for(tmp_path):
    done = replay(tmp_path, [UDP_FRAME], arguments=["--cycles"])
    assert done.verdicts[0]["cycles"] > 0


def test_the_books_balance(tmp_path):
    done = replay(tmp_path, mixture(), arguments=["-o", "json"])
    summary = json.loads(done.stdout)
    assert summary["packets"] == len(mixture()) == len(done.verdicts)
    for verdict in ("sent", "answered", "punted", "held"):
        assert summary[verdict] == done.column("verdict").count(verdict)
    assert sum(summary["dropped"].values()) == done.column("verdict").count("dropped")
    for reason, count in summary["dropped"].items():
        assert done.column("reason").count(reason) == count
    assert len(done.frames) == summary["sent"] + summary["answered"] + summary["originated"]


def test_verdicts_may_be_left_out(tmp_path):
    replay(tmp_path, [UDP_FRAME])
    (tmp_path / "verdicts").unlink()
    subprocess.run([SLUICE, "replay", "--state", tmp_path / "state.yaml", "--in", tmp_path / "in.pcap", "--out",
                    tmp_path / "out.pcap"], check=True, stdout=subprocess.PIPE)
    assert sorted(p.name for p in tmp_path.iterdir()) == ["in.pcap", "out.pcap", "state.yaml"]


def test_tcpdump_reads_what_is_written(tmp_path):
    replay(tmp_path, [UDP_FRAME])
    shown = subprocess.run(["tcpdump", "-nr", tmp_path / "out.pcap"], check=True, stdout=subprocess.PIPE,
                           stderr=subprocess.PIPE, text=True).stdout
    assert "198.18.0.2.5000 > 198.18.1.11.9: UDP, length 5" in shown
    assert LAN not in shown

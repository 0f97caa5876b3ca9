"""The program that takes outer headers off, run by the kernel over single frames: what comes out, byte for byte,
is built by scapy."""

import ctypes
import ipaddress
import struct
import sys

import pytest
from conftest import ROOT
from scapy.all import IP, UDP, Ether, IPv6, Raw

sys.path.insert(0, str(ROOT / "scripts/lib"))
bpf = pytest.importorskip("bpf")

OBJECT = ROOT / "build/release/ebpf/backend.bpf.o"
DROP, PASS = 1, 2
NOT_CAPABLE, ECT1, ECT0, CONGESTION = range(4)
CLIENT4, CLIENT6, SERVICE4, SERVICE6 = "198.18.0.2", "2001:2::2", "198.18.100.84", "2001:2:0:100::84"
FROM4, FROM6, END4, END6 = "198.18.2.9", "2001:2:0:2::9", "198.18.1.11", "2001:2:0:1::11"
MACS = {"src": "02:00:00:00:01:01", "dst": "02:00:00:00:0b:11"}


class TestRun(ctypes.Structure):
    """The beginning of struct bpf_test_run_opts."""
    __test__ = False
    _fields_ = [("size", ctypes.c_size_t), ("data_in", ctypes.c_void_p), ("data_out", ctypes.c_void_p),
                ("size_in", ctypes.c_uint32), ("size_out", ctypes.c_uint32), ("context_in", ctypes.c_void_p),
                ("context_out", ctypes.c_void_p), ("context_size_in", ctypes.c_uint32),
                ("context_size_out", ctypes.c_uint32), ("result", ctypes.c_uint32), ("repeat", ctypes.c_int),
                ("flags", ctypes.c_uint32), ("cpu", ctypes.c_uint32), ("duration", ctypes.c_uint32)]


def mapped(text):
    return (b"" if ":" in text else b"\0" * 10 + b"\xff\xff") + ipaddress.ip_address(text).packed


@pytest.fixture(scope="module")
def program():
    loaded = bpf.Object(OBJECT)
    loaded.put("settings", struct.pack("I", 0), struct.pack("!H", 6080) + struct.pack("HHH", 3, 0, 0))
    for source, length in (("198.18.2.0", 96 + 24), ("2001:2:0:2::", 64)):
        loaded.put("senders", struct.pack("I", length) + mapped(source), b"\1")
    for service in (SERVICE4, SERVICE6):
        loaded.put("services", mapped(service), b"\1")
    descriptor = loaded.program("sluice_backend")

    def run(frame):
        data, out = ctypes.create_string_buffer(bytes(frame)), ctypes.create_string_buffer(4096)
        options = TestRun(size=ctypes.sizeof(TestRun), data_in=ctypes.addressof(data), data_out=ctypes.addressof(out),
                          size_in=len(bytes(frame)), size_out=4096, repeat=1)
        bpf.checked(bpf.LIB.bpf_prog_test_run_opts(descriptor, ctypes.byref(options)), "the run")
        return options.result, out.raw[:options.size_out]
    return run


def inner(v4, ecn=0, service=None):
    packet = IP(src=CLIENT4, dst=service or SERVICE4, tos=0x28 | ecn, ttl=63, flags="DF") if v4 else \
        IPv6(src=CLIENT6, dst=service or SERVICE6, tc=0x28 | ecn, hlim=63)
    return packet / UDP(sport=5000, dport=80) / b"hello"


def outer(v4, inside_v4, mode, ecn=0, source=None, port=6080):
    number = 17 if mode == "GUE" else (4 if inside_v4 else 41)
    header = IP(src=source or FROM4, dst=END4, tos=ecn, proto=number, flags="DF") if v4 else \
        IPv6(src=source or FROM6, dst=END6, tc=ecn, nh=number)
    return header / UDP(sport=50000, dport=port, chksum=0) if mode == "GUE" else header


def framed(*headers):
    frame = Ether(**MACS, type=0x800 if headers[0].version == 4 else 0x86dd)
    for header in headers[:-1]:
        frame = frame / header
    return bytes(frame / Raw(bytes(headers[-1])))


def plain(packet):
    return bytes(Ether(**MACS, type=0x800 if packet.version == 4 else 0x86dd) / Raw(bytes(packet)))


WAYS = [(v4, inside, mode) for v4 in (True, False) for inside in (True, False) for mode in ("IPIP", "GUE")]


@pytest.mark.parametrize("v4,inside,mode", WAYS)
def test_the_header_is_off(program, v4, inside, mode):
    assert program(framed(outer(v4, inside, mode), inner(inside))) == (PASS, plain(inner(inside)))


@pytest.mark.parametrize("v4,inside,mode", WAYS)
def test_congestion_is_told_on(program, v4, inside, mode):
    """RFC 6040 figure 4."""
    for came in range(4):
        for was in range(4):
            result, frame = program(framed(outer(v4, inside, mode, came), inner(inside, was)))
            if came == CONGESTION and was == NOT_CAPABLE:
                assert result == DROP
                continue
            told = CONGESTION if came == CONGESTION else ECT1 if (came, was) == (ECT1, ECT0) else was
            assert (result, frame) == (PASS, plain(inner(inside, told))), (came, was)


@pytest.mark.parametrize("v4,inside,mode", WAYS)
def test_only_from_balancers_and_only_to_services(program, v4, inside, mode):
    stranger = framed(outer(v4, inside, mode, source="198.18.3.9" if v4 else "2001:2:0:3::9"), inner(inside))
    assert program(stranger) == (PASS, stranger), "the kernel's to answer"
    other = "198.18.1.12" if inside else "2001:2:0:1::12"
    assert program(framed(outer(v4, inside, mode), inner(inside, service=other)))[0] == DROP


@pytest.mark.parametrize("v4,inside,mode", WAYS)
def test_what_is_cut_short(program, v4, inside, mode):
    whole = framed(outer(v4, inside, mode), inner(inside))
    head = len(whole) - len(bytes(inner(inside)))
    for size in range(14, head + (20 if inside else 40)):
        result, frame = program(whole[:size])
        assert result in (DROP, PASS)
        assert result == DROP or frame == whole[:size], "passed on only as it came"


def test_other_traffic_is_left_alone(program):
    for frame in (plain(inner(True)), plain(inner(False)), framed(outer(True, True, "GUE", port=6081), inner(True)),
                  bytes(Ether(**MACS, type=0x0806) / Raw(bytes(46))),
                  framed(IP(src=FROM4, dst=END4, proto=4, flags="MF"), inner(True)),
                  framed(IP(src=FROM4, dst=END4, proto=4, frag=100), inner(True))):
        assert program(frame) == (PASS, frame)


def test_the_family_inside_is_the_one_that_the_header_says(program):
    assert program(framed(IP(src=FROM4, dst=END4, proto=41), inner(True)))[0] == DROP
    assert program(framed(IP(src=FROM4, dst=END4, proto=4), inner(False)))[0] == DROP

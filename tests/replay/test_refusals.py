"""What cannot be replayed: one clear line each, and the exit status of the contract."""

import os
import pathlib
import struct
import subprocess

import pytest
from scapy.all import IP, UDP

from harness import LAB, SLUICE, block, enhanced_packet, from_client, pcap, pcapng_head, replay

FRAME = bytes(from_client(IP(src="198.18.0.2", dst="198.18.1.11") / UDP(dport=9)))
GOOD = pcap([FRAME, FRAME])
SECTION = pcapng_head(["wan"])


def refused(folder, capture=GOOD, state=LAB, arguments=()):
    """The line that is said."""
    done = replay(folder, [], state=state, capture=capture, arguments=arguments, expect=1)
    assert done.stderr.count("\n") == 1, done.stderr
    assert done.stderr.startswith("sluice: ")
    return done.stderr


@pytest.mark.parametrize("what, capture, says", [
    ("empty", b"", "the file is empty"),
    ("magic", b"GIF89a" + bytes(100), "no capture"),
    ("short magic", b"\xd4\xc3", "no capture"),
    ("short header", GOOD[:20], "ends within"),
    ("version", GOOD[:4] + struct.pack("<HH", 3, 0) + GOOD[8:], "pcap version 3.0"),
    ("link type", GOOD[:20] + struct.pack("<I", 113) + GOOD[24:], "link type 113, not Ethernet"),
    ("pcapng link type", pcapng_head([]) + block("<", 1, struct.pack("<HHI", 101, 0, 0)), "link type 101"),
    ("pcapng version", block("<", 0x0a0d0d0a, struct.pack("<IHHq", 0x1a2b3c4d, 2, 0, -1)), "pcapng version 2"),
    ("byte order", block("<", 0x0a0d0d0a, struct.pack("<IHHq", 0x11223344, 1, 0, -1)), "without a byte order"),
    ("block length", SECTION + struct.pack("<II", 6, 13), "a block of 13 bytes"),
    ("huge block", SECTION + struct.pack("<II", 6, 0x7ffffffc), "a block of 2147483644 bytes"),
    ("no interface", SECTION + enhanced_packet(1, 0, FRAME), "interface 1, which is not described"),
    ("packet in block", SECTION + block("<", 6, struct.pack("<IIIII", 0, 0, 0, 100, 100)), "more than its block"),
    ("option in block", pcapng_head([]) + block("<", 1, struct.pack("<HHIHH", 1, 0, 0, 2, 100)), "an option longer"),
    ("time", SECTION + enhanced_packet(0, 2**64 - 1, FRAME), "a time before 1970 or after"),
    ("huge packet", GOOD[:24] + struct.pack("<IIII", 0, 0, 2**31, 2**31), "a packet of 2147483648 bytes"),
    ("within record", GOOD[:24 + 10], "ends within"),
    ("within packet", GOOD[:24 + 16 + 10], "ends within"),
    ("within block", SECTION + enhanced_packet(0, 0, FRAME)[:-20], "ends within"),
])
def test_a_bad_capture_is_refused_before_anything_is_written(tmp_path, what, capture, says):
    line = refused(tmp_path, capture)
    assert says in line and str(tmp_path / "in.pcap") in line
    assert not (tmp_path / "out.pcap").exists()


def test_a_capture_that_ends_within_a_packet_is_replayed_so_far(tmp_path):
    done = replay(tmp_path, [], capture=GOOD[:-5], expect=1)
    assert "ends within packet or block 2" in done.stderr
    assert len(done.frames) == len(done.verdicts) == 1


def test_there_is_no_such_file_or_port(tmp_path):
    line = refused(tmp_path, arguments=["--port", "dmz"])
    assert "no port 'dmz'" in line and "wan, lan" in line
    assert not (tmp_path / "out.pcap").exists()
    (tmp_path / "in.pcap").unlink()
    done = run(tmp_path)
    assert done.returncode == 1 and "No such file" in done.stderr
    (tmp_path / "in.pcap").mkdir()
    done = run(tmp_path)
    assert done.returncode == 1 and "directory" in done.stderr


def run(folder, **changed):
    """The command with its files, some of them others."""
    files = {"state": "state.yaml", "in": "in.pcap", "out": "out.pcap", "verdicts": "verdicts"} | changed
    words = [w for name, file in files.items() if file for w in (f"--{name}", folder / file)]
    return subprocess.run([SLUICE, "replay", *words], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True)


def test_outputs_that_cannot_be_written(tmp_path):
    replay(tmp_path, [FRAME])
    for name in ("out", "verdicts"):
        done = run(tmp_path, **{name: "nowhere/file"})
        assert done.returncode == 1 and "cannot be written" in done.stderr and "nowhere/file" in done.stderr
    done = run(tmp_path, out=pathlib.Path("/dev/full"))
    assert done.returncode == 1 and "No space left" in done.stderr


def test_the_capture_is_not_overwritten(tmp_path):
    replay(tmp_path, [FRAME])
    before = (tmp_path / "in.pcap").read_bytes()
    os.link(tmp_path / "in.pcap", tmp_path / "same")
    assert run(tmp_path, out="same").returncode == 1
    assert run(tmp_path, verdicts="in.pcap").returncode == 1
    assert run(tmp_path, verdicts="out.pcap").returncode == 1
    assert (tmp_path / "in.pcap").read_bytes() == before


@pytest.mark.parametrize("state, says", [
    ("kind: Port\nname: wan\nspec:\n  mtuu: 3\n", ":4:3: "),
    ("kind: Route\nname: r\nspec:\n  prefix: 198.18.0.0/24\n  via: 198.18.1.1\n", "no port"),
    ("kind: [", ":1:"),
    ("kind: AddressSet\nname: bad\nspec:\n  prefixes: [198.18.0.0/24]\n", "has no Port"),
])
def test_a_state_with_mistakes_is_refused(tmp_path, state, says):
    done = replay(tmp_path, [], capture=GOOD, state=state, expect=1)
    assert says in done.stderr
    assert not (tmp_path / "out.pcap").exists()


def test_wrong_usage(tmp_path):
    replay(tmp_path, [FRAME])
    for missing in ("state", "in", "out"):
        done = run(tmp_path, **{missing: None})
        assert done.returncode == 2 and f"--{missing}" in done.stderr
    for arguments in (["--burst", "17"], ["--burst", "x"], ["--what"]):
        replay(tmp_path, [FRAME], arguments=arguments, expect=2)

"""Runs `sluice replay` over packets of a test and reads what it wrote."""

import dataclasses
import json
import pathlib
import struct
import subprocess

from scapy.all import Ether, PcapReader

ROOT = pathlib.Path(__file__).resolve().parents[2]
SLUICE = ROOT / "build/release/bin/sluice"
LAB = (ROOT / "control/examples/lab.yaml").read_text().replace(
    "file: example.test.zone", f"file: {ROOT / 'control/examples/example.test.zone'}")

# Ports without a MAC of their own, by their order in the state.
WAN, LAN = "02:00:00:00:01:00", "02:00:00:00:01:01"
# Every next hop that no Port lists.
NEXT_HOP = "02:00:00:00:00:01"
CLIENT, BACKEND = "02:00:00:00:0c:02", "02:00:00:00:0b:11"
START = 1_700_000_000.0


def from_client(packet, port=WAN):
    """A frame from the lab's client to port wan."""
    return Ether(src=CLIENT, dst=port) / packet


def from_backend(packet):
    """A frame from a backend to port lan."""
    return Ether(src=BACKEND, dst=LAN) / packet


def forwarded(frame, port=LAN, to=NEXT_HOP):
    """The frame as a router sends it on: a hop less, new Ethernet addresses, checksums anew."""
    out = Ether(bytes(frame))
    ip = out.payload
    if ip.version == 4:
        ip.ttl -= 1
        del ip.chksum
    else:
        ip.hlim -= 1
    return Ether(src=port, dst=to) / ip


def rebuilt(packet):
    """The packet with checksums and lengths computed afresh."""
    packet = packet.copy()
    for layer in packet.layers():
        for field in ("chksum", "cksum"):
            if field in packet[layer].fields:
                delattr(packet[layer], field)
    return packet.__class__(bytes(packet))


@dataclasses.dataclass
class Replayed:
    status: int
    stdout: str
    stderr: str
    verdicts: list   # of dicts, a packet each
    frames: list     # of (port, time, bytes), what left
    raw: tuple = ()  # bytes of the two files

    def sent_by(self, port):
        return [frame for name, _, frame in self.frames if name == port]

    def column(self, name):
        return [verdict[name] for verdict in self.verdicts]


def replay(folder, packets, state=LAB, arguments=(), expect=0, capture=None):
    """Replays frames (bytes, scapy packets, or (seconds after START, frame)) or a capture file."""
    folder = pathlib.Path(folder)
    state_file, source = folder / "state.yaml", folder / "in.pcap"
    state_file.write_text(state)
    source.write_bytes(pcap(packets) if capture is None else capture)
    out, verdicts = folder / "out.pcap", folder / "verdicts"
    for file in (out, verdicts):
        file.unlink(missing_ok=True)
    done = subprocess.run([SLUICE, "replay", "--state", state_file, "--in", source, "--out", out,
                           "--verdicts", verdicts, *arguments], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, timeout=60)
    assert done.returncode == expect, done.stderr
    if expect != 0 and not out.exists():
        return Replayed(done.returncode, done.stdout, done.stderr, [], [])
    lines = verdicts.read_text().splitlines()
    return Replayed(done.returncode, done.stdout, done.stderr, [json.loads(line) for line in lines],
                    read_capture(out), (out.read_bytes(), verdicts.read_bytes()))


def timed(packets):
    """(seconds since 1970, bytes) of each."""
    out = []
    for i, packet in enumerate(packets):
        after, frame = packet if isinstance(packet, tuple) else (0.1 * i, packet)
        out.append((START + after, bytes(frame)))
    return out


def pcap(packets, order="<", nanoseconds=False):
    """A capture in the older format."""
    unit = 1_000_000_000 if nanoseconds else 1_000_000
    out = [struct.pack(order + "IHHiIII", 0xa1b23c4d if nanoseconds else 0xa1b2c3d4, 2, 4, 0, 0, 262144, 1)]
    for time, frame in timed(packets):
        ticks = round(time * unit)
        out.append(struct.pack(order + "IIII", ticks // unit, ticks % unit, len(frame), len(frame)) + frame)
    return b"".join(out)


def block(order, kind, body):
    """A block of pcapng around its body."""
    body += bytes(-len(body) % 4)
    length = struct.pack(order + "I", len(body) + 12)
    return struct.pack(order + "I", kind) + length + body + length


def pcapng_head(interfaces, order="<", resolution=None):
    """A section header and interfaces of these names."""
    out = block(order, 0x0a0d0d0a, struct.pack(order + "IHHq", 0x1a2b3c4d, 1, 0, -1))
    for name in interfaces:
        text = name.encode()
        body = struct.pack(order + "HHI", 1, 0, 0)
        if text:
            body += struct.pack(order + "HH", 2, len(text)) + text + bytes(-len(text) % 4)
        if resolution is not None:
            body += struct.pack(order + "HHBxxx", 9, 1, resolution)
        out += block(order, 1, body + bytes(4))
    return out


def enhanced_packet(interface, ticks, frame, order="<"):
    head = struct.pack(order + "IIIII", interface, ticks >> 32, ticks & 0xffffffff, len(frame), len(frame))
    return block(order, 6, head + frame)


def pcapng(packets, order="<", resolution=None, per_second=1_000_000):
    """A capture in the newer format of (interface name, frame) or (interface name, seconds, frame)."""
    names = list(dict.fromkeys(p[0] for p in packets))
    out = pcapng_head(names, order, resolution)
    for (name, *_), (time, frame) in zip(packets, timed([p[1] if len(p) == 2 else p[1:] for p in packets])):
        out += enhanced_packet(names.index(name), round(time * per_second), frame, order)
    return out


def read_capture(path):
    """(port, time in seconds, bytes) of each packet; the port is None in a pcap."""
    data = path.read_bytes()
    if data[:4] != b"\x0a\x0d\x0d\x0a":
        with PcapReader(str(path)) as reader:
            return [(None, float(p.time), bytes(p)) for p in reader]
    names, packets, at = [], [], 0
    while at < len(data):
        kind, length = struct.unpack_from("<II", data, at)
        assert data[at + length - 4:at + length] == data[at + 4:at + 8], "lengths of a block differ"
        body = data[at + 8:at + length - 4]
        if kind == 1:
            code, size = struct.unpack_from("<HH", body, 8)
            assert code == 2
            names.append(body[12:12 + size].decode())
        elif kind == 6:
            interface, high, low, captured, original = struct.unpack_from("<IIIII", body)
            assert captured == original
            packets.append((names[interface], (high << 32 | low) / 1e9, body[20:20 + captured]))
        at += length
    return packets

"""Services whose backends are reached in tunnels: real clients, the programs of scripts/backend, and what
the machines on the way say about packets that do not fit."""

import json

import pytest
from conftest import ROOT, eventually, read_metrics
from lab import BACKENDS, TUNNEL_ADDRESSES, TUNNEL_SOURCES

IPIP4, IPIP6, GUE4, GUE6 = TUNNEL_ADDRESSES
ADDRESSES = {"ipip4": IPIP4, "ipip6": IPIP6, "gue4": GUE4, "gue6": GUE6}
OVERHEAD = {"ipip4": 20, "ipip6": 40, "gue4": 28, "gue6": 48}
# What a client sends to port 9, of TCP or UDP, comes back. A datagram's answer has the source that its
# socket is bound to, so each service address has one.
ECHO = f"""
import socket, threading
def echo(datagrams):
    while True:
        datagrams.sendto(*datagrams.recvfrom(65536))
for address in {TUNNEL_ADDRESSES}:
    datagrams = socket.socket(socket.AF_INET6 if ":" in address else socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind((address, 9))
    threading.Thread(target=echo, args=(datagrams,), daemon=True).start()
def serve(connection):
    while data := connection.recv(65536):
        connection.sendall(data)
    connection.close()
server = socket.create_server(("::", 9), family=socket.AF_INET6, dualstack_ipv6=True)
print("ready", flush=True)
while True:
    threading.Thread(target=serve, args=(server.accept()[0],), daemon=True).start()
"""


def url(address, port=8080):
    return f"http://{f'[{address}]' if ':' in address else address}:{port}/"


def service(name, addresses, mode, protocol, port, backends=BACKENDS, segment_size="CLAMP"):
    ends = ", ".join(f'{{name: {b}, addresses: [198.18.1.1{b[-1]}, "2001:2:0:1::1{b[-1]}"]}}' for b in backends)
    sources = ", ".join(f'"{s}"' for s in TUNNEL_SOURCES)
    return (f"---\nkind: Service\nname: {name}\nspec: {{addresses: [{', '.join(f'{a!r}' for a in addresses)}], port: {port}, "
            f"protocol: {protocol}, mode: {mode}, tunnel: {{sources: [{sources}], segment_size: {segment_size}}}, "
            f"backends: [{ends}]}}\n")


def apply(lab, text):
    file = lab.run_folder / "tunnels.yaml"
    file.write_text(text)
    lab.sluice("apply", "-f", file)


@pytest.fixture(scope="module", autouse=True)
def services(lab):
    """UDP and a TCP echo at the addresses of the lab's tunnels."""
    for backend in BACKENDS:
        lab.popen(f"echo-{backend}", backend, "/usr/bin/python3", "-c", ECHO)
    apply(lab, "".join(service(f"{what}-{mode.lower()}", addresses, mode, protocol, port)
                       for mode, addresses in (("IPIP", (IPIP4, IPIP6)), ("GUE", (GUE4, GUE6)))
                       for what, protocol, port in (("udp", "UDP", 9), ("tcp", "TCP", 9))))
    eventually(lambda: all("ready" in lab.log(f"echo-{b}") for b in BACKENDS), 5, "the echoes")
    # A first packet may wait for a backend's Ethernet address.
    for address in TUNNEL_ADDRESSES:
        eventually(lambda a=address: python(lab, FETCH.format(address=a, size=1), check=False).returncode == 0,
                   10, f"{address} answers")


def python(lab, program, check=True, host="client"):
    return lab.exec(host, "/usr/bin/python3", "-c", program, check=check, timeout=60)


# Sends `size` bytes to the TCP echo and reads them back; says how large the client's segments were.
FETCH = """
import socket, threading
s = socket.create_connection(("{address}", 9), timeout=20)
body = bytes(range(256)) * ({size} // 256 + 1)
threading.Thread(target=lambda: (s.sendall(body), s.shutdown(socket.SHUT_WR)), daemon=True).start()
back = b"".join(iter(lambda: s.recv(65536), b""))
assert back == body, (len(back), len(body))
print(s.getsockopt(socket.IPPROTO_TCP, socket.TCP_MAXSEG))
"""

# Sends datagrams that must not be fragmented, growing to what the path is found to take.
PROBE = """
import errno, socket, time
v6 = ":" in "{address}"
s = socket.socket(socket.AF_INET6 if v6 else socket.AF_INET, socket.SOCK_DGRAM)
level, discover, mtu = (41, 23, 24) if v6 else (0, 10, 14)
s.setsockopt(level, discover, 2)
s.settimeout(2)
s.connect(("{address}", 9))
header = 48 if v6 else 28
try:
    s.send(bytes(1500 - header))
    time.sleep(0.5)
    s.send(bytes(1500 - header))
except OSError as error:
    assert error.errno == errno.EMSGSIZE, error
s.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR)  # what came meanwhile
size = s.getsockopt(level, mtu)
s.send(b"z" * (size - header))
assert s.recv(2000) == b"z" * (size - header)
print(size)
"""


def counters(lab, backend):
    status = json.loads(lab.exec(backend, ROOT / "scripts/backend", "status", "--dev", "eth0", "--json").stdout)
    return {name: value["packets"] for name, value in status["counters"].items()}


@pytest.mark.parametrize("way", ADDRESSES)
def test_a_service_reaches_every_backend(lab, way):
    before = {b: counters(lab, b) for b in BACKENDS}
    address = url(ADDRESSES[way])
    answers = lab.exec("client", "sh", "-c", f"for i in $(seq 36); do curl -sgm 3 '{address}'; done").stdout.split()
    assert len(answers) == 36 and set(answers) == set(BACKENDS)
    for backend in BACKENDS:
        now = counters(lab, backend)
        assert now[way[:-1]] > before[backend][way[:-1]], "they came in the tunnel"
        assert [now[k] - before[backend][k] for k in ("stranger", "no_service", "malformed", "congested")] == [0] * 4


@pytest.mark.parametrize("way", ADDRESSES)
def test_udp_is_echoed(lab, way):
    family = "AF_INET6" if ":" in ADDRESSES[way] else "AF_INET"
    python(lab, "import socket\nfor n in (1, 99, 1200):\n"
           f" s=socket.socket(socket.{family},socket.SOCK_DGRAM); s.settimeout(3); s.connect(('{ADDRESSES[way]}',9))\n"
           " s.send(b'x'*n); assert s.recv(2000)==b'x'*n")


def too_large(lab):
    return sum(v for k, v in read_metrics(lab).items()
               if k.startswith("sluice_packets_dropped_total{") and 'reason="too_big"' in k)


@pytest.mark.parametrize("way", ADDRESSES)
def test_a_large_transfer_in_segments_that_fit(lab, way):
    """Time stamps (12 bytes) off. The backend serves several kinds of tunnels and allows for the greatest."""
    dropped = too_large(lab)
    done = python(lab, FETCH.format(address=ADDRESSES[way], size=3_000_000))
    headers = 60 if ":" in ADDRESSES[way] else 40
    fits = 1500 - OVERHEAD[way] - headers - 12
    assert fits - 28 <= int(done.stdout) <= fits
    assert too_large(lab) == dropped


@pytest.mark.parametrize("way", ADDRESSES)
def test_the_client_hears_what_does_not_fit(lab, way):
    assert int(python(lab, PROBE.format(address=ADDRESSES[way])).stdout) == 1500 - OVERHEAD[way]


def test_a_large_transfer_by_path_mtu_alone(lab):
    """Handshakes left alone: the first full segment is answered with what fits."""
    for backend in BACKENDS:
        lab.exec(backend, ROOT / "scripts/backend", "up", "--dev", "eth0", "--mode", "ipip", "--mode", "gue", "--from",
                 *TUNNEL_SOURCES, "--address", *TUNNEL_ADDRESSES, "--keep-segment-size")
    apply(lab, service("tcp-ipip", (IPIP4, IPIP6), "IPIP", "TCP", 9, segment_size="KEEP"))
    lab.exec("client", "ip", "route", "flush", "cache")
    lab.exec("client", "ip", "-6", "route", "flush", "cache")
    for address in (IPIP4, IPIP6):
        python(lab, FETCH.format(address=address, size=1_000_000))


def test_strangers_are_left_to_the_kernel(lab):
    before = counters(lab, "be1")
    spoof = ("from scapy.all import *\n"
             f"for outer in (IP(dst='198.18.1.11'), IP(dst='198.18.1.11')/UDP(sport=50000,dport=6080)):\n"
             f" send(outer/IP(src='198.18.0.2',dst='{IPIP4}')/UDP(dport=7)/b'x',verbose=0)")
    python(lab, spoof)
    now = counters(lab, "be1")
    assert now["stranger"] - before["stranger"] == 2
    assert now["ipip"] == before["ipip"] and now["gue"] == before["gue"]


def test_a_backend_that_cannot_open_the_tunnel_is_told_of(lab):
    """Its kernel's `protocol unreachable` about the outer header becomes `host unreachable` for the client."""
    apply(lab, service("lost", (IPIP4,), "IPIP", "TCP", 99, backends=("be3",)))
    lab.exec("be3", ROOT / "scripts/backend", "down", "--dev", "eth0")
    try:
        done = python(lab, f"import socket\ntry: socket.create_connection(('{IPIP4}',99),5)\n"
                      "except OSError as e: print(e.errno)")
        assert done.stdout.strip() == "113", "no route to host, at once"
    finally:
        lab.exec("be3", ROOT / "scripts/backend", "up", "--dev", "eth0", "--mode", "ipip", "--mode", "gue", "--from",
                 *TUNNEL_SOURCES, "--address", *TUNNEL_ADDRESSES, "--replace")


def test_why_shows_mode_and_tunnel(lab):
    text = lab.sluice("why", "tcp", "198.18.0.2:5000", f"{GUE4}:8080").stdout
    assert "web-gue" in text and "mode GUE" in text and "encapsulate" in text and ":6080" in text


def test_down_takes_back_what_up_changed(lab):
    def settings():
        return (lab.exec("be2", "ip", "-j", "address", "show", "dev", "lo").stdout,
                lab.exec("be2", "sysctl", "net.ipv4.conf.eth0.arp_ignore", "net.ipv4.conf.eth0.arp_announce",
                         "net.ipv4.conf.eth0.rp_filter").stdout)
    up = ("up", "--dev", "eth0", "--mode", "gue", "--from", *TUNNEL_SOURCES, "--address")
    backend = ROOT / "scripts/backend"
    lab.exec("be2", backend, "down", "--dev", "eth0")
    before = settings()
    assert lab.exec("be2", backend, "status", "--dev", "eth0", check=False).returncode == 1
    lab.exec("be2", backend, *up, GUE4)
    lab.exec("be2", backend, *up, GUE4, GUE6)
    lab.exec("be2", backend, *up, GUE6)
    held = lab.exec("be2", "ip", "address", "show", "dev", "lo").stdout
    assert GUE6 in held and GUE4 not in held
    lab.exec("be2", backend, "down", "--dev", "eth0")
    lab.exec("be2", backend, "down", "--dev", "eth0")
    assert settings() == before
    for wrong in (("up", "--dev", "nothing", *up[3:], GUE4), (*up, "nonsense"), ("down",)):
        done = lab.exec("be2", backend, *wrong, check=False)
        assert done.returncode in (1, 2) and "Traceback" not in done.stdout

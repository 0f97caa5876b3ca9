"""Full NAT: backends that know of no route to the clients, PROXY headers, ports that run out, lost packets."""

import json
import pathlib

import pytest
from conftest import eventually, raised, read_metrics
from lab import BACKENDS

WEB4, WEB6 = "198.18.100.86", "2001:2:0:100::86"
LOCAL4, LOCAL6 = "198.18.1.64/28", "2001:2:0:1:40::/124"


def service(backends=(11, 12, 13), to=8080, port=80, more=""):
    """The document of Service web-full of the example, which each test writes anew."""
    listed = "".join(f"    - {{name: be{n - 10}, addresses: [198.18.1.{n}, \"2001:2:0:1::{n}\"], port: {to}}}\n" for n in backends)
    return (f"---\nkind: Service\nname: web-full\nspec:\n  addresses: [{WEB4}, \"{WEB6}\"]\n  port: {port}\n  mode: FULL_NAT\n"
            f"  local_addresses: [{LOCAL4}, \"{LOCAL6}\"]\n{more}  backends:\n{listed}")


def apply(lab, *documents):
    """Puts documents in place of those of the same names."""
    path = pathlib.Path(lab.run_folder) / "more.yaml"
    path.write_text("".join(documents))
    lab.sluice("apply", "-f", path)


def strand(lab):
    """Leaves the backends no route but to their own segment."""
    for backend in BACKENDS:
        lab.exec(backend, "ip", "route", "delete", "default")
        lab.exec(backend, "ip", "-6", "route", "delete", "default")


@pytest.fixture(scope="module")
def stranded():
    """A lab whose backends have no route but to their own segment."""
    lab = raised("u")
    try:
        strand(lab)
        yield lab
    finally:
        lab.down()


def url(address, path="/"):
    return f"http://[{address}]{path}" if ":" in address else f"http://{address}{path}"


@pytest.mark.parametrize("address", [WEB4, WEB6])
def test_backends_without_a_route_to_the_client(stranded, address):
    apply(stranded, service())
    answers = stranded.exec("client", "sh", "-c", f"for i in $(seq 30); do curl -sgm 3 {url(address)}; done").stdout.split()
    assert set(answers) == {"be1", "be2", "be3"} and len(answers) == 30
    flows = json.loads(stranded.sluice("get", "flows", "-o", "json").stdout)
    local = "[2001:2:0:1:40:" if ":" in address else "198.18.1."
    assert any(f["service"] == "web-full" and f["from"].startswith(local) for f in flows)


def run_python(lab, host, program, *arguments, timeout=60):
    return lab.exec(host, "/usr/bin/python3", "-c", program, *map(str, arguments), timeout=timeout).stdout


UDP_ECHO = """
import socket, sys
for n in range(1, 41):
    s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
    s.settimeout(3); s.connect((sys.argv[1], 7)); s.send(b'x' * n); assert s.recv(2000) == b'x' * n
print('good')
"""


@pytest.mark.parametrize("address", [WEB4, WEB6])
def test_udp(stranded, address):
    apply(stranded, service(port=7, to=7, more="  protocol: UDP\n"))
    assert "good" in run_python(stranded, "client", UDP_ECHO, address)


@pytest.mark.parametrize("address", [WEB4, WEB6])
def test_ping_of_a_local_address_and_errors_of_backends(stranded, address):
    """The backend's own complaint, a closed port, reaches the client as one of the service."""
    apply(stranded, service(backends=(11,), port=7, to=9, more="  protocol: UDP\n"))
    program = UDP_ECHO.replace("assert s.recv(2000) == b'x' * n", "\n    try: s.recv(9)\n    except ConnectionRefusedError: print('refused'); break")
    assert "refused" in run_python(stranded, "client", program, address)
    local = "2001:2:0:1:40::7" if ":" in address else "198.18.1.70"
    assert " 0% packet loss" in stranded.exec("be1", "ping", "-c", "2", "-i", "0.2", "-W", "2", local).stdout


NGINX = """daemon off; master_process off; worker_processes 1; pid {folder}/nginx.pid; error_log {folder}/error.log;
events {{}}
http {{
  access_log off; client_max_body_size 0; client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/p; fastcgi_temp_path {folder}/f; uwsgi_temp_path {folder}/u; scgi_temp_path {folder}/s;
  server {{
    listen 8090 proxy_protocol; listen [::]:8090 proxy_protocol;
    location / {{ return 200 "$proxy_protocol_addr $proxy_protocol_port $proxy_protocol_server_addr $remote_addr\\n"; }}
    location /big {{ root {folder}; }}
  }}
}}
"""


@pytest.fixture(scope="module")
def nginx(stranded):
    """On be1, where each connection has to begin with a PROXY header."""
    folder = pathlib.Path(stranded.run_folder) / "nginx"
    folder.mkdir()
    (folder / "nginx.conf").write_text(NGINX.format(folder=folder))
    (folder / "big").write_bytes(bytes(range(256)) * 20_000)
    (folder / "small").write_bytes(bytes(60_000))
    stranded.popen("nginx", "be1", "nginx", "-c", folder / "nginx.conf")
    eventually(lambda: ":8090" in stranded.exec("be1", "ss", "-ltn").stdout, 10, "nginx")
    yield stranded
    stranded.end("nginx")


def proxied(version, mode_nat=False):
    document = service(backends=(11,), to=8090, more=f"  proxy_protocol: {version}\n")
    return document if not mode_nat else document.replace("FULL_NAT", "NAT").replace(
        f"  local_addresses: [{LOCAL4}, \"{LOCAL6}\"]\n", "")


CLIENT = {WEB4: "198.18.0.2", WEB6: "2001:2::2"}


def check_proxied(lab, address, local=True):
    client = CLIENT[address]
    for _ in range(5):
        seen = lab.exec("client", "curl", "-sgm", "10", "-w", "%{local_port}", url(address)).stdout.split()
        assert seen[0] == client and seen[2] == address and seen[1] == seen[4], seen
        assert (seen[3] != client) == local


@pytest.mark.parametrize("address", [WEB4, WEB6])
@pytest.mark.parametrize("version", ["V1", "V2"])
def test_nginx_learns_the_client(nginx, version, address):
    apply(nginx, proxied(version))
    check_proxied(nginx, address)
    got = nginx.exec("client", "sh", "-c", f"curl -sgm 30 {url(address, '/big')} | sha256sum").stdout.split()[0]
    wanted = nginx.exec("be1", "sha256sum", nginx.run_folder / "nginx/big").stdout.split()[0]
    assert got == wanted
    # The first data is more than a segment, and much more follows.
    up = nginx.exec("client", "sh", "-c", f"curl -sgm 30 -w ' %{{size_upload}}' --data-binary @{nginx.run_folder}/nginx/big {url(address)}").stdout
    assert up.split()[0] == CLIENT[address] and up.split()[-1] == "5120000"


def lossy(lab, percent):
    """Loses what arrives at the client, at be1, and from be1: a host that drops what it sends knows of it."""
    places = (("client", "eth0"), ("be1", "eth0"), ("lan", "be1"))
    for host, device in places:
        lab.exec(host, "nft", f"table netdev lossy {{ chain in {{ type filter hook ingress device {device} priority 0; "
                 f"meta l4proto tcp numgen random mod 100 < {percent} drop; }}; }}")
    return lambda: [lab.exec(host, "nft", "delete table netdev lossy") for host, _ in places]


@pytest.mark.parametrize("version", ["V1", "V2"])
def test_proxy_headers_survive_loss(nginx, version):
    apply(nginx, proxied(version))
    mend = lossy(nginx, 10)
    try:
        done = nginx.exec("client", "sh", "-c", f"for i in $(seq 40); do curl -sgm 60 {url(WEB4)} & done; wait").stdout
        lines = done.splitlines()
        assert len(lines) == 40 and all(line.startswith("198.18.0.2 ") for line in lines), done
        post = f"curl -sgm 60 -o /dev/null -w '%{{http_code}} %{{size_upload}}\\n' --data-binary @{nginx.run_folder}/nginx/small {url(WEB4)}"
        sizes = nginx.exec("client", "sh", "-c", f"for i in 1 2 3 4; do {post} & done; wait", timeout=120).stdout
        assert sizes.split() == ["200", "60000"] * 4
    finally:
        mend()


SPEAKS_FIRST = """
import socket, sys, threading
def serve(c):
    c.settimeout(60)
    head = b''
    while not head.endswith(b'\\r\\n'): head += c.recv(1)
    c.sendall(b'220 hello ' + head.split()[2] + b'\\r\\n'); assert c.recv(100) == b'QUIT\\r\\n'; c.sendall(b'221 bye\\r\\n'); c.close()
s = socket.create_server(('', 8091), backlog=256)
while True: threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""
LISTENS_FIRST = """
import socket, sys, threading
good = []
socket.setdefaulttimeout(60)
def ask():
    s = socket.create_connection((sys.argv[1], 80), timeout=60)
    f = s.makefile('rb'); assert f.readline() == b'220 hello 198.18.0.2\\r\\n'
    s.sendall(b'QUIT\\r\\n'); assert f.readline() == b'221 bye\\r\\n'; assert f.read() == b''
    good.append(1)
all = [threading.Thread(target=ask) for _ in range(40)]
for t in all: t.start()
for t in all: t.join()
print(len(good))
"""


@pytest.mark.parametrize("nat", [False, True])
def test_a_backend_that_speaks_first_under_loss(stranded, nat):
    """Nobody but the handshake's own repetition brings a lost header again."""
    if nat:
        stranded.exec("be1", "ip", "route", "replace", "default", "via", "198.18.1.1")
    apply(stranded, proxied("V1", nat).replace("port: 8090", "port: 8091"))
    stranded.popen("speaker", "be1", "/usr/bin/python3", "-c", SPEAKS_FIRST)
    mend = lossy(stranded, 10)
    try:
        eventually(lambda: ":8091" in stranded.exec("be1", "ss", "-ltn").stdout, 10, "the speaker")
        assert run_python(stranded, "client", LISTENS_FIRST, WEB4, timeout=120).strip() == "40"
    finally:
        mend()
        stranded.end("speaker")
        if nat:
            stranded.exec("be1", "ip", "route", "delete", "default")


@pytest.mark.parametrize("arguments", [("-t", "2"), ("-t", "2", "-R"), ("-t", "1", "-P", "4")])
def test_iperf(stranded, arguments):
    apply(stranded, service(backends=(11,), port=5201, to=5201))
    stranded.popen("iperf", "be1", "iperf3", "-s", "-1")
    try:
        eventually(lambda: ":5201" in stranded.exec("be1", "ss", "-ltn").stdout, 10, "iperf3")
        done = json.loads(stranded.exec("client", "iperf3", "-J", "-c", WEB4, *arguments, timeout=60).stdout)
        assert done["end"]["sum_received"]["bytes"] > 1_000_000
    finally:
        stranded.end("iperf")


CHURN = """
import socket, sys, time
good = bad = 0
while good + bad < 700:
    try:
        s = socket.create_connection((sys.argv[1], 80), timeout=0.2); s.sendall(b'GET / HTTP/1.0\\r\\n\\r\\n')
        while s.recv(1000): pass
        good += 1
    except OSError:
        bad += 1; time.sleep(0.05)
print(good, bad)
"""


def test_more_connections_than_a_tiny_pool_has_ports(stranded):
    apply(stranded, service(backends=(11,), more="  timeouts: {tcp_closing: 300ms, local_port_rest: 500ms}\n"
                            "  local_ports: {first: 2000, last: 2003}\n"))
    good, bad = map(int, run_python(stranded, "client", CHURN, WEB4, timeout=300).split())
    assert good >= 200 and bad > 0, (good, bad)
    metrics = read_metrics(stranded)
    assert [v for k, v in metrics.items() if k.startswith("sluice_service_local_ports_exhausted_total") and "web-full" in k][0] > 0
    dropped = [v for k, v in metrics.items() if k.startswith("sluice_packets_dropped_total") and "local_ports_exhausted" in k]
    assert sum(dropped) > 0
    in_use = lambda: [v for k, v in read_metrics(stranded).items() if k.startswith("sluice_service_local_ports_in_use") and "web-full" in k]  # noqa: E731
    eventually(lambda: in_use() == [0], 15, "all ports given back")
    assert stranded.exec("client", "curl", "-sgm", "5", url(WEB4)).stdout == "be1\n"


def test_why_and_trace_name_the_local_end(stranded):
    apply(stranded, service())
    text = stranded.sluice("why", "tcp", "198.18.0.2:5000", f"{WEB4}:80").stdout
    assert "mode FULL_NAT" in text and "now 198.18.1." in text
    stranded.popen("clients", "client", "sh", "-c", f"for i in $(seq 20); do curl -sm 2 {url(WEB4)}; sleep 0.1; done")
    trace = stranded.sluice("trace", "--dport", "80", "-n", "1", timeout=20).stdout
    stranded.end("clients")
    assert "FULL_NAT" in trace


def test_a_connection_of_an_earlier_life_is_reset(stranded):
    apply(stranded, service())
    program = ("import socket,sys\ns=socket.create_connection((sys.argv[1],80)); print('up',flush=True)\nimport time\nfor _ in range(200):\n time.sleep(0.2)\n try: s.sendall(b'GET / HTTP/1.1\\r\\n\\r\\n'); s.recv(100)\n"
               " except ConnectionResetError: print('reset',flush=True); break\n")
    stranded.popen("old", "client", "/usr/bin/python3", "-c", program, WEB4)
    eventually(lambda: "up" in stranded.log("old"), 10, "the connection")
    assert stranded.end("dataplane")
    stranded.start_dataplane()
    eventually(lambda: "reset" in stranded.log("old"), 20, "the reset")
    stranded.end("old")


@pytest.fixture(scope="module")
def pair():
    """The same with two workers, between whom packets are spread in software."""
    lab = raised("v")
    try:
        assert lab.end("dataplane")
        config = lab.run_folder / "dataplane.yaml"
        text = config.read_text()
        one = text.split("workers: [", 1)[1].split("]", 1)[0]
        last = text.split("shards: [", 1)[1].split("]", 1)[0]
        if one == last:
            pytest.skip("two workers need two cores")
        config.write_text(text.replace(f"workers: [{one}]", f"workers: [{one}, {last}]"))
        lab.start_dataplane()
        strand(lab)
        yield lab
    finally:
        lab.down()


@pytest.mark.parametrize("address", [WEB4, WEB6])
def test_two_workers(pair, address):
    apply(pair, service())
    answers = pair.exec("client", "sh", "-c", f"for i in $(seq 60); do curl -sgm 3 {url(address)}; done").stdout.split()
    assert set(answers) == {"be1", "be2", "be3"} and len(answers) == 60
    flows = [f for f in json.loads(pair.sluice("get", "flows", "-o", "json").stdout) if f["service"] == "web-full"]
    assert {str(f["worker"]) for f in flows} == {"0", "1"}, "both have some"


def test_two_workers_udp_and_bulk(pair):
    apply(pair, service(port=7, to=7, more="  protocol: UDP\n"))
    assert "good" in run_python(pair, "client", UDP_ECHO, WEB4)
    apply(pair, service(backends=(11,), port=5201, to=5201))
    pair.popen("iperf", "be1", "iperf3", "-s", "-1")
    eventually(lambda: ":5201" in pair.exec("be1", "ss", "-ltn").stdout, 10, "iperf3")
    done = json.loads(pair.exec("client", "iperf3", "-J", "-c", WEB4, "-t", "2", "-P", "4", timeout=60).stdout)
    assert done["end"]["sum_received"]["bytes"] > 1_000_000
    pair.end("iperf")

"""The way to the host's own network stack: its services on the addresses of the data plane, at a limited rate."""

import pytest
from conftest import eventually, raised, read_metrics, total
from test_books import balanced

SERVER = r"""
import socket, sys, threading
family = socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET
s = socket.create_server((sys.argv[1], 2022), family=family)
print('ready', flush=True)
def serve(c):
    c.sendall(b'SSH-2.0-test\r\n')
    while data := c.recv(65536):
        c.sendall(data)
    c.close()
while True:
    threading.Thread(target=serve, args=(s.accept()[0],), daemon=True).start()
"""
CLIENT = r"""
import socket, sys
s = socket.create_connection((sys.argv[1], 2022), timeout=10)
f = s.makefile('rwb')
assert f.readline() == b'SSH-2.0-test\r\n'
for n in range(20):
    line = b'%d ' % n * 900 + b'\n'
    f.write(line); f.flush()
    assert f.readline() == line
print(s.getpeername()[0], s.getsockname()[0])
"""
FLOOD = r"""
import socket, sys
s = socket.socket(socket.AF_INET6 if ':' in sys.argv[1] else socket.AF_INET, socket.SOCK_DGRAM)
for n in range(2000):
    try:
        s.sendto(b'x' * 64, (sys.argv[1], 9))
    except OSError:
        pass
"""
RATE = 50


@pytest.fixture(scope="module")
def host_lab():
    """A lab whose host has services of its own, as sshd would be one."""
    lab = raised("x")
    try:
        for key, address in (("four", "198.18.0.1"), ("six", "2001:2::1")):
            lab.popen(key, "dut", "/usr/bin/python3", "-c", SERVER, address)
            eventually(lambda k=key: "ready" in lab.log(k), 10, "the host's service")
        yield lab
    finally:
        lab.down()


def talk(lab, address):
    return lab.exec("client", "/usr/bin/python3", "-c", CLIENT, address, check=False, timeout=40).stdout


@pytest.mark.parametrize("address,client", [("198.18.0.1", "198.18.0.2"), ("2001:2::1", "2001:2::2")])
def test_a_service_of_the_host_is_used(host_lab, address, client):
    """Both ways, in segments of full size, from the client's own address."""
    before = total(read_metrics(host_lab), "sluice_packets_punted_total")
    assert talk(host_lab, address) == f"{address} {client}\n"
    eventually(lambda: total(read_metrics(host_lab), "sluice_packets_punted_total") > before + 20, 5, "punted packets")


@pytest.mark.parametrize("address", ["198.18.0.1", "2001:2::1"])
def test_a_closed_port_of_the_host_is_refused_by_the_host(host_lab, address):
    done = host_lab.exec("client", "curl", "-gsS", "--connect-timeout", "3",
                         f"telnet://{f'[{address}]' if ':' in address else address}:2021", check=False)
    assert done.returncode == 7, "not a timeout, which were 28: " + done.stdout


def test_the_rate_is_limited_and_what_is_above_it_counted(host_lab):
    lab = host_lab
    config = lab.run_folder / "dataplane.yaml"
    text = config.read_text()
    config.write_text(text.replace("  tap: sluice0\n", f"  tap: sluice0\n  rate: {RATE}\n"))
    try:
        lab.end("dataplane")
        lab.start_dataplane()
        for address in ("198.18.0.1", "2001:2::1"):
            def punted():
                return total(read_metrics(lab), "sluice_packets_punted_total")

            def over():
                return sum(v for k, v in read_metrics(lab).items()
                           if k.startswith("sluice_packets_dropped_total{") and 'reason="punt_rate"' in k)

            drops, sent = over(), punted()
            lab.exec("client", "/usr/bin/python3", "-c", FLOOD, address)
            eventually(lambda d=drops: over() > d + 1000, 10, f"drops above the rate, to {address}")
            assert punted() - sent < 1000
        eventually(lambda: balanced(lab), 10, "balanced books")
        # The limit refills: a service that asks for little is not starved for long.
        eventually(lambda: talk(lab, "198.18.0.1").startswith("198.18.0.1"), 60, "the service after the flood")
    finally:
        config.write_text(text)
        lab.end("dataplane")
        lab.start_dataplane()

"""What clients of the lab see: names, services, filters, routes, and the host behind the data plane."""

import collections

import pytest
from conftest import eventually, read_metrics, total

DNS4, DNS6 = "198.18.100.53", "2001:2:0:100::53"
WEB4, WEB6 = "198.18.100.80", "[2001:2:0:100::80]"


def dig(lab, server, *words):
    return lab.exec("client", "dig", "+tries=2", "+time=2", f"@{server}", *words, check=False).stdout


@pytest.mark.parametrize("server", [DNS4, DNS6])
@pytest.mark.parametrize("words,wanted", [
    (("www.example.test", "A"), "198.18.100.80"),
    (("www.example.test", "AAAA"), "2001:2:0:100::80"),
    (("WwW.eXaMpLe.TeSt", "A"), "WwW.eXaMpLe.TeSt."),
    (("alias.example.test", "A"), "CNAME"),
    (("example.test", "SOA"), "SOA"),
    (("example.test", "NS"), "NS"),
    (("any.wild.example.test", "A"), "NOERROR"),
    (("nothing.example.test", "A"), "NXDOMAIN"),
    (("www.example.test", "MX"), "NOERROR"),
    (("www.elsewhere.test", "A"), "REFUSED"),
])
def test_dns_answers(lab, server, words, wanted):
    answer = dig(lab, server, *words)
    assert wanted in answer
    assert " aa" in answer or wanted == "REFUSED"


@pytest.mark.parametrize("server", [DNS4, DNS6])
def test_dns_over_tcp_gives_the_same_answer(lab, server):
    words = ("+noall", "+answer", "+noedns", "www.example.test", "A")
    over_udp = dig(lab, server, *words)
    assert over_udp.strip()
    assert dig(lab, server, "+tcp", *words) == over_udp


def test_many_queries_in_one_tcp_connection(lab):
    answer = dig(lab, DNS4, "+tcp", "+keepopen", "+short", *["www.example.test", "A"] * 20)
    assert answer.split() == ["198.18.100.80"] * 20


@pytest.mark.parametrize("address", [WEB4, WEB6])
def test_a_service_reaches_every_backend(lab, address):
    answers = lab.exec("client", "sh", "-c", f"for i in $(seq 48); do curl -sgm 3 http://{address}/; done").stdout.split()
    seen = collections.Counter(answers)
    assert set(seen) == {"be1", "be2", "be3"} and len(answers) == 48


def test_a_connection_stays_at_its_backend(lab):
    urls = " ".join(["http://198.18.100.80/"] * 20)
    answers = lab.exec("client", "sh", "-c", f"curl -sm 10 {urls}").stdout.split()
    assert len(answers) == 20 and len(set(answers)) == 1


def test_direct_return(lab):
    answers = lab.exec("client", "sh", "-c", "for i in 1 2 3 4 5 6; do curl -sm 3 http://198.18.100.81:8080/; done").stdout.split()
    assert len(answers) == 6 and set(answers) <= {"be1", "be2", "be3"}


def test_udp_service_echoes(lab):
    program = ("import socket\nfor n in range(1, 51):\n"
               " s=socket.socket(socket.AF_INET,socket.SOCK_DGRAM); s.settimeout(3); s.connect(('198.18.100.82',7))\n"
               " s.send(b'x'*n); assert s.recv(2000)==b'x'*n\nprint('good')")
    assert "good" in lab.exec("client", "/usr/bin/python3", "-c", program).stdout


def test_large_bodies_cross_the_balancer(lab):
    """A body of several segments each way: segmentation offloads must not reach the poll cores."""
    lab.exec("client", "sh", "-c", "head -c 300000 /dev/urandom > /tmp/sluice-body-$$; "
             "curl -sfm 10 -o /dev/null --data-binary @/tmp/sluice-body-$$ http://198.18.100.80/; s=$?; rm -f /tmp/sluice-body-$$; "
             "[ $s = 0 ] || [ $s = 52 ] || [ $s = 55 ] || [ $s = 56 ]")


def test_the_filter_drops_and_counts(lab):
    telnet = ("firewall_counter_packets_total",)
    before = lab.counter(*telnet, counter="telnet-alt")
    for address in ("198.18.1.11", "198.18.100.80", "198.18.0.1"):
        done = lab.exec("client", "curl", "-sS", "--connect-timeout", "1", f"telnet://{address}:2323", check=False)
        assert done.returncode == 28, done.stdout
    eventually(lambda: lab.counter(*telnet, counter="telnet-alt") >= before + 3, 5, "three packets counted")


def test_other_ports_of_the_filter_pass(lab):
    done = lab.exec("client", "curl", "-sS", "--connect-timeout", "2", "telnet://198.18.1.11:2324", check=False)
    assert done.returncode == 7, "a closed port is refused by the backend itself"


@pytest.mark.parametrize("address", ["198.18.0.1", "198.18.1.1", "198.18.1.13", "198.18.100.80", "198.18.100.53",
                                     "2001:2::1", "2001:2:0:1::13", "2001:2:0:100::53"])
def test_ping(lab, address):
    assert " 0% packet loss" in lab.exec("client", "ping", "-c", "3", "-i", "0.2", "-W", "2", address).stdout


def test_time_exceeded_comes_back(lab):
    done = lab.exec("client", "ping", "-c", "1", "-t", "1", "-W", "2", "198.18.1.11", check=False)
    assert "Time to live exceeded" in done.stdout and "198.18.0.1" in done.stdout


def test_unreachable_comes_back(lab):
    done = lab.exec("client", "ping", "-c", "1", "-W", "2", "203.0.113.9", check=False)
    assert "Unreachable" in done.stdout


def test_the_host_is_reached_through_the_exception_path(lab):
    """A listener of the host's own kernel on the address of port wan."""
    program = ("import socket\ns=socket.create_server(('198.18.0.1',2022)); s.settimeout(8)\n"
               "c,a=s.accept(); c.sendall(b'SSH-2.0-test\\r\\n'); print(a[0],flush=True)")
    lab.popen("hostd", "dut", "/usr/bin/python3", "-c", program)
    eventually(lambda: ":2022" in lab.exec("dut", "ss", "-ltn").stdout, 5, "the listener")
    done = lab.exec("client", "curl", "-sS", "-m", "3", "telnet://198.18.0.1:2022", check=False)
    assert "SSH-2.0-test" in done.stdout
    lab.end("hostd")


def test_metrics_know_the_traffic(lab):
    before = read_metrics(lab)
    lab.exec("client", "sh", "-c", f"for i in 1 2 3 4 5; do dig +short @{DNS4} www.example.test; done")
    eventually(lambda: total(read_metrics(lab), "sluice_packets_answered_total")
               >= total(before, "sluice_packets_answered_total") + 5, 5, "five answers in /metrics")


def test_capture(lab, tmp_path):
    """Packets as they came in, whole, with what became of them; read by scapy."""
    from scapy.layers.dns import DNS
    from scapy.utils import RawPcapNgReader, rdpcap
    file = tmp_path / "capture.pcapng"
    lab.popen("asked", "client", "sh", "-c", f"for i in $(seq 20); do dig +tries=1 +time=1 @{DNS4} www.example.test; sleep 0.2; done")
    lab.sluice("capture", "--dport", "53", "-n", "2", "--out", file, timeout=15)
    assert [packet[DNS].qd.qname for packet in rdpcap(str(file))] == [b"www.example.test."] * 2
    for part in (b"wan", b"answered", b"deliver: "):  # the interface and the comments
        assert part in file.read_bytes()
    lab.sluice("capture", "--dport", "53", "-n", "1", "--snap", "34", "--out", file, timeout=15)
    [(data, meta)] = list(RawPcapNgReader(str(file)))
    assert len(data) == 34 and meta.wirelen > 34
    lab.end("asked")
    refused = lab.sluice("capture", "--out", tmp_path / "none" / "x", check=False)
    assert refused.returncode == 1 and "cannot be written" in refused.stdout


def test_trace(lab):
    lab.popen("tracee", "client", "sh", "-c", f"for i in $(seq 20); do dig +tries=1 +time=1 @{DNS4} www.example.test; sleep 0.2; done")
    trace = lab.sluice("trace", "--dport", "53", "-n", "2", timeout=15).stdout
    lab.end("tracee")
    assert trace.count("answered") >= 2

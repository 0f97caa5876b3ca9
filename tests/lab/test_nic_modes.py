"""Each software mode of nic-configs/ starts from its port file and carries real traffic as far as the mode
allows. Hardware modes are tested by their arguments alone (tests/unit/nic)."""

import subprocess

import pytest
from conftest import eventually, raised, read_metrics, total
from nodes import Node, documents, port
from test_books import balanced

WAN = ("Port", "wan", {"addresses": ["198.18.0.1/24", "2001:2::1/64"]})
LAN = ("Port", "lan", {"addresses": ["198.18.1.1/24", "2001:2:0:1::1/64"]})
PCAP = r"""
import sys
from scapy.all import Ether, IP, IPv6, UDP, ICMP, ICMPv6EchoRequest, wrpcap
e = Ether(dst='02:5c:00:00:00:01', src='02:00:00:00:00:99')
wrpcap(sys.argv[1], [
    e/IP(src='198.18.0.2', dst='198.18.0.1')/ICMP(id=7, seq=1)/b'echo',
    e/IPv6(src='2001:2::2', dst='2001:2::1')/ICMPv6EchoRequest(id=7, seq=2, data=b'echo'),
    e/IP(src='198.18.0.2', dst='198.18.1.11', ttl=9)/UDP(sport=5, dport=6)/b'forward'])
"""
SHOW = "import sys\nfrom scapy.all import rdpcap\nfor p in rdpcap(sys.argv[1]): print(repr(p))"


def python(program, *arguments):
    return subprocess.run(["/usr/bin/python3", "-c", program, *map(str, arguments)], check=True, text=True,
                          stdout=subprocess.PIPE, stdin=subprocess.DEVNULL).stdout


@pytest.mark.parametrize("nic", ["af_packet", "tap"])
def test_the_whole_lab_works_over(nic):
    lab = raised("n", nic=nic)
    try:
        for address in ("198.18.100.80", "[2001:2:0:100::80]"):
            answers = lab.exec("client", "sh", "-c", f"for i in $(seq 24); do curl -sgm 3 http://{address}/; done").stdout
            assert set(answers.split()) == {"be1", "be2", "be3"} and len(answers.split()) == 24
        for tcp in ("+notcp", "+tcp"):
            answer = lab.exec("client", "dig", tcp, "+short", "@198.18.100.53", "www.example.test").stdout
            assert "198.18.100.80" in answer
        for address in ("198.18.0.1", "198.18.1.12", "2001:2::1", "2001:2:0:1::12"):
            assert " 0% packet loss" in lab.exec("client", "ping", "-c", "3", "-i", "0.2", "-W", "2", address).stdout
        eventually(lambda: balanced(lab), 10, "balanced books")
    finally:
        lab.down()


def test_tap_by_itself(network):
    """The kernel at the other end of the TAP is a client like any."""
    node = Node(network, "tapnode", "tap", documents(("Port", "wan", {"addresses": ["198.18.7.1/24", "2001:2:7::1/64"]})),
                port={"device": "tapself"}).start()
    for words in (("address", "add", "198.18.7.2/24"), ("address", "add", "2001:2:7::2/64", "nodad")):
        network.exec("dut", "ip", words[0], words[1], words[2], "dev", "tapself", *words[3:])
    network.exec("dut", "ip", "link", "set", "tapself", "up")
    for address in ("198.18.7.1", "2001:2:7::1"):
        assert " 0% packet loss" in network.exec("dut", "ping", "-c", "3", "-i", "0.2", "-W", "2", address).stdout
    node.end()
    assert network.exec("dut", "ip", "link", "show", "tapself", check=False).returncode != 0


def test_pcap_in_and_out(network):
    folder = network.run_folder
    python(PCAP, folder / "in.pcap")
    state = documents(("Port", "wan", {**WAN[2], "mac": "02:5c:00:00:00:01", "neighbours": [
        {"address": a, "mac": "02:00:00:00:00:99"} for a in ("198.18.0.2", "2001:2::2")]}),
        ("Port", "lan", {**LAN[2], "neighbours": [{"address": "198.18.1.11", "mac": "02:00:00:00:01:11"}]}))
    node = Node(network, "pcapnode", "pcap", state, port={"device": f"{folder}/in.pcap,{folder}/back.pcap"},
                ports=[port("lan", "PCAP", f",{folder}/out.pcap")]).start()
    eventually(lambda: (folder / "out.pcap").exists(), 5, "the capture is made")
    node.end()
    back = python(SHOW, folder / "back.pcap")
    assert "echo-reply" in back and "Echo Reply" in back and "dst=02:00:00:00:00:99" in back
    out = python(SHOW, folder / "out.pcap")
    assert "ttl=8" in out and "dst=02:00:00:00:01:11" in out and "forward" in out


def test_memif_between_two_data_planes(network):
    """client - [near] - memif - [far] - backends"""
    memif = str(network.run_folder / "memif.sock")
    near = Node(network, "near", "memif", documents(
        WAN, ("Port", "cross", {"addresses": ["198.18.8.1/24", "2001:2:8::1/64"]}),
        ("Route", "four", {"prefix": "198.18.1.0/24", "via": "198.18.8.2"}),
        ("Route", "six", {"prefix": "2001:2:0:1::/64", "via": "2001:2:8::2"})),
        port={"name": "cross", "device": memif, "driver_arguments": "role=server,id=0"},
        ports=[port("wan", "AF_XDP", "wan")]).start()
    far = Node(network, "far", "memif", documents(
        LAN, ("Port", "cross", {"addresses": ["198.18.8.2/24", "2001:2:8::2/64"]}),
        ("Route", "four", {"prefix": "198.18.0.0/24", "via": "198.18.8.1"}),
        ("Route", "six", {"prefix": "2001:2::/64", "via": "2001:2:8::1"})),
        port={"name": "cross", "device": memif, "driver_arguments": "role=client,id=0"},
        ports=[port("lan", "AF_XDP", "lan")]).start()
    for address in ("198.18.1.11", "[2001:2:0:1::12]"):
        eventually(lambda a=address: "be" in network.exec("client", "curl", "-sgm", "2", f"http://{a}:8080/",
                                                          check=False).stdout, 15, f"{address} through both")
    far.end()
    near.end()


def test_ring_brings_back_what_is_sent(network):
    """A packet routed into the ring comes round until its hop limit ends; the answer goes to the client."""
    mac = "02:5c:00:00:00:77"
    state = documents(LAN, ("Port", "wan", {"mac": mac, "addresses": ["198.18.9.1/24", "2001:2:9::1/64"], "neighbours": [
        {"address": "198.18.9.2", "mac": mac}, {"address": "2001:2:9::2", "mac": mac}]}))
    node = Node(network, "ringnode", "ring", state, ports=[port("lan", "AF_XDP", "lan")]).start()
    for address in ("198.18.9.2", "2001:2:9::2"):
        done = network.exec("be1", "ping", "-c", "1", "-t", "9", "-W", "2", address, check=False).stdout
        assert "Time to live exceeded" in done or "Hop limit" in done, done
    node.end()


def test_null_gives_frames_without_end(network):
    """They are of no kind that is known: received and dropped with a reason, as the daemon reports it."""
    network.write_configs()
    network.start_control()
    node = Node(network, "nullnode", "null")
    del node.config["desired_state"]
    node.config["control"] = f"unix:{network.socket}"
    node.write()
    file = network.run_folder / "null.yaml"
    file.write_text(documents(("Port", "wan", {"addresses": ["198.18.10.1/24"]})))
    network.sluice("apply", "-f", file)
    node.start()

    def received():
        return total(read_metrics(network), "sluice_packets_received_total")

    eventually(lambda: received() > 100_000, 15, "a hundred thousand frames")
    eventually(lambda: 'reason="' in "".join(k for k, v in read_metrics(network).items() if v > 100_000), 5, "drops")
    node.end()

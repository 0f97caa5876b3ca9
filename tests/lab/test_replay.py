"""What a client said is captured and replayed: replay must say what the data plane did."""

import json
import re
import subprocess
import time

from conftest import STATE, eventually, lab_module
from scapy.all import ICMP, IP, TCP, UDP, IPv6, rdpcap, wrpcap

WAN = lab_module.MAC["wan"]


def capture(lab, folder, speak):
    """Every frame at the client's end of the wire while it speaks."""
    file, key = folder / "all.pcap", f"tcpdump-{folder.name}"
    lab.popen(key, "client", "tcpdump", "-i", "eth0", "-U", "-w", file, "--immediate-mode", "-Z", "root")
    try:
        eventually(lambda: "listening on" in lab.log(key), what="tcpdump")
        result = speak()
        size = -1
        while size != file.stat().st_size:  # what is on its way to the file
            size = file.stat().st_size
            time.sleep(0.3)
    finally:
        lab.end(key)
    return rdpcap(str(file)), result


def replay(lab, folder, frames):
    """(verdicts, frames that leave) of these frames, coming in by wan."""
    client = frames[0].src
    port = f'name: wan\nspec:\n  mac: "{WAN}"\n  neighbours: [{{address: 198.18.0.2, mac: "{client}"}}]'
    state = STATE.read_text().replace("name: wan\nspec:", port).replace(
        "file: example.test.zone", f"file: {STATE.parent / 'example.test.zone'}")
    (folder / "state.yaml").write_text(state)
    wrpcap(str(folder / "client.pcap"), frames)
    subprocess.run([lab.bin / "sluice", "replay", "--state", folder / "state.yaml", "--in", folder / "client.pcap",
                    "--port", "wan", "--out", folder / "out.pcap", "--verdicts", folder / "verdicts"], check=True,
                   stdout=subprocess.PIPE)
    verdicts = [json.loads(line) for line in (folder / "verdicts").read_text().splitlines()]
    assert len(verdicts) == len(frames)
    return verdicts, rdpcap(str(folder / "out.pcap"))


def is_answer(frame):
    """What the data plane answers itself: names, echoes, what is wrong with a packet."""
    network = frame.getlayer(IP) or frame.getlayer(IPv6)
    if frame.src != WAN or network is None:
        return False
    if UDP in frame and frame[UDP].sport == 53:
        return True
    return ICMP in frame or (IPv6 in frame and frame[IPv6].nh == 58 and network.payload.type in (1, 3, 129))


def test_answers_are_those_that_the_client_got(lab, tmp_path):
    def speak():
        for server in ("198.18.100.53", "2001:2:0:100::53"):
            for name in ("www", "alias", "any.wild", "nothing"):
                lab.exec("client", "dig", "+tries=1", "+time=3", f"@{server}", f"{name}.example.test", check=False)
        for address in ("198.18.0.1", "2001:2::1", "198.18.100.53"):
            lab.exec("client", "ping", "-c2", "-i0.2", "-W3", address, check=False)
        lab.exec("client", "ping", "-c1", "-t1", "-W1", "198.18.1.11", check=False)
        lab.exec("client", "ping", "-c1", "-W1", "203.0.113.9", check=False)

    frames, _ = capture(lab, tmp_path, speak)
    _, out = replay(lab, tmp_path, [f for f in frames if f.src != WAN])
    got = [bytes(f) for f in frames if is_answer(f)]
    assert len(got) >= 8 + 6 + 2
    assert [bytes(f) for f in out if is_answer(f)] == got


def test_connections_go_to_the_backends_that_answered(lab, tmp_path):
    def speak():
        return [lab.exec("client", "curl", "-sm", "3", "http://198.18.100.80/").stdout.strip() for _ in range(12)]

    frames, answered = capture(lab, tmp_path, speak)
    spoken = [f for f in frames if f.src != WAN]
    verdicts, _ = replay(lab, tmp_path, spoken)
    backends = [v["backend"] for v, f in zip(verdicts, spoken) if TCP in f and f[TCP].flags == "S"]
    assert len(set(answered)) > 1 and all(re.fullmatch("be[123]", b) for b in answered)
    assert backends == answered


def test_a_dropped_packet_is_dropped_by_the_same_rule(lab, tmp_path):
    before = lab.counter("firewall_counter_packets_total", counter="telnet-alt")
    frames, _ = capture(lab, tmp_path, lambda: lab.exec(
        "client", "curl", "-sm", "1", "telnet://198.18.1.11:2323", check=False))
    spoken = [f for f in frames if f.src != WAN]
    verdicts, _ = replay(lab, tmp_path, spoken)
    dropped = [v for v, f in zip(verdicts, spoken) if TCP in f and f[TCP].dport == 2323]
    assert {(v["verdict"], v["reason"]) for v in dropped} == {("dropped", "rule")}
    eventually(lambda: lab.counter("firewall_counter_packets_total", counter="telnet-alt") == before + len(dropped),
               what="the counter of the rule")

"""`sluice why` says what the data plane then does, and asking changes nothing; the live tables show it."""

import json
import re

import pytest
from conftest import eventually, read_metrics, total

CLIENT = "198.18.0.2"


def why(lab, *words):
    return json.loads(lab.sluice("why", *words, "-o", "json").stdout)


def decided(answer, stage):
    """What a stage decided, in words; empty if the packet did not come there."""
    return "".join(s["decision"] for s in answer["steps"] if s["stage"] == stage)


def table(lab, name, *words):
    return json.loads(lab.sluice("get", name, *words, "-o", "json").stdout)


def test_a_query_would_be_answered(lab):
    text = lab.sluice("why", "udp", f"{CLIENT}:5000", "198.18.100.53:53").stdout
    assert text.splitlines()[0].startswith("udp 198.18.0.2:5000 > 198.18.100.53:53")
    assert text.splitlines()[-1].startswith("answered with example.test. SOA: zone example.test., NOERROR")
    named = why(lab, "udp", f"{CLIENT}:5000", "198.18.100.53:53", "--query", "nothing.example.test", "--type", "AAAA")
    assert named["answer"].endswith("NXDOMAIN")


def test_a_drop_names_the_line_of_its_rule(lab):
    answer = why(lab, "tcp", f"{CLIENT}:5000", "198.18.1.11:2323")
    assert (answer["verdict"], answer["reason"]) == ("dropped", "rule")
    document, line = answer["rule"].split(":")
    rules = json.loads(lab.sluice("get", "firewall", document, "-o", "json").stdout)["spec"]["rules"]
    assert "tcp dport 2323" in rules.splitlines()[int(line) - 1]


def test_asking_changes_nothing(lab):
    """Nothing is sent, counted or learnt, however often it is asked."""
    counted = [lab.counter("firewall_counter_packets_total", counter="telnet-alt")]
    for words in (("tcp", f"{CLIENT}:4711", "198.18.1.11:2323"), ("tcp", f"{CLIENT}:4711", "198.18.100.80:80"),
                  ("udp", f"{CLIENT}:4711", "198.18.100.82:7"), ("udp", f"{CLIENT}:4711", "198.18.1.99:7")):
        for _ in range(3):
            why(lab, *words)
    turns = total(read_metrics(lab), "sluice_worker_turns_total")
    eventually(lambda: total(read_metrics(lab), "sluice_worker_turns_total") > turns, 5, "a fresh report")
    counted.append(lab.counter("firewall_counter_packets_total", counter="telnet-alt"))
    assert counted[0] == counted[1]
    assert not [r for r in table(lab, "flows") if r["client"] == f"{CLIENT}:4711"]
    assert not [r for r in table(lab, "connections") if r["source"] == f"{CLIENT}:4711"]
    assert not [r for r in table(lab, "neighbours") if r["address"] == "198.18.1.99"], "nobody was asked for"


def test_a_balanced_flow_before_and_after_it_exists(lab):
    flow = ("tcp", f"{CLIENT}:47111", "198.18.100.80:80")
    before = why(lab, *flow)
    assert before["service"] == "web" and "chosen by Maglev" in decided(before, "translate")
    program = ("import socket,time\ns=socket.socket(); s.bind(('198.18.0.2',47111)); s.connect(('198.18.100.80',80))\n"
               "s.sendall(b'GET / HTTP/1.1\\r\\nHost: web\\r\\n\\r\\n'); print(s.recv(4096),flush=True); time.sleep(30)")
    lab.popen("conn", "client", "/usr/bin/python3", "-c", program)
    log = eventually(lambda: re.search(r"be\d", lab.log("conn")), 10, "an answer of the backend")
    after = why(lab, *flow, "--flags", "ack")
    row = next(r for r in table(lab, "flows") if r["client"] == f"{CLIENT}:47111")
    lab.end("conn")
    assert after["verdict"] == "sent" and after["out_port"] == "lan"
    assert before["backend"] == after["backend"] == row["backend"] == log[0]
    assert "as its flow says" in decided(after, "translate")
    assert "connection established; known" in decided(after, "track")


def test_no_route(lab):
    answer = why(lab, "udp", f"{CLIENT}:5000", "203.0.113.9:53")
    assert decided(answer, "route") == "no route"
    assert answer["answer"] == "ICMP error, network unreachable"
    assert "Unreachable" in lab.exec("client", "ping", "-c", "1", "-W", "2", "203.0.113.9", check=False).stdout


@pytest.mark.parametrize("make,dport", [
    ("dig +tries=1 +time=1 @198.18.100.53 www.example.test", 53),
    ("curl -sm 1 http://198.18.100.80/", 80),
    ("curl -s --connect-timeout 0.3 telnet://198.18.1.11:2323", 2323),
    ("curl -s --connect-timeout 0.3 telnet://198.18.0.1:2022", 2022),
])
def test_the_trace_of_a_real_packet_says_the_same(lab, make, dport):
    # The neighbours are known: a first packet would wait, and a later one not.
    lab.exec("client", "sh", "-c", "for i in 11 12 13; do ping -c 1 -W 2 198.18.1.$i; done")
    lab.popen("traffic", "client", "sh", "-c", f"for i in $(seq 30); do {make}; sleep 0.2; done")
    line = lab.sluice("trace", "--dport", str(dport), "-n", "1", "-o", "json", timeout=15).stdout
    lab.end("traffic")
    real = json.loads(line)
    protocol, source, destination = re.match(r"(\w+) (\S+) > (\S+) ", real["summary"]).groups()
    said = why(lab, protocol, source, destination)
    assert said["verdict"] == real["verdict"] and said["reason"] == real["reason"]
    assert said["in_port"] == real["in_port"]
    for stage in ("route", "translate"):
        assert decided(said, stage).startswith(decided(real, stage)), stage


@pytest.mark.parametrize("words,said", [
    (("tcpp", "198.18.0.2:1", "198.18.1.11:2"), "'tcpp' is no protocol"),
    (("tcp", "198.18.0.2", "198.18.1.11:2"), "'198.18.0.2' is no address with a port"),
    (("udp", "198.18.0.2:1", "[2001:2::1]:2"), "one address is IPv4 and the other IPv6"),
    (("icmp", "198.18.0.2:1", "198.18.1.11"), "icmp has no ports"),
    (("tcp", "198.18.0.2:1", "198.18.1.11:2", "--flags", "sin"), "'sin' is no TCP flag"),
    (("tcp", "198.18.0.2:1"), "flow"),
])
def test_a_malformed_flow_is_wrong_usage(lab, words, said):
    done = lab.sluice("why", *words, check=False)
    assert done.returncode == 2 and said in done.stdout and len(done.stdout.splitlines()) == 1


def test_a_source_that_no_port_routes_to_needs_a_port(lab):
    words = ("udp", "203.0.113.9:5000", "198.18.1.11:7")
    done = lab.sluice("why", *words, check=False)
    assert done.returncode == 1 and "--port" in done.stdout and len(done.stdout.splitlines()) == 1
    assert why(lab, *words, "--port", "wan")["in_port"] == "wan"


def test_live_tables(lab):
    lab.exec("client", "sh", "-c", "for i in 1 2 3; do curl -sgm 3 http://198.18.100.80/; done")
    flows = table(lab, "flows")
    assert len([r for r in flows if r["service"] == "web" and r["address"] == "198.18.100.80:80"]) >= 3
    few = lab.sluice("get", "flows", "--limit", "1").stdout.splitlines()
    assert len(few) == 3 and "--limit" in few[2]
    assert any(r["destination"] == "198.18.100.80:80" for r in table(lab, "connections"))
    assert any(r["address"] == CLIENT and r["port"] == "wan" and r["mac"] for r in table(lab, "neighbours"))
    routes = {r["prefix"]: r for r in table(lab, "route-table")}
    assert routes["198.18.1.0/24"]["kind"] == "connected" and routes["198.18.1.0/24"]["port"] == "lan"
    assert routes["198.18.100.53/32"]["ours"] == "name server"
    assert lab.sluice("get", "flows", "--limit", "10001", check=False).returncode == 1
    assert lab.sluice("get", "flows", "web", check=False).returncode == 2

"""The query path alone, and the whole over AF_XDP on veth beside Knot's kernel UDP path on the same core."""

import contextlib
import os
import pathlib
import random
import re
import signal
import sys
import tempfile

import measure
import micro

sys.path.insert(0, str(measure.ROOT / "scripts/lib"))
import lab as lab_module  # noqa: E402

SERVER = "198.18.100.53"
ZONE = measure.ROOT / "control/examples/example.test.zone"
KNOT = """server:
    listen: {server}@53
    udp-workers: 1
    tcp-workers: 1
    background-workers: 1
    rundir: {folder}
    pidfile: {folder}/knot.pid
log:
  - target: stderr
    any: error
database:
    storage: {folder}
zone:
  - domain: example.test
    file: {zone}
    zonefile-sync: -1
    journal-content: none
    semantic-checks: off
"""


def queries(folder):
    """A file of queries as dnsperf reads it: names that exist and names that do not."""
    random.seed(1)
    lines = [random.choice(("www.example.test A", "www.example.test AAAA", "alias.example.test A",
                            "example.test MX", f"none{i}.example.test A")) for i in range(5000)]
    path = pathlib.Path(folder) / "queries"
    path.write_text("\n".join(lines) + "\n")
    return path


def load(lab, file, seconds, core):
    """Thousands of answers a second that the client got."""
    done = lab.exec("client", "taskset", "-c", core, "dnsperf", "-s", SERVER, "-d", file, "-l", seconds, "-c", 8, "-T", 1,
                    "-q", 256, "-t", 1)
    rate = re.search(r"Queries per second:\s+([\d.]+)", done.stdout)
    if not rate:
        raise SystemExit(f"dnsperf gave no rate:\n{done.stdout}")
    return float(rate.group(1)) / 1000


@contextlib.contextmanager
def paused(lab, key):
    """The server that is not measured leaves the core to the one that is."""
    pid = lab.alive(key)
    os.kill(pid, signal.SIGSTOP)
    try:
        yield
    finally:
        os.kill(pid, signal.SIGCONT)


def start_knot(lab, core):
    """knotd with one UDP worker on the core that Sluice's worker has, over the kernel's sockets."""
    folder = lab.run_folder / "knot"
    folder.mkdir()
    (folder / "knot.conf").write_text(KNOT.format(server=SERVER, folder=folder, zone=ZONE))
    lab.exec("dut", "ip", "address", "add", f"{lab_module.WAN4}.1/24", "dev", "wan")
    lab.exec("dut", "ip", "address", "add", f"{SERVER}/32", "dev", "lo")
    lab.popen("knot", "dut", "taskset", "-c", core, "knotd", "-c", folder / "knot.conf")
    lab.wait(lambda: "NOERROR" in lab.exec("client", "dig", "+tries=1", "+time=1", f"@{SERVER}", "www.example.test",
                                           check=False).stdout, 20, "knotd", "knot")


def versus_knot(quick):
    cores = sorted(os.sched_getaffinity(0))
    serving, asking = cores[0], cores[-1]
    sluice, knot = lab_module.Lab(f"bs{os.getpid()}"), lab_module.Lab(f"bk{os.getpid()}")
    seconds, count = (2, 5) if quick else (4, 15)
    with tempfile.TemporaryDirectory(prefix="sluice-bench-") as folder:
        file = queries(folder)
        try:
            sluice.up(state=measure.ROOT / "control/examples/lab.yaml")
            knot.up(daemons=False)
            start_knot(knot, serving)
            report = measure.Report("DNS on veth, dnsperf", server_core=serving, client_core=asking, rounds=count)

            def ask(lab, other, key):
                with paused(other, key):
                    return load(lab, file, seconds, asking)

            results = measure.rounds(count, {"sluice, af_xdp": lambda: ask(sluice, knot, "knot"),
                                             "knot, kernel UDP": lambda: ask(knot, sluice, "dataplane")})
            for name, values in results.items():
                report.figure(name, "k answers/s", values)
            good = report.ratio("sluice / knot", results["sluice, af_xdp"], results["knot, kernel UDP"], 1.0)
        finally:
            sluice.down()
            knot.down()
    return report.data, good


def run(quick):
    stages = micro.run("dns query path", "dns_bench", quick)
    report, good = versus_knot(quick)
    return [stages, report], good

"""The throughput search of RFC 2544 section 26.1: for each frame size the highest rate at which a device under
test forwards every frame. Called by scripts/pktgen."""

import argparse
import contextlib
import json
import os
import pathlib
import subprocess
import sys

import lab as lab_module
from lab import LabError, run

TESTER = lab_module.ROOT / "build/release/bench/tester/tester"
# RFC 2544 section 9.1, for Ethernet; with FCS.
SIZES = (64, 128, 256, 512, 1024, 1280, 1518)
GAP = 20  # bytes of preamble and inter-frame gap on the wire
MAC = {"t0": "02:5c:00:02:00:01", "t1": "02:5c:00:02:00:02", "d0": "02:5c:00:02:01:01", "d1": "02:5c:00:02:01:02"}
NIC_MODES = ("af_xdp", "af_packet", "tap", "memif")


class Tester:
    """The process that offers frames and counts them."""

    def __init__(self, command):
        self.process = subprocess.Popen([str(c) for c in command], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)
        if self.process.stdout.readline().strip() != "ready":
            raise LabError(self.process.stderr.read().strip() or "the tester did not start")

    def trial(self, size, rate, seconds):
        self.process.stdin.write(f"{size} {rate} {seconds}\n")
        self.process.stdin.flush()
        line = self.process.stdout.readline()
        if not line:
            raise LabError(f"the tester ended: {self.process.stderr.read().strip()}")
        return json.loads(line)

    def close(self):
        with contextlib.suppress(OSError):
            self.process.stdin.close()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(10)
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()


class Testbed(lab_module.Lab):
    """tester =t0===d0= data plane =d1===t1= tester: two namespaces, a data plane that runs alone in one."""

    namespaces = property(lambda self: [self.namespace("tester"), self.namespace("dut")])

    def up(self, nic):
        self.down()
        self.run_folder.mkdir(parents=True, exist_ok=True)
        self.state_folder.mkdir(parents=True, exist_ok=True)
        self.facts = {"nic": nic, "processes": {}}
        self.save()
        for namespace in self.namespaces:
            run("ip", "netns", "add", namespace)
            run("ip", "-n", namespace, "link", "set", "lo", "up")
        if nic != "memif":
            for end in "01":
                self.wire(f"t{end}", f"d{end}")
        self.write_node(nic)
        self.popen("dataplane", "dut", self.bin / "sluice-dataplane", "--config", self.run_folder / "node.yaml")
        if nic == "tap":
            self.join_taps()
        self.wait(lambda: "running" in self.log("dataplane", 100), 30, "sluice-dataplane", "dataplane")

    def wire(self, tester, device):
        run("ip", "link", "add", tester, "netns", self.namespace("tester"), "numtxqueues", "1", "numrxqueues", "1",
            "type", "veth", "peer", "name", device, "netns", self.namespace("dut"), "numtxqueues", "1", "numrxqueues", "1")
        for host, name in (("tester", tester), ("dut", device)):
            self.exec(host, "sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1")
            self.exec(host, "ethtool", "-K", name, "tx", "off", "rx", "off", "gro", "off", check=False)
            run("ip", "-n", self.namespace(host), "link", "set", name, "promisc", "on", "up")
            # A bridge keeps frames to the address of one of its own ends to itself.
            if host == "tester" or self.facts["nic"] != "tap":
                run("ip", "-n", self.namespace(host), "link", "set", name, "address", MAC[name])

    def join_taps(self):
        """In tap mode a bridge joins each TAP that the data plane made with its wire."""
        dut = self.namespace("dut")
        for device in ("d0", "d1"):
            self.wait(lambda d=device: run("ip", "-n", dut, "link", "show", f"tap{d}", check=False).returncode == 0,
                      15, f"the TAP of port {device}", "dataplane")
            run("ip", "-n", dut, "link", "add", f"br{device}", "type", "bridge", "mcast_snooping", "0")
            for name in (f"br{device}", f"tap{device}"):
                self.exec("dut", "sysctl", "-qw", f"net.ipv6.conf.{name}.disable_ipv6=1")
            for name in (device, f"tap{device}"):
                run("ip", "-n", dut, "link", "set", name, "master", f"br{device}", "up")
            run("ip", "-n", dut, "link", "set", f"br{device}", "up")

    def socket_of(self, port):
        return self.run_folder / f"{port}.memif"

    def write_node(self, nic):
        """Two ports with an address each, whose only neighbours are the tester's ends."""
        def device(port):
            return {"tap": f"tap{port}", "memif": str(self.socket_of(port))}.get(nic, port)

        arguments = {"driver_arguments": "role=server,id=0"} if nic == "memif" else {}
        core = min(os.sched_getaffinity(0))
        state = self.run_folder / "state.yaml"
        node = {"node": self.name, "state_folder": str(self.state_folder / "dataplane"), "desired_state": str(state),
                "cores": {"workers": [core], "shards": [core], "control": core},
                "ports": [{"name": p, "mode": nic.upper(), "device": device(p), "queues": 1, **arguments} for p in ("d0", "d1")],
                "memory": {"buffers": 16384}}
        (self.run_folder / "node.yaml").write_text(json.dumps(node))  # JSON is YAML
        ports = [{"kind": "Port", "name": f"d{end}", "spec": {
            "addresses": [f"198.18.{end}.1/24"], "neighbours": [{"address": f"198.18.{end}.2", "mac": MAC[f"t{end}"]}],
            "mac": MAC[f"d{end}"]}} for end in "01"]
        state.write_text("\n---\n".join(json.dumps(p) for p in ports) + "\n")

    def tester(self, mode, core):
        nic = self.facts["nic"]
        mode = mode or {"tap": "af_packet"}.get(nic, nic)
        if (mode == "memif") != (nic == "memif"):
            raise LabError(f"a tester in mode {mode} does not reach a data plane in mode {nic}")
        if mode == "af_packet":
            for end in "01":
                self.attach_pass("tester", f"t{end}")
        ends = [f"memif:{self.socket_of(f'd{n}')}:role=client,id=0" if nic == "memif" else f"{mode}:t{n}" for n in "01"]
        return Tester(self.inside("tester", TESTER, "--tx", ends[0], "--rx", ends[1], "--mac", MAC["d0"],
                                  "--from", "198.18.0.2", "--to", "198.18.1.2", "--core", core))


class Search:
    """Bisection between a rate at which nothing is lost and one at which something is."""

    def __init__(self, tester, seconds, precision, loss):
        self.tester, self.seconds, self.precision, self.loss = tester, seconds, precision, loss
        self.trials = []

    def holds(self, size, rate):
        """One trial. It fails too if the tester itself could not keep up with the rate."""
        result = self.tester.trial(size, rate, self.seconds)
        offered, received = result["offered"], result["received"]
        result["rate"] = rate
        result["lost"] = offered - received
        result["held"] = (result["lost"] <= offered * self.loss / 100 and offered > 0
                          and offered >= rate * self.seconds * 0.999)
        self.trials.append(result)
        return result["held"]

    def highest(self, size, link):
        """Frames a second; with a ceiling: what the tester can offer, or the link."""
        blast = self.tester.trial(size, 0, min(self.seconds, 1))
        offered = blast["offered"] / blast["seconds"] if blast["seconds"] else 0
        ceiling = min(offered, link * 1e6 / (8 * (size + GAP))) if link else offered
        self.trials = []
        good, bad = 0.0, ceiling
        # The next rate is below what was received at the ceiling, if that is far away.
        rate = ceiling
        while bad - good > ceiling * self.precision / 100:
            if self.holds(size, rate):
                good = rate
            else:
                bad = rate
            if good == ceiling:
                break
            rate = (good + bad) / 2
        return good, ceiling


def line_rate(size, rate):
    """Mbit/s on a wire, with preamble and gap."""
    return rate * 8 * (size + GAP) / 1e6


def measure(tester, options, facts):
    print(f"throughput (RFC 2544 section 26.1), {facts['device']}, trials of {options.seconds:g} s, at most {options.loss:g} % lost")
    print(f"  {'frame':>6} {'throughput':>12} {'wire':>10} {'offered at most':>16} {'trials':>7}")
    results = []
    for size in options.sizes:
        search = Search(tester, options.seconds, options.precision, options.loss)
        rate, ceiling = search.highest(size, options.link)
        print(f"  {size:>6} {rate:>10.0f}/s {line_rate(size, rate):>5.0f} Mb/s {ceiling:>14.0f}/s {len(search.trials):>7}", flush=True)
        results.append({"frame_bytes": size, "throughput_fps": rate, "wire_mbps": line_rate(size, rate),
                        "ceiling_fps": ceiling, "trials": search.trials})
    return {**facts, "trial_seconds": options.seconds, "precision_percent": options.precision,
            "loss_percent": options.loss, "results": results}


def arguments():
    parser = argparse.ArgumentParser(
        prog="scripts/pktgen throughput", formatter_class=argparse.RawDescriptionHelpFormatter, description=__doc__,
        epilog="""Without --tx a data plane of its own is the device: two namespaces, two wires, one route, --nic its mode:
  scripts/pktgen throughput --nic af_xdp --sizes 64,1518
With --tx and --rx the tester's ports are given, and the device is whatever is between them:
  scripts/pktgen throughput --tx pci:0000:17:00.0 --rx pci:0000:17:00.1 --mac 02:5c:00:00:00:01 \\
    --from 198.18.0.2 --to 198.18.1.2 --link 10000 --seconds 60
The device must know the neighbour --to. null and ring ports have no wire: scripts/bench packet measures them.
RFC 2544 asks for trials of 60 seconds (section 24) and for none lost; on a machine that others use too, --loss
tells a lost time slice from a limit.""")
    parser.add_argument("--nic", default="af_xdp", choices=NIC_MODES, help="mode of the data plane's ports (af_xdp)")
    parser.add_argument("--tester-nic", choices=("af_xdp", "af_packet", "memif"), help="mode of the tester's ports (as --nic; af_packet for tap)")
    parser.add_argument("--tx", help="MODE:DEVICE that offers"), parser.add_argument("--rx", help="MODE:DEVICE that counts")
    parser.add_argument("--mac", help="the device's Ethernet address on the side of --tx")
    parser.add_argument("--from", dest="source", default="198.18.0.2", help="source address of the frames (198.18.0.2)")
    parser.add_argument("--to", dest="destination", default="198.18.1.2", help="destination address (198.18.1.2)")
    parser.add_argument("--sizes", default=SIZES, type=sizes_of, help="frame sizes with FCS (%s)" % ",".join(map(str, SIZES)))
    parser.add_argument("--seconds", default=2.0, type=float, help="of a trial (2)")
    parser.add_argument("--precision", default=2.0, type=float, help="the search ends at this many percent (2)")
    parser.add_argument("--loss", default=0.0, type=float, help="percent of frames that may be lost (0)")
    parser.add_argument("--link", default=0.0, type=float, help="Mbit/s of the link: no rate above it is tried")
    parser.add_argument("--core", default=max(os.sched_getaffinity(0)), type=int, help="the tester's (the last)")
    parser.add_argument("--json", help="file for every trial")
    options = parser.parse_args()
    if bool(options.tx) != bool(options.rx) or (options.tx and not options.mac):
        parser.error("--tx, --rx and --mac go together")
    if not TESTER.exists():
        parser.error(f"{TESTER} is not built: scripts/build release")
    if options.seconds <= 0 or options.precision <= 0:
        parser.error("--seconds and --precision are above 0")
    return options


def sizes_of(text):
    sizes = [int(word) for word in text.split(",")]
    if not all(64 <= size <= 1518 for size in sizes):
        raise argparse.ArgumentTypeError("64 to 1518 bytes, FCS included")
    return sizes


@contextlib.contextmanager
def tester_of(options):
    """The tester and what it is connected to, for as long as this lives."""
    if options.tx:
        tester = Tester([TESTER, "--tx", options.tx, "--rx", options.rx, "--mac", options.mac, "--from", options.source,
                         "--to", options.destination, "--core", options.core])
        try:
            yield tester, {"device": f"{options.tx} to {options.rx}"}
        finally:
            tester.close()
        return
    testbed = Testbed(f"rfc{os.getpid()}")
    try:
        testbed.up(options.nic)
        tester = testbed.tester(options.tester_nic, options.core)
        try:
            yield tester, {"device": f"data plane on {options.nic}", "nic": options.nic}
        finally:
            tester.close()
    finally:
        testbed.down()


def main():
    options = arguments()
    try:
        with tester_of(options) as (tester, facts):
            report = measure(tester, options, facts)
    except LabError as error:
        print(f"scripts/pktgen: {error}", file=sys.stderr)
        return 1
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(report, indent=1) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())

"""What forwards on DPDK ports: testpmd, and our path through path_bench. One core each, null or ring ports.

Rates are by the processor time of the forwarding thread on both sides: a neighbour who takes the core away for a
while changes neither."""

import os
import pathlib
import re
import subprocess
import time

import measure

BINARY = measure.ROOT / "build/release/bench/path/path_bench"


class Testpmd:
    """testpmd with one forwarding core: 64-byte UDP packets, and as many buffers, in bursts as large and with
    a buffer cache as large as path_bench has. Null ports give back the buffers that were sent last: the packets
    of tx_first make sure that there is something to swap in them."""

    def __init__(self, mode, forwarding, core):
        other = min(os.sched_getaffinity(0) - {core}, default=core)
        self.process = subprocess.Popen(
            ["stdbuf", "-oL", "dpdk-testpmd", "--lcores", f"0@{other},1@{core}", "--in-memory", "--no-pci",
             f"--file-prefix=sluice-pmd-{os.getpid()}", f"--vdev=net_{mode}0", "--", "-i",
             f"--forward-mode={forwarding}", "--nb-cores=1", "--burst=64", "--mbcache=256", "--total-num-mbufs=32768",
             "--txpkts=64"],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
        self.output = []
        self.say("start tx_first 8")

    def say(self, text):
        self.process.stdin.write(text + "\n")
        self.process.stdin.flush()

    def received(self):
        """Packets so far, and seconds that the forwarding core spent on them."""
        self.say("show port stats 0")
        for line in self.process.stdout:
            self.output.append(line)
            if found := re.search(r"RX-packets:\s+(\d+)", line):
                return int(found.group(1)), self.processor_seconds()
        raise SystemExit("testpmd ended early:\n" + "".join(self.output[-30:]))

    def processor_seconds(self):
        for task in pathlib.Path(f"/proc/{self.process.pid}/task").iterdir():
            if (task / "comm").read_text().startswith(("rte-worker", "lcore-worker")):
                return int((task / "schedstat").read_text().split()[0]) / 1e9
        raise SystemExit("testpmd has no forwarding core")

    def close(self):
        try:
            self.process.communicate("stop\nquit\n", timeout=30)
        finally:
            if self.process.poll() is None:
                self.process.kill()
                self.process.wait()


def testpmd(mode, forwarding, core, seconds):
    """Millions of packets a second of the core's time."""
    running = Testpmd(mode, forwarding, core)
    try:
        packets = 0
        while packets == 0:  # forwarding has not begun
            time.sleep(0.3)
            packets, busy = running.received()
        time.sleep(seconds)
        packets_later, busy_later = running.received()
    finally:
        running.close()
    return (packets_later - packets) / (busy_later - busy) / 1e6


def ours(mode, case, core, seconds, **load):
    """path_bench's figures, as a dictionary; `load` are its other options, with _ for -."""
    options = [part for key, value in load.items() for part in (f"--{key.replace('_', '-')}", value)]
    result = measure.run_json([BINARY, "--mode", mode, "--case", case, "--seconds", seconds, "--core", core, *options])
    if result["dropped"] != 0:
        raise SystemExit(f"case {case} {load} dropped {result['dropped']} packets: it measures something else")
    return result

"""The whole path on one core against testpmd on the same kind of port, in the same run."""

import os
import re
import subprocess
import time

import measure

BINARY = measure.ROOT / "build/release/bench/path/path_bench"
# Floors of testpmd's 5tswap: what a stage may cost at the most.
FLOORS = {"forward": 0.5, "filter": 0.25, "balance": 0.25, "dns": 0.06}


def testpmd(mode, forwarding, core, seconds):
    """Mpps of testpmd with one forwarding core, 64-byte packets, burst 64."""
    other = min(os.sched_getaffinity(0) - {core}, default=core)
    command = ["dpdk-testpmd", "--lcores", f"0@{other},1@{core}", "--in-memory", "--no-pci", f"--file-prefix=sluice-pmd-{os.getpid()}",
               f"--vdev=net_{mode}0", "--", "-i", f"--forward-mode={forwarding}", "--nb-cores=1", "--burst=64",
               "--total-num-mbufs=32768"]
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)

    def say(text):
        process.stdin.write(text + "\n")
        process.stdin.flush()

    try:
        say("start tx_first 8" if mode == "ring" else "start")
        time.sleep(1.5)
        say("show port stats 0")
        time.sleep(seconds)
        say("show port stats 0")
        say("stop")
        say("quit")
        output, _ = process.communicate(timeout=30)
    finally:
        if process.poll() is None:
            process.kill()
            process.wait()
    rates = [int(rate) for rate in re.findall(r"Rx-pps:\s+(\d+)", output)]
    if not rates or rates[-1] == 0:
        raise SystemExit(f"testpmd forwarded nothing:\n{output[-1500:]}")
    return rates[-1] / 1e6


def ours(mode, case, flows, core, seconds):
    result = measure.run_json([BINARY, "--mode", mode, "--case", case, "--flows", flows, "--seconds", seconds, "--core", core])
    if result["dropped"] != 0:
        raise SystemExit(f"case {case} dropped {result['dropped']} packets: it measures something else")
    return result


def run(quick):
    core = max(os.sched_getaffinity(0))
    seconds, count = (0.5, 3) if quick else (1.5, 5)
    reports, good = [], True
    for mode in ("null", "ring"):
        cycles = {}

        def case(name, flows, mode=mode, cycles=cycles):
            def measured():
                result = ours(mode, name, flows, core, seconds)
                cycles.setdefault(name, []).append(result["cycles_per_packet"])
                return result["mpps"]
            return measured

        report = measure.Report(f"packet path, {mode} ports", size="64 bytes", core=core, rounds=count)
        contenders = {f"testpmd {f}": (lambda f=f, mode=mode: testpmd(mode, f, core, seconds))
                      for f in ("io", "macswap", "5tswap")}
        contenders |= {"bare": case("bare", 1), **{n: case(n, 100_000) for n in FLOORS}}
        results = measure.rounds(count, contenders)
        for name, values in results.items():
            report.figure(name, "Mpps", values)
            if name in cycles:
                report.figure(f"{name}, cycles", "cycles/packet", cycles[name])
        for name, floor in FLOORS.items():
            good &= report.ratio(f"{name} / testpmd 5tswap", results[name], results["testpmd 5tswap"], floor)
        reports.append(report.data)
    return reports, good

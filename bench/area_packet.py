"""The whole path on one core against testpmd on the same kind of port, in the same run."""

import os

import measure
from forwarders import ours, testpmd

FLOWS = 100_000
# Parts of testpmd's 5tswap that are to be reached at the least.
FLOORS = {"forward": 0.5, "filter": 0.25, "balance": 0.25, "dns": 0.06}


def one_mode(mode, core, seconds, count):
    cycles, given = {}, {}

    def case(name, flows):
        def measured():
            result = ours(mode, name, core, seconds, flows=flows)
            cycles.setdefault(name, []).append(result["cycles_per_packet"])
            # Packets that come ready made, as testpmd's do.
            given.setdefault(name, []).append(1e3 / (1e3 / result["mpps"] - result["stamp_ns"]))
            return result["mpps"]
        return measured

    def peer(forwarding):
        return lambda: testpmd(mode, forwarding, core, seconds)

    report = measure.Report(f"packet path, {mode} ports", size="64 bytes", flows=FLOWS, core=core, rounds=count)
    contenders = {f"testpmd {f}": peer(f) for f in ("io", "macswap", "5tswap")}
    contenders |= {"bare": case("bare", FLOWS), **{n: case(n, FLOWS) for n in FLOORS}}
    results = measure.rounds(count, contenders)
    for name, values in results.items():
        report.figure(name, "Mpps", values)
        if name in cycles:
            report.figure(f"{name}, cycles", "cycles/packet", cycles[name])
    good = True
    for name, floor in FLOORS.items():
        good &= report.ratio(f"{name} / testpmd 5tswap", results[name], results["testpmd 5tswap"], floor)
        report.ratio(f"{name}, packets given / 5tswap", given[name], results["testpmd 5tswap"])
    return report.data, good


def run(quick):
    core = max(os.sched_getaffinity(0))
    seconds, count = (0.5, 3) if quick else (1.5, 7)
    reports, good = zip(*(one_mode(mode, core, seconds, count) for mode in ("null", "ring")))
    return list(reports), all(good)

"""The balancer: its stages alone in memory, and the whole path in each forwarding mode beside testpmd."""

import os

import measure
import micro
from forwarders import ours, testpmd

MODES = ("nat", "full_nat", "dsr", "ipip", "gue")
FLOWS = 100_000
# Part of testpmd's 5tswap that each mode is to come to, one day: told, not judged.
AIM = 0.35


def load(mode, core, seconds, name, key="mpps", **options):
    """A contender: one figure of the balancing path under a load."""
    def measured():
        return ours(mode, "balance", core, seconds, **options)[key]
    return name, measured


def modes(mode, core, seconds, count, sizes):
    """Every forwarding mode, 64-byte packets and IMIX, against the number of flows."""
    report = measure.Report(f"balancer, {mode} ports", core=core, rounds=count)
    contenders = dict([("testpmd 5tswap", lambda: testpmd(mode, "5tswap", core, seconds))]
                      + [load(mode, core, seconds, f"{way}, {size}, {flows} flows", service_mode=way, size=size, flows=flows)
                         for way in MODES for size in ("64", "imix") for flows in sizes])
    results = measure.rounds(count, contenders)
    for name, values in results.items():
        report.figure(name, "Mpps", values)
    for way in MODES:
        report.ratio(f"{way} / testpmd 5tswap", results[f"{way}, 64, {FLOWS} flows"], results["testpmd 5tswap"], aim=AIM)
    return report.data


def crowds(mode, core, seconds, count):
    """New flows, and many services and backends. Where new flows come for ever, the table is full and the oldest
    one that nobody confirmed makes place."""
    report = measure.Report(f"balancer, new flows and many services, {mode} ports", mode="nat", flows=FLOWS, core=core,
                            rounds=count)
    contenders = dict([load(mode, core, seconds, f"{part} % new flows", flows=FLOWS, fresh=part) for part in (0, 1, 10, 100)]
                      + [load(mode, core, seconds, f"1000 services of 10 backends, {flows} flows", flows=flows,
                              services=1000, backends=10) for flows in (FLOWS, 1_000_000)])
    for name, values in measure.rounds(count, contenders).items():
        report.figure(name, "Mpps", values)
    return report.data


def swaps(core, seconds, count):
    """How long bursts of 64 packets take while configurations come, compiled on another core."""
    report = measure.Report("balancer, burst times, null ports", mode="nat", flows=FLOWS, core=core, rounds=count)
    for services, backends in ((1, 16), (1000, 10)):
        for rate in (0, 10):
            runs = [ours("null", "balance", core, seconds, flows=FLOWS, services=services, backends=backends,
                         times="yes", swaps=rate) for _ in range(count)]
            name = f"{services} services of {backends}, {rate} swaps/s"
            report.figure(f"{name}: swaps done", "1/s", [r["swaps_per_second"] for r in runs])
            for place, part in enumerate(("median", "99 %", "99.9 %")):
                report.figure(f"{name}: {part}", "us/burst", [r["burst_us"][place] for r in runs])
    return report.data


def run(quick):
    core = max(os.sched_getaffinity(0))
    seconds, count = (0.3, 1) if quick else (1.0, 3)
    sizes = (1_000, FLOWS, 1_000_000) + (() if quick else (10_000_000,))
    reports = [micro.run("balancer stages", "balancer_bench", quick)]
    for mode in ("null", "ring"):
        reports += [modes(mode, core, seconds, count, sizes), crowds(mode, core, seconds, count)]
    return reports + [swaps(core, 2 * seconds, max(count, 2))], True

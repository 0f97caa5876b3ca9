"""Google Benchmark programs as reports: repeated, with the spread of the repetitions."""

import json
import subprocess

import measure


def run(title, program, quick, unit="ns", pattern="."):
    """Every benchmark of a program whose name matches, as one report."""
    binary = measure.ROOT / "build/release/bench" / program
    repetitions = 3 if quick else 7
    done = subprocess.run([binary, f"--benchmark_filter={pattern}", f"--benchmark_repetitions={repetitions}",
                           f"--benchmark_min_time={0.05 if quick else 0.3}", "--benchmark_enable_random_interleaving=true",
                           "--benchmark_format=json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, check=True, text=True)
    report = measure.Report(title, repetitions=repetitions)
    values = {}
    for line in json.loads(done.stdout)["benchmarks"]:
        if line["run_type"] != "iteration":
            continue
        items = line.get("items_per_second")
        values.setdefault(line["run_name"], []).append(1e9 / items if items else line["real_time"])
    for name, times in values.items():
        report.figure(name, f"{unit}/item", times)
    return report.data

"""Google Benchmark programs as reports: repeated, with the spread of the repetitions. By processor time, in
cycles of the time stamp counter and in nanoseconds."""

import json
import pathlib
import re
import statistics
import subprocess

import measure


def run(title, program, quick, pattern="."):
    """Every benchmark of a program whose name matches, as one report."""
    binary = measure.ROOT / "build/release/bench" / program
    repetitions = 3 if quick else 7
    done = subprocess.run([binary, f"--benchmark_filter={pattern}", f"--benchmark_repetitions={repetitions}",
                           f"--benchmark_min_time={0.05 if quick else 0.3}", "--benchmark_enable_random_interleaving=true",
                           "--benchmark_format=json"], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.DEVNULL, check=True, text=True)
    report = measure.Report(title, repetitions=repetitions)
    values, ghz = {}, time_stamp_ghz()
    lines = json.loads(done.stdout)["benchmarks"]
    lines.sort(key=lambda line: (line["family_index"], line["per_family_instance_index"]))
    for line in lines:
        if line.get("error_occurred"):
            raise SystemExit(f"{program} {line['name']}: {line['error_message']}")
        if line["run_type"] == "iteration":
            # Some count cycles themselves, of the part that matters.
            time = line["cycles"] / ghz if "cycles" in line else 1e9 / line["items_per_second"]
            values.setdefault(line["run_name"].removeprefix("run/").removesuffix("/manual_time"), []).append(time)
    for name, times in values.items():
        report.figure(name, "cycles/item", [t * ghz for t in times], nanoseconds=statistics.median(times))
    return report.data


def time_stamp_ghz():
    """Cycles a nanosecond of the time stamp counter, as the kernel found at boot; where it does not say, of the
    processor."""
    log = subprocess.run(["dmesg"], capture_output=True, text=True).stdout
    found = (re.search(r"Refined TSC clocksource calibration: ([\d.]+) MHz", log)
             or re.search(r"tsc: Detected ([\d.]+) MHz", log)
             or re.search(r"cpu MHz\s*:\s*([\d.]+)", pathlib.Path("/proc/cpuinfo").read_text()))
    return float(found.group(1)) / 1000

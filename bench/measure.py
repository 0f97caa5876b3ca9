"""What the benchmark runners share: interleaved rounds, medians with their spread, one table, JSON."""

import json
import os
import pathlib
import statistics
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[1]


def processor():
    for line in pathlib.Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.split(":", 1)[1].strip()
    return "unknown"


def spread(values):
    """Median with the least and the most."""
    return {"median": statistics.median(values), "min": min(values), "max": max(values), "n": len(values)}


def progress(text):
    """On a terminal, over what stood there."""
    if sys.stderr.isatty():
        print(f"\r{text:60}\r", end="", file=sys.stderr, flush=True)


def rounds(count, contenders):
    """Runs every contender (name: function giving a number) in turn, `count` times: {name: [numbers]}.
    Neighbours on a shared machine come and go; what is compared stands beside each other in time."""
    results = {name: [] for name in contenders}
    for number in range(1, count + 1):
        for name, measure in contenders.items():
            results[name].append(measure())
            progress(f"  round {number} of {count}: {name}")
    progress("")
    return results


def ratios(ours, theirs):
    """Round by round, so that both numbers of a ratio were taken beside each other."""
    return spread([a / b for a, b in zip(ours, theirs)])


class Report:
    """Prints as it goes and keeps everything for --json."""

    def __init__(self, title, **circumstances):
        self.data = {"title": title, "processor": processor(), "cores": os.cpu_count(), **circumstances, "figures": []}
        told = [f"{k} {v}" for k, v in circumstances.items()] + [processor(), f"{os.cpu_count()} cores"]
        print(f"{title} ({', '.join(told)})")

    def figure(self, name, unit, values, **more):
        s = spread(values)
        self.data["figures"].append({"name": name, "unit": unit, **s, **more})
        print(f"  {name:40} {s['median']:10.3f} {unit:14} ({s['min']:.3f} to {s['max']:.3f})", flush=True)

    def ratio(self, name, ours, theirs, floor=None, aim=None):
        """False: there is a floor, and it was not held. An aim is told beside."""
        s = ratios(ours, theirs)
        held = None if floor is None else s["median"] >= floor
        self.data["figures"].append({"name": name, "unit": "ratio", **s, "floor": floor, "held": held, "aim": aim})
        remark = "" if floor is None else f"  floor {floor}: {'held' if held else 'NOT held'}"
        remark += "" if aim is None else f"  aim {aim}: {'reached' if s['median'] >= aim else 'not reached'}"
        print(f"  {name:40} {s['median']:10.3f} {'ratio':14} ({s['min']:.3f} to {s['max']:.3f}){remark}", flush=True)
        return held is not False


def run_json(command, **keywords):
    """The JSON line that a benchmark program prints."""
    done = subprocess.run([str(c) for c in command], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True, **keywords)
    if done.returncode != 0:
        raise SystemExit(f"{command[0]} failed: {done.stderr.strip() or done.stdout.strip()}")
    return json.loads(done.stdout.strip().splitlines()[-1])

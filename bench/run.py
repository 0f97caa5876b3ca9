"""Runs the benchmarks of some areas. Called by scripts/bench."""

import argparse
import importlib
import json
import pathlib
import sys

AREAS = ("packet", "balancer", "firewall", "dns", "control")


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("areas", nargs="*")
    parser.add_argument("--quick", action="store_true")
    parser.add_argument("--json")
    options = parser.parse_args()
    absent = [a for a in options.areas if a not in AREAS]
    if absent:
        print(f"scripts/bench: Sluice has no {absent[0]} yet, so there is nothing to measure", file=sys.stderr)
        return 2
    everything, good = {}, True
    for area in options.areas or AREAS:
        reports, held = importlib.import_module(f"area_{area}").run(options.quick)
        everything[area] = reports
        good &= held
        print(flush=True)
    if options.json:
        pathlib.Path(options.json).write_text(json.dumps(everything, indent=1) + "\n")
    print("every floor held" if good else "a floor was not held")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())

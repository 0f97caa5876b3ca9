"""What a change costs: the compilers, and an apply through both daemons until the data plane has it."""

import os
import sys
import time

import measure

sys.path.insert(0, str(measure.ROOT / "scripts/lib"))
import lab as lab_module  # noqa: E402
from tour import STATE, reweighted  # noqa: E402


def run(quick):
    lab = lab_module.Lab(f"bc{os.getpid()}")
    times = []
    try:
        lab.up(state=STATE)
        file = STATE.parent / f".{lab.name}.yaml"
        report = measure.Report("apply until acknowledged, the lab's state")
        try:
            for number in range(10 if quick else 40):
                file.write_text(reweighted(STATE.read_text(), (1 + number % 7, 1, 2)))
                started = time.monotonic()
                lab.sluice("apply", "-f", file)
                times.append((time.monotonic() - started) * 1000)
        finally:
            file.unlink(missing_ok=True)
        report.figure("sluice apply", "ms", times)
    finally:
        lab.down()
    return [report.data], True

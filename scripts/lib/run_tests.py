"""Builds what each layer of the tests needs, runs it, and counts every single test. Called by
scripts/test; the last line it prints is the count."""

import argparse
import concurrent.futures
import json
import os
import pathlib
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree as xml

ROOT = pathlib.Path(__file__).resolve().parents[2]
PYTHON = "/usr/bin/python3"
ORDER = ("lint", "unit", "sim", "replay", "sanitizers", "fuzz", "lab")


class Count:
    """What has passed, failed and been skipped so far."""

    def __init__(self):
        self.passed = self.failed = self.skipped = 0
        self.failures = []

    def add(self, name, passed, failed, skipped, seconds, output=""):
        self.passed += passed
        self.failed += failed
        self.skipped += skipped
        mark = "FAIL" if failed else ("ok" if passed else "skip")
        print(f"  {mark:4} {name}: {passed} passed"
              + (f", {failed} failed" if failed else "") + (f", {skipped} skipped" if skipped else "")
              + f" ({seconds:.1f} s)", flush=True)
        if failed:
            self.failures.append(name)
            print("\n".join("       | " + line for line in output.splitlines()[-80:]), flush=True)


def say(text):
    print(f"==> {text}", flush=True)


def build(kind, *targets):
    """Builds a kind, or some of its targets; a build that fails ends the run, since nothing after it
    could be believed."""
    if subprocess.run([ROOT / "scripts/build", kind, *targets], stdin=subprocess.DEVNULL).returncode != 0:
        print(f"the {kind} build failed", flush=True)
        print("0 passed, 1 failed", flush=True)
        sys.exit(1)


def meson_tests(kind, suite):
    """Tests that meson knows in a suite: (name, command, environment, seconds allowed)."""
    shown = subprocess.run(["meson", "introspect", "--tests", ROOT / "build" / kind], check=True,
                           stdout=subprocess.PIPE, text=True).stdout
    return [(t["name"], t["cmd"], t["env"], max(60, t["timeout"]))
            for t in json.loads(shown) if any(s.split(":")[-1] == suite for s in t["suite"])]


def targets_of(kind, suite):
    return [os.path.relpath(command[0], ROOT / "build" / kind) for _, command, _, _ in meson_tests(kind, suite)]


def build_only(kind, what, targets):
    """Builds these targets; without any it ends the run rather than build, or test, something else."""
    if not targets:
        print(f"build/{kind} has no {what}: a layer without tests would pass unseen", flush=True)
        print("0 passed, 1 failed", flush=True)
        sys.exit(1)
    build(kind, *targets)


def run_gtest(label, command, environment, seconds, only):
    """Runs one GoogleTest binary; returns what Count.add takes."""
    started = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="sluice-test-") as scratch:
        report = pathlib.Path(scratch) / "report.json"
        arguments = [*command, f"--gtest_output=json:{report}"]
        if only:
            arguments.append(f"--gtest_filter=*{only}*")
        try:
            done = subprocess.run(arguments, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds,
                                  cwd=scratch, env={**os.environ, **environment})
            output, status = done.stdout, done.returncode
        except subprocess.TimeoutExpired as late:
            output, status = f"{(late.stdout or b'').decode(errors='replace')}\nnot finished after {seconds} s", 1
        spent = time.monotonic() - started
        try:
            suites = json.loads(report.read_text())["testsuites"]
        except (OSError, ValueError, KeyError):
            if status == 0 and only:
                return label, 0, 0, 0, spent, output
            return label, 0, 1, 0, spent, output
    cases = [case for suite in suites for case in suite["testsuite"]]
    failed = sum(1 for c in cases if c.get("failures"))
    skipped = sum(1 for c in cases if c.get("result") in ("SKIPPED", "SUPPRESSED") or c.get("status") == "NOTRUN")
    passed = len(cases) - failed - skipped
    if status != 0 and failed == 0:
        failed = 1
    wanted = [line for line in output.splitlines() if not line.startswith(("[       OK", "[ RUN", "[-----"))]
    return label, passed, failed, skipped, spent, "\n".join(wanted)


def run_gtests(count, kind, suite, options, label_suffix=""):
    tests = meson_tests(kind, suite)
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        jobs = [pool.submit(run_gtest, name + label_suffix, command, environment,
                            seconds * (20 if options.long else 1), options.k)
                for name, command, environment, seconds in tests]
        for job in jobs:
            result = job.result()
            if any(result[1:4]) or not options.k:
                count.add(*result)


def run_pytest(count, folder, options):
    """Runs each file of a pytest folder; files run one after another, for they share the machine."""
    for file in sorted((ROOT / folder).glob("test_*.py")):
        started = time.monotonic()
        with tempfile.TemporaryDirectory(prefix="sluice-test-") as scratch:
            report = pathlib.Path(scratch) / "report.xml"
            command = [PYTHON, "-m", "pytest", "-q", "--tb=short", "-p", "no:cacheprovider",
                       f"--junitxml={report}", str(file)]
            if options.k:
                command += ["-k", options.k]
            try:
                done = subprocess.run(command, cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                      stderr=subprocess.STDOUT, text=True, errors="replace",
                                      timeout=7200 if options.long else 900,
                                      env={**os.environ, "PYTHONDONTWRITEBYTECODE": "1"})
                output, status = done.stdout, done.returncode
            except subprocess.TimeoutExpired as late:
                output, status = f"{(late.stdout or b'').decode(errors='replace')}\nnot finished in time", 1
            spent = time.monotonic() - started
            try:
                suites = list(xml.parse(report).getroot().iter("testsuite"))
            except (OSError, xml.ParseError):
                suites = []
        total = sum(int(s.get("tests", 0)) for s in suites)
        failed = sum(int(s.get("failures", 0)) + int(s.get("errors", 0)) for s in suites)
        skipped = sum(int(s.get("skipped", 0)) for s in suites)
        if status == 5 and options.k:  # nothing of this file has that name
            continue
        if status != 0 and failed == 0:
            failed, total = 1, total + 1
        count.add(str(file.relative_to(ROOT)), total - failed - skipped, failed, skipped, spent, output)


def run_lint(count, options):
    say("lint")
    build("release")
    for check in sorted((ROOT / "tests/architecture").glob("check_*.py")):
        if options.k and options.k not in check.stem:
            continue
        started = time.monotonic()
        done = subprocess.run([PYTHON, check], cwd=ROOT, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True, errors="replace")
        good = done.returncode == 0
        count.add(check.stem, int(good), int(not good), 0, time.monotonic() - started, done.stdout)


def run_unit(count, options):
    say("unit")
    build("release")
    run_gtests(count, "release", "unit", options)


def run_sim(count, options):
    say("sim")
    build("release")
    run_gtests(count, "release", "sim", options)


def run_replay(count, options):
    say("replay")
    build("release")
    run_gtests(count, "release", "replay", options)
    run_pytest(count, "tests/replay", options)


def run_lab(count, options):
    say("lab")
    build("release")
    run_gtests(count, "release", "lab", options)
    run_pytest(count, "tests/lab", options)


def run_sanitizers(count, options):
    say("sanitizers: address and undefined")
    build("asan", "--configure-only")
    suites = ("unit", "sim", "replay")
    build("asan", *sorted({t for s in suites for t in targets_of("asan", s)}))
    for suite in suites:
        run_gtests(count, "asan", suite, options, " (asan)")
    say("sanitizers: thread")
    build("tsan", "--configure-only")
    build_only("tsan", "test in the suite 'threads'", targets_of("tsan", "threads"))
    run_gtests(count, "tsan", "threads", options, " (tsan)")


def run_fuzz(count, options):
    say("fuzz")
    build("fuzz", "--configure-only")
    listed = subprocess.run(["meson", "introspect", "--targets", ROOT / "build/fuzz"], check=True,
                            stdout=subprocess.PIPE, text=True).stdout
    targets = sorted((t["name"], t["filename"][0]) for t in json.loads(listed) if t["name"].endswith("_fuzz"))
    if options.k:
        targets = [t for t in targets if options.k in t[0]]
        if not targets:
            return
    build_only("fuzz", "target that ends in _fuzz", [os.path.relpath(path, ROOT / "build/fuzz") for _, path in targets])
    seconds = 900 if options.long else 10
    with concurrent.futures.ThreadPoolExecutor(max_workers=os.cpu_count() or 1) as pool:
        for result in pool.map(lambda t: fuzz_one(*t, seconds), targets):
            count.add(*result)


def fuzz_one(name, binary, seconds):
    """Replays the corpus of the tree and searches on from it in a scratch folder."""
    started = time.monotonic()
    corpus = ROOT / "tests/fuzz/corpus" / name.removesuffix("_fuzz")
    with tempfile.TemporaryDirectory(prefix="sluice-fuzz-") as scratch:
        command = [binary, f"-max_total_time={seconds}", "-timeout=10", "-rss_limit_mb=2048", "-verbosity=0",
                   "-print_final_stats=1", f"-artifact_prefix={scratch}/", scratch]
        if corpus.is_dir():
            command.append(str(corpus))
        try:
            done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                  stderr=subprocess.STDOUT, text=True, errors="replace", timeout=seconds + 300)
            output, good = done.stdout, done.returncode == 0
        except subprocess.TimeoutExpired as late:
            output, good = f"{(late.stdout or b'').decode(errors='replace')}\nnot finished in time", False
        for artifact in pathlib.Path(scratch).glob("*-*"):
            if artifact.name.startswith(("crash-", "leak-", "timeout-", "oom-")):
                output += f"\n{artifact.name} in hex: {artifact.read_bytes()[:4096].hex()}"
    return name, int(good), int(not good), 0, time.monotonic() - started, output


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("layers", nargs="+")
    parser.add_argument("-k", default="")
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    if options.long:
        os.environ["SLUICE_TEST_LONG"] = "1"
    chosen = ORDER if "all" in options.layers else [layer for layer in ORDER if layer in options.layers]
    started = time.monotonic()
    count = Count()
    for layer in chosen:
        globals()[f"run_{layer}"](count, options)
    print(f"{time.monotonic() - started:.0f} s" + (f"; failed: {', '.join(count.failures)}" if count.failures else ""))
    tail = f", {count.skipped} skipped" if count.skipped else ""
    print(f"{count.passed} passed, {count.failed} failed{tail}", flush=True)
    sys.exit(1 if count.failed or count.passed == 0 else 0)


if __name__ == "__main__":
    main()

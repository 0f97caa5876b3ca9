"""Every compile line of the release build: the last -march is ours, and the warnings are on. libdpdk's
pkg-config brings -march=corei7 after project arguments, which would silently win."""

import re
import subprocess

import rooms

shown = subprocess.run(["ninja", "-C", rooms.ROOT / "build/release", "-t", "commands"], check=True,
                       stdout=subprocess.PIPE, text=True).stdout
problems = []
lines = 0
for line in shown.splitlines():
    if " -c " not in line or not re.search(r"\bg\+\+ ", line):
        continue
    output = re.search(r" -o (\S+)", line)
    name = output.group(1) if output else line[:80]
    lines += 1
    march = re.findall(r"-march=(\S+)", line)
    if not march or march[-1] != "x86-64-v3":
        problems.append(f"{name}: compiled for {march[-1] if march else 'no'} instruction set, not x86-64-v3")
    generated = "control/api/" in name
    for flag in ("-Wall", "-Wextra", "-Wpedantic", "-Wshadow", "-Wconversion"):
        if flag not in line and not generated:
            problems.append(f"{name}: compiled without {flag}")
if lines == 0:
    problems.append("no compile lines found: is build/release configured?")
rooms.finish(problems, f"{lines} compile lines are as they should be")

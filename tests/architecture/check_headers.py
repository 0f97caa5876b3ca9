"""Every header compiles alone, with the flags of the release build."""

import concurrent.futures
import os
import re
import shlex
import subprocess
import tempfile

import rooms

BUILD = rooms.ROOT / "build/release"


def flags():
    """Include and language flags of the release build, gathered over all its compile lines."""
    shown = subprocess.run(["ninja", "-C", BUILD, "-t", "commands"], check=True, stdout=subprocess.PIPE,
                           text=True).stdout
    wanted = {}
    for line in shown.splitlines():
        if " -c " not in line or not re.search(r"\bg\+\+ ", line):
            continue
        words = shlex.split(line)
        for i, word in enumerate(words):
            if word.startswith(("-I", "-isystem", "-D", "-std=")):
                if word == "-isystem":
                    wanted[f"-isystem{words[i + 1]}"] = None
                else:
                    wanted[word] = None
    return [w for w in wanted if ".p" != w[-2:]]


def compile_alone(header, arguments):
    with tempfile.TemporaryDirectory(prefix="sluice-header-") as scratch:
        unit = f"{scratch}/alone.cpp"
        with open(unit, "w") as file:
            file.write(f'#include "{header}"\n#include "{header}"\n')
        done = subprocess.run(["ccache", "g++", "-include", "rte_config.h", *arguments, f"-I{rooms.ROOT}",
                               "-march=x86-64-v3", "-maes", "-mpclmul", "-O0", "-w", "-c", unit, "-o",
                               f"{scratch}/alone.o"], cwd=BUILD, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT, text=True)
    return None if done.returncode == 0 else f"{header} does not compile alone:\n{done.stdout[:1500]}"


headers = [h for h in rooms.sources(".hpp") if "/pch/" not in h]
arguments = flags()
with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
    problems = [p for p in pool.map(lambda h: compile_alone(h, arguments), headers) if p]
rooms.finish(problems, f"{len(headers)} headers stand alone")

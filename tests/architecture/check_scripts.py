"""Shell scripts pass bash and shellcheck, Python files compile, commands are executable and have --help."""

import ast
import os
import subprocess

import rooms

problems = []
shell, python = [], []
for path in rooms.sources(""):
    file = rooms.ROOT / path
    if file.is_symlink() or file.stat().st_size > 200_000 or path.endswith((".pcap", ".pcapng")):
        continue
    try:
        first = file.open().readline()
    except UnicodeDecodeError:
        continue
    if path.endswith(".sh") or (first.startswith("#!") and "bash" in first):
        shell.append(path)
    elif path.endswith(".py") or (first.startswith("#!") and "python" in first):
        python.append(path)

done = subprocess.run(["shellcheck", "-x", "-P", "SCRIPTDIR", "-S", "warning", *shell], cwd=rooms.ROOT,
                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
if done.returncode != 0:
    problems.append(done.stdout[:6000])
for path in python:
    try:
        ast.parse((rooms.ROOT / path).read_text(), path)
    except SyntaxError as error:
        problems.append(f"{path}:{error.lineno}: {error.msg}")
for name in ("setup", "build", "run", "test", "lab", "bench", "pktgen", "backend"):
    file = rooms.ROOT / "scripts" / name
    if not os.access(file, os.X_OK):
        problems.append(f"scripts/{name} is missing or not executable")
    elif subprocess.run([file, "--help"], stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                        stderr=subprocess.DEVNULL, timeout=30).returncode != 0:
        problems.append(f"scripts/{name} --help fails")
rooms.finish(problems, f"{len(shell)} shell and {len(python)} Python files are sound")

"""The tree: a README in each folder that has sources, no long files, nothing unfinished, no machine's
paths, nothing large."""

import pathlib
import re

import rooms

UNFINISHED = re.compile(r"\b(TODO|FIXME|XXX|HACK|not implemented|unimplemented)\b")
MACHINE = re.compile(r"/(home/\w|root/|work/|w/[a-z]+/)")
problems = []
files = rooms.sources("")
for path in files:
    file = rooms.ROOT / path
    if file.stat().st_size > 100_000:
        problems.append(f"{path} has {file.stat().st_size} bytes; 100,000 at most")
        continue
    try:
        text = file.read_text()
    except UnicodeDecodeError:
        continue
    if path.startswith("tests/architecture/check_tree"):
        continue
    for number, line in enumerate(text.splitlines(), start=1):
        if path.endswith((".cpp", ".hpp", ".c", ".py", ".proto", ".def")) and UNFINISHED.search(line):
            problems.append(f"{path}:{number}: unfinished: {line.strip()[:80]}")
        if MACHINE.search(line) and not path.endswith((".md", "LICENSE")):
            problems.append(f"{path}:{number}: a path of one machine: {line.strip()[:80]}")
    if path.endswith((".cpp", ".hpp")) and text.count("\n") > 500:
        problems.append(f"{path} has {text.count(chr(10))} lines; 500 at most, it is two ideas")
folders = {str(pathlib.Path(f).parent) for f in files if f.endswith((".cpp", ".hpp", ".proto", ".c"))}
for folder in sorted(folders):
    if folder.startswith("tests/unit/") or folder.endswith("/pch") or folder.startswith("tests/fuzz/"):
        continue
    # The schema's page is that of control/api.
    page = pathlib.Path("control/api") if folder.startswith("control/api/") else pathlib.Path(folder)
    if not (rooms.ROOT / page / "README.md").exists():
        problems.append(f"{folder} has no README.md")
rooms.finish(problems, f"{len(files)} files are in order")

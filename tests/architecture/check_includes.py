"""The `#include` lines of every source file against rooms.py."""

import re

import rooms

problems = []
files = rooms.sources()
for path in files:
    for number, line in enumerate((rooms.ROOT / path).read_text().splitlines(), start=1):
        match = re.match(r'\s*#\s*include\s*(["<])([^">]+)[">]', line)
        if not match:
            continue
        kind, header = match.groups()
        if kind == '"' and not rooms.allowed(path, header):
            problems.append(f"{path}:{number}: {rooms.room_of(path)} may not include {header}")
        if kind == '"' and not header.startswith(("dataplane/", "control/", "ebpf/", "tests/", "sluice/v1/",
                                                  "bench/")) and not path.endswith((".c", ".h")):
            problems.append(f"{path}:{number}: write the path from the root: {header}")
        if not rooms.may_see(path, header):
            problems.append(f"{path}:{number}: {header} is not for this room")
rooms.finish(problems, f"{len(files)} files include only what they may")

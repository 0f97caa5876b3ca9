"""What the compiler really read for every object of the release build, against rooms.py: whole chains
of headers, not only the lines in the source."""

import subprocess

import rooms

BUILD = rooms.ROOT / "build/release"
shown = subprocess.run(["ninja", "-C", BUILD, "-t", "deps"], check=True, stdout=subprocess.PIPE, text=True).stdout
problems = set()
objects = 0
source = None
for line in shown.splitlines():
    if not line.startswith(" "):
        source = None
        objects += ": #deps" in line
        continue
    path = line.strip()
    if path.startswith("../../"):
        path = path[6:]
    elif path.startswith(str(rooms.ROOT) + "/"):
        path = path[len(str(rooms.ROOT)) + 1:]
    if path.startswith("build/"):
        continue
    if not path.startswith("/") and path.endswith((".cpp", ".c")) and source is None:
        source = path
    elif source and not path.startswith("/") and "/pch/" not in path:
        if rooms.room_of(path) and not rooms.allowed(source, path) and not rooms.is_pipeline(source):
            problems.add(f"{source} depends on {path}")
    elif source and path.startswith("/usr/include/"):
        header = path[len("/usr/include/"):].removeprefix("dpdk/").removeprefix("x86_64-linux-gnu/")
        if header.startswith(("rte_mbuf.h", "rte_ethdev.h", "liburing.h", "grpcpp/grpcpp.h", "spdlog/spdlog.h")) \
                and not rooms.may_see(source, header):
            problems.add(f"{source} sees {header} through another header")
rooms.finish(sorted(problems), f"{objects} objects depend only on what they may")

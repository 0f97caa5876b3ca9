"""Which room may include which, and which headers only some rooms may see. A room is a folder; the
longest match wins. What a room may include holds for everything below it, itself always."""

import pathlib
import re
import subprocess

ROOT = pathlib.Path(__file__).resolve().parents[2]

# room: rooms it may include
MAY_INCLUDE = {
    "dataplane/runtime": [],
    "dataplane/packet": ["dataplane/runtime"],
    "dataplane/route": ["dataplane/packet", "dataplane/runtime"],
    "dataplane/firewall": ["dataplane/packet", "dataplane/runtime"],
    "dataplane/balancer": ["dataplane/packet", "dataplane/runtime"],
    "dataplane/dns": ["dataplane/packet", "dataplane/runtime"],
    "dataplane/io": ["dataplane/runtime"],
    # The snapshot type names every room; a shard uses the name server's part of it.
    "dataplane/shard": ["dataplane/io", "dataplane/dns", "dataplane/packet", "dataplane/runtime",
                        "dataplane/route", "dataplane/firewall", "dataplane/balancer"],
    "dataplane/nic": ["dataplane/packet", "dataplane/runtime", "ebpf"],
    "ebpf": ["dataplane/packet", "dataplane/runtime"],
    "dataplane/replay": ["dataplane"],
    "dataplane/agent": ["dataplane", "control/api", "control/model", "sluice/v1"],
    "dataplane/start": ["dataplane", "control/api", "control/model", "ebpf", "sluice/v1"],
    "dataplane/main.cpp": ["dataplane", "control/api", "control/model", "sluice/v1"],
    "control/api": ["sluice/v1"],
    "control/model": ["dataplane/packet", "dataplane/route", "dataplane/firewall", "dataplane/balancer",
                      "dataplane/dns", "dataplane/runtime", "control/api", "sluice/v1"],
    "control/health": ["control/model", "control/api", "dataplane/packet", "dataplane/runtime", "sluice/v1"],
    "control/daemon": ["control/health", "control/model", "control/api", "dataplane/packet/address.hpp",
                       "dataplane/runtime", "sluice/v1"],
    # What replay is given, Sources, names every room.
    "control/cli": ["control/model", "control/api", "dataplane/replay", "dataplane/packet",
                    "dataplane/route", "dataplane/firewall", "dataplane/balancer", "dataplane/dns",
                    "dataplane/runtime", "sluice/v1"],
    "bench": ["dataplane", "tests/support"],
    "tests": ["dataplane", "control", "ebpf", "sluice/v1"],
}

# The parts of dataplane/packet that stand above the rooms: the pipeline and what drives it.
PIPELINE = ("pipeline", "worker", "snapshot", "trace", "why", "inbox", "question", "names", "transmitter")
PIPELINE_MAY = ["dataplane/packet", "dataplane/route", "dataplane/firewall", "dataplane/balancer",
                "dataplane/dns", "dataplane/runtime"]

# header pattern: rooms that may see it (in source text and in what the compiler read)
ONLY_IN = {
    r"^rte_(mbuf|ethdev|mempool|eth_\w+|dev|bus_\w+)\.h$": ["dataplane/nic", "bench", "tests/unit/nic"],
    r"^rte_(eal|launch|lcore)\.h$": ["dataplane/nic", "dataplane/runtime", "bench", "tests"],
    r"^liburing\.h$": ["dataplane/io", "tests/unit/io", "tests/sim"],
    r"^(grpcpp|grpc)/": ["control/daemon", "control/cli", "control/api", "dataplane/agent", "tests"],
    r"^spdlog/": ["dataplane/runtime/log.cpp"],
    r"^(bpf|xdp)/": ["ebpf", "dataplane/nic"],
    r"^ldns/": ["dataplane/dns", "control/health/dns_message.cpp"],
    r"^curl/": ["control/health/http_client.cpp"],
    r"^yaml-cpp/": ["control/model"],
    r"^openssl/": ["control/model/certificates.cpp"],
    r"^sqlite3\.h$": ["control/daemon"],
    r"^CLI/": ["control/cli", "control/daemon", "dataplane/main.cpp", "dataplane/start"],
}


def sources(*endings):
    """Tracked and new source files, as paths from the root."""
    listed = subprocess.run(["git", "ls-files", "--cached", "--others", "--exclude-standard"], cwd=ROOT,
                            check=True, stdout=subprocess.PIPE, text=True).stdout.splitlines()
    return [f for f in listed if f.endswith(endings or (".cpp", ".hpp", ".c", ".h")) and (ROOT / f).exists()]


def room_of(path):
    """The longest entry of MAY_INCLUDE that holds path, or None."""
    best = None
    for room in MAY_INCLUDE:
        if (path == room or path.startswith(room + "/")) and (best is None or len(room) > len(best)):
            best = room
    return best


def is_pipeline(path):
    return path.startswith("dataplane/packet/") and pathlib.Path(path).stem.startswith(PIPELINE)


def allowed(path, included):
    """May the file `path` include the project's file `included`?"""
    room = room_of(path)
    if room is None or included.startswith(room + "/"):
        # Below the pipeline nobody includes it, not even its own folder.
        return room is None or room != "dataplane/packet" or not is_pipeline(included) or is_pipeline(path)
    if is_pipeline(path):
        return any(included.startswith(other + "/") for other in PIPELINE_MAY)
    if is_pipeline(included) and room in ("dataplane/route", "dataplane/firewall", "dataplane/balancer",
                                          "dataplane/dns", "dataplane/nic", "ebpf"):
        return False
    return any(included == other or included.startswith(other + "/") for other in MAY_INCLUDE[room])


def may_see(path, header):
    """May the file `path` see the system header `header`?"""
    for pattern, rooms in ONLY_IN.items():
        if re.match(pattern, header):
            return any(path == room or path.startswith(room + "/") for room in rooms)
    return True


def finish(problems, good):
    """Prints and ends as every check does."""
    for problem in problems:
        print(problem)
    if not problems:
        print(good)
    raise SystemExit(1 if problems else 0)

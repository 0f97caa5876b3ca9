"""Every reason in drop_reasons.def is expected by some test, so that each is known to be producible."""

import re

import rooms

reasons = re.findall(r"^DROP_REASON\((\w+),", (rooms.ROOT / "dataplane/packet/drop_reasons.def").read_text(), re.M)
tests = "\n".join((rooms.ROOT / f).read_text() for f in rooms.sources(".cpp", ".py") if f.startswith("tests/") and "architecture" not in f)
code = "\n".join((rooms.ROOT / f).read_text() for f in rooms.sources(".cpp", ".hpp") if f.startswith("dataplane/"))
# Produced so far only by hand; a name leaves this list with its test, and none may come back.
AWAITING = {"not_our_mac", "connection_invalid", "connection_table_full", "tx_full", "tx_port_down", "punt_rate", "handoff_full"}
problems = []
for reason in reasons:
    if not re.search(rf"\b{reason}\b", code):
        problems.append(f"nothing drops a packet for {reason}")
    tested = re.search(rf"\b{reason}\b", tests)
    if tested and reason in AWAITING:
        problems.append(f"{reason} has a test now: take it off AWAITING")
    if not tested and reason not in AWAITING:
        problems.append(f"no test produces {reason}")
rooms.finish(problems, f"{len(reasons)} drop reasons are produced by tests")

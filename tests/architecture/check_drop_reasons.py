"""Every reason in drop_reasons.def is expected by some test, so that each is known to be producible."""

import re

import rooms

reasons = re.findall(r"^DROP_REASON\((\w+),", (rooms.ROOT / "dataplane/packet/drop_reasons.def").read_text(), re.M)
tests = "\n".join((rooms.ROOT / f).read_text() for f in rooms.sources(".cpp", ".py") if f.startswith("tests/") and "architecture" not in f)
code = "\n".join((rooms.ROOT / f).read_text() for f in rooms.sources(".cpp", ".hpp") if f.startswith("dataplane/"))
problems = []
for reason in reasons:
    if not re.search(rf"\b{reason}\b", code):
        problems.append(f"nothing drops a packet for {reason}")
    if not re.search(rf"\b{reason}\b", tests):
        problems.append(f"no test produces {reason}")
rooms.finish(problems, f"{len(reasons)} drop reasons are produced by tests")

"""clang-tidy 14 with the checks of .clang-tidy over every source file of our own. A file whose text and
headers have not changed since it passed is not looked at again (build/tidy)."""

import concurrent.futures
import hashlib
import json
import os
import subprocess

import rooms

BUILD = rooms.ROOT / "build/release"
PASSED = rooms.ROOT / "build/tidy"
# Options of g++ that clang does not know.
UNKNOWN = ("-Wduplicated-cond", "-Wlogical-op", "-Wno-restrict", "-Wno-stringop-overflow", "-fpch-deps",
           "-Winvalid-pch")


def database():
    """compile_commands.json for clang: precompiled headers and g++'s own options left out."""
    entries = []
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        words = entry["command"].split()
        kept, skip = [], False
        for i, word in enumerate(words):
            if skip:
                skip = False
                continue
            if word == "-include" and i + 1 < len(words) and "rte_config" not in words[i + 1]:
                skip = True
                continue
            if word not in UNKNOWN and word != "ccache":
                kept.append(word)
        entries.append({**entry, "command": " ".join(kept)})
    return entries


def digest(entry, headers):
    text = hashlib.sha256(entry["command"].encode())
    for path in [os.path.join(entry["directory"], entry["file"]), *headers]:
        with open(path, "rb") as file:
            text.update(file.read())
    return text.hexdigest()


def main():
    entries = [e for e in database()
               if os.path.relpath(os.path.join(e["directory"], e["file"]), rooms.ROOT)
               .startswith(("dataplane/", "control/", "ebpf/")) and e["file"].endswith(".cpp")]
    unique = {e["file"]: e for e in entries}
    PASSED.mkdir(parents=True, exist_ok=True)
    (PASSED / "compile_commands.json").write_text(json.dumps(list(unique.values())))
    headers = [str(rooms.ROOT / h) for h in rooms.sources(".hpp", ".def", ".clang-tidy")]

    def look(entry):
        mark = PASSED / digest(entry, headers)
        if mark.exists():
            return None
        path = os.path.normpath(os.path.join(entry["directory"], entry["file"]))
        done = subprocess.run(["clang-tidy-14", "-p", str(PASSED), "--quiet", path], cwd=rooms.ROOT,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode != 0:
            return done.stdout[:3000]
        mark.touch()
        return None

    with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
        problems = [p for p in pool.map(look, unique.values()) if p]
    rooms.finish(problems, f"{len(unique)} files are tidy")


if os.environ.get("SLUICE_TEST_LONG"):
    main()
else:
    print("clang-tidy takes minutes: it runs with scripts/test lint --long")

"""clang-tidy 14 with the checks of .clang-tidy over every source file of our own, and over our headers as
they are read by it. A file that passed is not looked at again until it, a header that it reads, its flags or
the settings change (build/tidy): three to five minutes of two quiet cores when nothing is known, seconds
after a change. Checks that cost much for what g++'s own warnings and the naming rules find already are
left out of .clang-tidy for that reason."""

import concurrent.futures
import hashlib
import json
import os
import pathlib
import subprocess

import rooms

BUILD = rooms.ROOT / "build/release"
PASSED = rooms.ROOT / "build/tidy"
OURS = ("dataplane/", "control/", "ebpf/")
JOBS = min(2, os.cpu_count() or 1)  # each takes hundreds of megabytes
# Options of g++ that clang does not know.
UNKNOWN = ("-Wduplicated-cond", "-Wlogical-op", "-Wno-restrict", "-Wno-stringop-overflow", "-fpch-deps",
           "-Winvalid-pch")


def for_clang(command):
    """A compile line of g++ without ccache, precompiled headers and g++'s own options."""
    kept, words = [], iter(command.split())
    for word in words:
        if word == "-include":
            header = next(words, "")
            if "rte_config" in header:
                kept += [word, header]
        elif word not in UNKNOWN and word != "ccache":
            kept.append(word)
    return " ".join(kept)


def database():
    """Compile lines of our own sources, by path from the root."""
    entries = {}
    for entry in json.loads((BUILD / "compile_commands.json").read_text()):
        path = os.path.relpath(os.path.join(entry["directory"], entry["file"]), rooms.ROOT)
        if path.startswith(OURS) and path.endswith(".cpp"):
            entries[path] = {**entry, "command": for_clang(entry["command"])}
    return entries


def headers_read():
    """What the compiler read for each object: {object: [paths]}, from ninja's own notes."""
    shown = subprocess.run(["ninja", "-C", BUILD, "-t", "deps"], check=True, stdout=subprocess.PIPE, text=True).stdout
    out, current = {}, []
    for line in shown.splitlines():
        if line.startswith(" "):
            current.append(line.strip())
        elif ": #deps" in line:
            current = out[line.split(":")[0]] = []
    return out


class Digests:
    """What a file's verdict depends on. Headers of the system are taken by name, size and time."""

    def __init__(self):
        self.known = {}
        self.read = headers_read()
        version = subprocess.run(["clang-tidy-14", "--version"], check=True, stdout=subprocess.PIPE).stdout
        self.common = version + (rooms.ROOT / ".clang-tidy").read_bytes()
        self.all_headers = [str(rooms.ROOT / h) for h in rooms.sources(".hpp", ".def")]

    def of_file(self, path):
        if path not in self.known:
            try:
                if path.startswith("/usr/"):
                    stat = os.stat(path)
                    self.known[path] = f"{path} {stat.st_size} {stat.st_mtime_ns}".encode()
                else:
                    self.known[path] = hashlib.sha256(pathlib.Path(path).read_bytes()).digest()
            except OSError:
                self.known[path] = b"gone"
        return self.known[path]

    def of(self, path, entry):
        text = hashlib.sha256(self.common + entry["command"].encode())
        read = self.read.get(entry.get("output", ""), self.all_headers)
        for each in [str(rooms.ROOT / path), *sorted(os.path.join(BUILD, header) for header in read)]:
            text.update(self.of_file(os.path.normpath(each)))
        return text.hexdigest()


def main():
    entries = database()
    PASSED.mkdir(parents=True, exist_ok=True)
    (PASSED / "compile_commands.json").write_text(json.dumps(list(entries.values())))
    digests = Digests()
    marks = {path: PASSED / digests.of(path, entry) for path, entry in entries.items()}
    for old in PASSED.iterdir():
        if len(old.name) == 64 and old not in marks.values():
            old.unlink()

    def look(path):
        done = subprocess.run(["clang-tidy-14", "-p", str(PASSED), "--quiet", str(rooms.ROOT / path)], cwd=rooms.ROOT,
                              stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True)
        if done.returncode == 0:
            marks[path].touch()
            return None
        return done.stdout[:3000] or f"clang-tidy-14 fails on {path}"

    waiting = [path for path in entries if not marks[path].exists()]
    with concurrent.futures.ThreadPoolExecutor(JOBS) as pool:
        problems = [p for p in pool.map(look, waiting) if p]
    rooms.finish(problems, f"{len(entries)} files are tidy, {len(waiting)} looked at")


main()

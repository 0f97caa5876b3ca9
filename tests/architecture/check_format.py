"""clang-format 14, the version that Debian 12 has: others format differently."""

import subprocess

import rooms

files = rooms.sources(".cpp", ".hpp")
done = subprocess.run(["clang-format-14", "--dry-run", "-Werror", *files], cwd=rooms.ROOT,
                      stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
problems = [line for line in done.stdout.splitlines() if "error:" in line][:40]
if done.returncode != 0 and not problems:
    problems = [done.stdout[:2000]]
rooms.finish(problems, f"{len(files)} files are formatted")

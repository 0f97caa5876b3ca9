"""The picture of a packet's way in README.md is what the binary prints."""

import subprocess

import rooms

printed = subprocess.run([rooms.ROOT / "build/release/bin/sluice-dataplane", "--print-path"], check=True,
                         stdout=subprocess.PIPE, text=True).stdout
shown = (rooms.ROOT / "README.md").read_text().split("<!-- path begin -->\n```\n")[1].split("```\n<!-- path end -->")[0]
rooms.finish([] if printed == shown else [f"README.md shows another path; the binary prints:\n{printed}"],
             "README.md shows the path that the binary walks")

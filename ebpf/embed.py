#!/usr/bin/env python3
"""embed.py OBJECT HEADER: the compiled BPF program NAME.bpf.o as the constant kNameObject, so that the
binary needs no file beside it."""

import pathlib
import sys

source, header = map(pathlib.Path, sys.argv[1:])
data = source.read_bytes()
constant = f"k{source.name.split('.')[0].capitalize()}Object"
rows = "\n".join("    " + "".join(f"{byte}," for byte in data[at:at + 24]) for at in range(0, len(data), 24))
header.write_text(f"""// Made from {source.name} by ebpf/embed.py.
#pragma once

#include <array>

namespace sluice::ebpf {{

alignas(8) inline constexpr std::array<unsigned char, {len(data)}> {constant}{{{{
{rows}
}}}};

}}  // namespace sluice::ebpf
""")

#!/usr/bin/env python3
"""Writes a C++ file in which a function returns the bytes of another file.

Usage: embed.py INPUT OUTPUT HEADER NAMESPACE::FUNCTION
"""
import sys

source, target, header, name = sys.argv[1:]
data = open(source, "rb").read()
namespace, function = name.rsplit("::", 1)
rows = [", ".join(str(byte) for byte in data[i : i + 24]) for i in range(0, len(data), 24)]
with open(target, "w") as out:
    out.write(f'#include "{header}"\n\nnamespace {namespace} {{\n')
    out.write("static const unsigned char kBytes[] = {\n" + ",\n".join(rows) + "};\n")
    out.write(f"std::string_view {function}() {{\n")
    out.write("  return {reinterpret_cast<const char*>(kBytes), sizeof kBytes};\n}\n}\n")

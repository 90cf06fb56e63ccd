#!/usr/bin/env python3
"""What an initrd is made of, as the kernel reads it: initrd-parts.py FILE DIR unpacks the archive that it begins with (newc,
not compressed) into DIR and prints the names in it, then what follows. Linux, buffer-format.rst."""
import pathlib
import sys

data = pathlib.Path(sys.argv[1]).read_bytes()
to = pathlib.Path(sys.argv[2])
at = 0
while True:
    if data[at:at + 6] != b"070701":
        sys.exit(f"at {at} there is no entry of newc: {data[at:at + 6]!r}")
    field = [int(data[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
    mode, size, name_size = field[1], field[6], field[11]
    name = data[at + 110:at + 110 + name_size - 1].decode()
    begin = (at + 110 + name_size + 3) & ~3
    at = (begin + size + 3) & ~3
    if at > len(data):
        sys.exit(f"{name} is cut off")
    if name == "TRAILER!!!":
        break
    print(name)
    path = to / name
    if mode & 0o170000 == 0o040000:
        path.mkdir(parents=True, exist_ok=True)
    else:
        path.write_bytes(data[begin:begin + size])
rest = data[at:].lstrip(b"\0")
print("zstd" if rest[:4] == b"\x28\xb5\x2f\xfd" else f"unknown: {rest[:4]!r}")

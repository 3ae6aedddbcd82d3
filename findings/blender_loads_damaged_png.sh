#!/usr/bin/env bash
# A PNG with one wrong bit, loaded as a texture by Blender's Python.
#
# Guess beforehand: `bpy.data.images.load` raises RuntimeError, as it does for a missing file: PNG
# has a checksum in every chunk, and libpng checks it.
#
# Seen with bpy 5.0.1, Python 3.11: a bit in the pixels' chunk is found by nobody who asks `load`:
# it returns an image, whose size is 0 x 0 and whose `has_data` is False. A missing file raises. So
# who loads pictures for others must look at the size, or check the chunks first.
#
#                     load           size      has_data
#   whole             an image       64 x 64   True
#   one wrong bit     an image       0 x 0     False
#   missing           RuntimeError
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3.11 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check bpy==5.0.1 numpy==1.26.4

cat > "$room/look.py" <<'PY'
import struct
import sys
import zlib
from pathlib import Path

import bpy

room = Path(sys.argv[1])
rows = b"".join(b"\0" + bytes((x * y) % 256 for x in range(64) for _ in range(3)) for y in range(64))
chunks = (
    (b"IHDR", struct.pack(">2I5B", 64, 64, 8, 2, 0, 0, 0)),
    (b"IDAT", zlib.compress(rows)),
    (b"IEND", b""),
)
whole = b"\x89PNG\r\n\x1a\n" + b"".join(
    struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))
    for kind, data in chunks
)
middle = whole.index(b"IDAT") + 4 + len(chunks[1][1]) // 2
wrong = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]


def look(name, content):
    path = room / f"{name}.png"
    if content is not None:
        path.write_bytes(content)
    try:
        image = bpy.data.images.load(str(path))
    except RuntimeError:
        return "RuntimeError"
    size = tuple(image.size)  # reads the file
    return f"{size[0]} x {size[1]}, has_data {image.has_data}"


seen = [look("whole", whole), look("wrong", wrong), look("missing", None)]
print(f"Blender {bpy.app.version_string}: whole: {seen[0]}; one wrong bit: {seen[1]}; missing: {seen[2]}")
assert seen == ["64 x 64, has_data True", "0 x 0, has_data False", "RuntimeError"]
PY
BLENDER_USER_RESOURCES="$room/user" TMPDIR="$room" "$room/venv/bin/python" "$room/look.py" "$room" \
    > "$room/log" 2>&1 || { cat "$room/log"; exit 1; }
grep "one wrong bit" "$room/log"

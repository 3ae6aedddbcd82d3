#!/usr/bin/env bash
# Pillow and the pictures of today's phones: 200 megapixels, 16,320 x 12,240.
#
# Guess beforehand: such a jpg opens, perhaps with a warning about its size; `open` reads no more
# than the head. A reader of a folder that skips what Pillow cannot open (OSError, of which
# UnidentifiedImageError is one) skips at worst this one.
#
# Seen with Pillow 13.0.0, Python 3.11: `Image.open` raises above 178,956,970 pixels, and what it
# raises is no OSError, ValueError or SyntaxError: the usual handlers let it through, and one large
# photo ends the reading of a folder of good ones. At 108 megapixels, the size before, it warns.
#
#   108 megapixels (12,000 x 9,000)      opens, with DecompressionBombWarning
#   200 megapixels (16,320 x 12,240)     DecompressionBombError, an Exception of its own
#   no picture at all                    UnidentifiedImageError, an OSError
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3.11 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check pillow==13.0.0

cat > "$room/look.py" <<'PY'
import sys
import warnings
from pathlib import Path

import PIL
from PIL import Image

room = Path(sys.argv[1])
USUAL = (OSError, ValueError, SyntaxError)


def look(path):
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            with Image.open(path) as photo:
                size = photo.size
        except USUAL as error:
            return f"{type(error).__name__}, caught"
        except Exception as error:
            return f"{type(error).__name__}, let through"
    return " ".join([f"{size[0]} x {size[1]}", *(w.category.__name__ for w in caught)])


for name, size in (("108", (12000, 9000)), ("200", (16320, 12240))):
    Image.new("L", size, 140).save(room / f"{name}.jpg", quality=90)
(room / "notes.jpg").write_text("no picture")
seen = [look(room / f"{name}.jpg") for name in ("108", "200", "notes")]
print(f"Pillow {PIL.__version__}:", *seen, sep="\n  ")
assert seen == [
    "12000 x 9000 DecompressionBombWarning",
    "DecompressionBombError, let through",
    "UnidentifiedImageError, caught",
]
PY
"$room/venv/bin/python" "$room/look.py" "$room"

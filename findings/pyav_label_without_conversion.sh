#!/usr/bin/env bash
# A clip written by PyAV as Rec.709.
#
# Guess beforehand: who sets `colorspace`, `color_primaries` and `color_trc` of the encoder to
# Rec.709 and hands it RGB frames gets a Rec.709 clip: the encoder's context knows the matrix, and
# PyAV already converts frames to the stream's pixel format by itself. At 720 lines Rec.709 would
# be the custom anyway.
#
# Seen with av 18.0.0, numpy 1.26.4, Python 3.11: the label is written, the conversion on the way
# in stays Rec.601. PyAV's own reader does obey the label, so that its round trip is off: skin
# gets lighter and redder, green darker. Writing without a label and reading without one agree again
# (601 both ways), which hides the matter. A `reformat(format=..., dst_colorspace=...)` of one's
# own before encoding, or `colorspace` set on the RGB frame itself, gives the right clip.
#
#   skin (205, 140, 110), Rec.709 would be Y'CbCr (146, 108, 158)
#   no label         stored (150, 105, 159), read back (205, 139, 109)
#   labelled         stored (150, 105, 159), read back (211, 143, 107)
#   frame labelled   stored (146, 108, 158), read back (204, 139, 108)
#   reformatted      stored (146, 108, 158), read back (204, 139, 108)
#   green (40, 200, 60), labelled: read back (28, 175, 55)
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3.11 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps av==18.0.0 numpy==1.26.4

cat > "$room/look.py" <<'PY'
import sys

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

FILE = sys.argv[1]
WIDTH, HEIGHT = 1280, 720
SKIN, GREEN = (205, 140, 110), (40, 200, 60)


def written_and_read(colour, way):
    still = np.full((HEIGHT, WIDTH, 3), colour, np.uint8)
    with av.open(FILE, "w") as clip:
        stream = clip.add_stream("libx264", rate=30, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        if way != "no label":
            context = stream.codec_context
            context.colorspace = Colorspace.ITU709
            context.color_primaries = ColorPrimaries.BT709
            context.color_trc = ColorTrc.BT709
            context.color_range = ColorRange.MPEG
        for index in range(3):
            frame = av.VideoFrame.from_ndarray(still, format="rgb24")
            if way == "frame labelled":
                frame.colorspace = Colorspace.ITU709
            if way == "reformatted":
                frame = frame.reformat(format="yuv420p", dst_colorspace=Colorspace.ITU709)
            frame.pts = index
            clip.mux(stream.encode(frame))
        clip.mux(stream.encode(None))
    with av.open(FILE) as clip:
        frame = next(clip.decode(video=0))
        assert (frame.colorspace == Colorspace.ITU709) == (way != "no label")
        stored = [int(np.frombuffer(plane, np.uint8)[8]) for plane in frame.planes]
        return np.array(stored), frame.to_ndarray(format="rgb24")[8, 8].astype(int)


def right(colour):
    red, green, blue = np.array(colour) / 255
    luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return 16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748


print("PyAV", av.__version__, "| skin", SKIN, "in Rec.709:", np.round(right(SKIN)).astype(int))
for way in ("no label", "labelled", "frame labelled", "reformatted"):
    stored, back = written_and_read(SKIN, way)
    print(f"{way:16} stored {stored}, read back {back}")
    of_709 = np.abs(stored - right(SKIN)).max() < 1.6
    assert of_709 == (way in ("frame labelled", "reformatted")), (way, stored)
    same = np.abs(back - SKIN).max() <= 2
    assert same == (way != "labelled"), (way, back)
_, back = written_and_read(GREEN, "labelled")
print(f"green {GREEN}, labelled: read back {back}")
assert np.abs(back - GREEN).max() > 10
PY
"$room/venv/bin/python" "$room/look.py" "$room/clip.mp4" 2> "$room/log" ||
    { cat "$room/log"; exit 1; }

#!/usr/bin/env bash
# The same HD clip read by two releases of OpenCV.
#
# Guess beforehand: `cv2.VideoCapture` gives the same pixels of the same H.264 file in neighbouring
# releases, give or take a level; and since nearly every HD clip is Rec.709 and says so, its
# colours have been right all along.
#
# Seen with opencv-python-headless 4.12.0.88 and 4.13.0.92, av 18.0.0 to make the clip, Python 3.11:
# 4.12 (and 4.11) turns every clip to BGR by Rec.601, however it is labelled, so that skin of a
# Rec.709 clip comes out some 6 levels too dark and too little red. 4.13 (4.14 and 5.0 alike)
# obeys the label. Clips without one are Rec.601 in all of them, 1080 lines or not. Thresholds on
# colour, stored reference pictures and training sets made with the one do not fit the other.
#
#   skin (205, 140, 110)     4.12.0           4.13.0
#   1080 lines, Rec.709      (198, 133, 110)  (204, 139, 108)
#   1080 lines, no label     (198, 133, 110)  (198, 133, 110)
#   360 lines, Rec.709       (198, 133, 110)  (204, 139, 108)
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3.11 -m venv "$room/venv"
install() {
    "$room/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps "$@"
}
install av==18.0.0 numpy==1.26.4

cat > "$room/make.py" <<'PY'
import sys

import av
import numpy as np
from av.video.reformatter import ColorPrimaries, ColorRange, Colorspace, ColorTrc

red, green, blue = np.array((205, 140, 110)) / 255
luma = 0.2126 * red + 0.7152 * green + 0.0722 * blue
SKIN = 16 + 219 * luma, 128 + 224 * (blue - luma) / 1.8556, 128 + 224 * (red - luma) / 1.5748
for name, width, height, labelled in (
    ("hd", 1920, 1080, True), ("hd_plain", 1920, 1080, False), ("sd", 640, 360, True)
):
    with av.open(f"{sys.argv[1]}/{name}.mp4", "w") as clip:
        stream = clip.add_stream("libx264", rate=30, options={"crf": "1"})
        stream.width, stream.height, stream.pix_fmt = width, height, "yuv420p"
        if labelled:
            stream.codec_context.colorspace = Colorspace.ITU709
            stream.codec_context.color_primaries = ColorPrimaries.BT709
            stream.codec_context.color_trc = ColorTrc.BT709
            stream.codec_context.color_range = ColorRange.MPEG
        frame = av.VideoFrame(width, height, "yuv420p")
        for plane, value in zip(frame.planes, SKIN):
            plane.update(bytes([round(value)]) * plane.buffer_size)
        for index in range(3):
            frame.pts = index
            clip.mux(stream.encode(frame))
        clip.mux(stream.encode(None))
PY
"$room/venv/bin/python" "$room/make.py" "$room" 2> "$room/log" || { cat "$room/log"; exit 1; }

cat > "$room/look.py" <<'PY'
import sys

import cv2
import numpy as np

obeys = sys.argv[2] == "obeys"
for name, labelled in (("hd", True), ("hd_plain", False), ("sd", True)):
    capture = cv2.VideoCapture(f"{sys.argv[1]}/{name}.mp4", cv2.CAP_FFMPEG)
    found, picture = capture.read()
    assert found
    skin = picture[100, 100, ::-1].astype(int)
    print(f"OpenCV {cv2.__version__}  {name:9}", skin)
    aim = (204, 139, 109) if labelled and obeys else (198, 133, 110)
    assert np.abs(skin - aim).max() <= 2, (name, skin)
PY
for pair in 4.12.0.88:ignores 4.13.0.92:obeys; do
    install "opencv-python-headless==${pair%:*}"
    "$room/venv/bin/python" "$room/look.py" "$room" "${pair#*:}"
done

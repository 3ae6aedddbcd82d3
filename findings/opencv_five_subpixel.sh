#!/usr/bin/env bash
# Pictures moved by hundredths of a pixel: cv2.remap, warpAffine, warpPerspective.
#
# Guess beforehand: with a float32 picture and float32 maps the reading point is what the map says,
# so that bilinear reading of a straight ramp is exact to rounding; the same holds for every
# interpolation and in every release.
#
# Seen with opencv-python-headless 4.14.0.94 and 5.0.0.93, numpy 1.26.4, Python 3.11: 4.x (4.11 and
# 4.12 alike) rounds the reading point to 1/32 px, also for float pictures. A shift by .01 px does
# nothing at all, one by .02 does .031, so that what is refined by warping (flow, a calibration)
# meets a stair instead of a slope. 5.0 reads where it is told, but for Lanczos, which still
# rounds: there a shift of .01 px is none in either. getRectSubPix was exact all along. So the
# same script gets other residuals after an upgrade, and the interpolation that is meant to be
# the best is now the coarsest.
#
#                         linear remap, affine, perspective   Lanczos   getRectSubPix
#   asked .010 px, 4.14.0   .000  .000  .000                  .000      .010
#   asked .010 px, 5.0.0    .010  .010  .010                  .000      .010
#   asked .020 px, 4.14.0   .031  .031  .031                  .035      .020
#   asked .020 px, 5.0.0    .020  .020  .020                  .035      .020
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3.11 -m venv "$room/venv"

cat > "$room/look.py" <<'PY'
import sys

import cv2
import numpy as np

exact = sys.argv[1] == "exact"
SIZE = 64
ramp = np.tile(np.arange(SIZE, dtype=np.float32), (SIZE, 1))  # its value is its place in pixels
rows, columns = np.mgrid[:SIZE, :SIZE].astype(np.float32)
inverse = cv2.WARP_INVERSE_MAP
for shift in (0.01, 0.02, 0.26):
    matrix = np.array([[1.0, 0, shift], [0, 1, 0], [0, 0, 1]])
    linear = cv2.INTER_LINEAR | inverse
    pictures = {
        "remap linear": cv2.remap(ramp, columns + np.float32(shift), rows, cv2.INTER_LINEAR),
        "affine": cv2.warpAffine(ramp, matrix[:2], (SIZE, SIZE), flags=linear),
        "perspective": cv2.warpPerspective(ramp, matrix, (SIZE, SIZE), flags=linear),
        "Lanczos": cv2.remap(ramp, columns + np.float32(shift), rows, cv2.INTER_LANCZOS4),
    }
    moved = {name: float(picture[30, 30] - ramp[30, 30]) for name, picture in pictures.items()}
    patch = cv2.getRectSubPix(ramp, (33, 33), (30 + shift, 30.0))
    moved["getRectSubPix"] = float(patch[16, 16] - ramp[30, 30])
    print(f"OpenCV {cv2.__version__}  asked {shift:.3f}:",
          ", ".join(f"{name} {value:.3f}" for name, value in moved.items()))
    in_steps = round(shift * 32) / 32
    assert abs(moved.pop("getRectSubPix") - shift) < 2e-4
    lanczos = moved.pop("Lanczos")
    rounded = cv2.remap(ramp, columns + np.float32(in_steps), rows, cv2.INTER_LANCZOS4)
    assert lanczos == float(rounded[30, 30] - ramp[30, 30])
    assert shift > 0.01 or lanczos == 0.0
    for name, value in moved.items():
        assert abs(value - (shift if exact else in_steps)) < 2e-4, (name, value)
PY

for pair in 4.14.0.94:steps 5.0.0.93:exact; do
    "$room/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        "opencv-python-headless==${pair%:*}" numpy==1.26.4
    "$room/venv/bin/python" "$room/look.py" "${pair#*:}"
done

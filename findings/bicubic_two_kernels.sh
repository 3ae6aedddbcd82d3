#!/usr/bin/env bash
# Position maps, UV maps and depth enlarged "bicubically" by torch, OpenCV and Pillow.
#
# Guess beforehand: bicubic is bicubic; it reproduces a straight ramp at least as well as bilinear
# does; and `antialias=True` of torch's `interpolate` changes nothing when a map is enlarged, as
# there is nothing to filter (for "bilinear" that holds to rounding).
#
# Seen with torch 2.13.0, opencv-python-headless 4.11.0.86, pillow 13.0.0, numpy 1.26.4 and
# Python 3.11: torch without antialias and OpenCV take the cubic with a = -.75, whose weights are
# not true to a ramp: it comes out rippled, once a sample. Pillow, and torch *with*
# antialias=True, take a = -.5, which is exact. The flag therefore chooses the kernel, also when
# enlarging. A map of positions 4 mm a texel enlarged twice gets ripples of .19 mm, where the
# "worse" bilinear has none; and whoever swaps one of these four for another changes the numbers.
#
#   largest error over a ramp of 1 a sample, enlarged twice (samples)
#   torch bicubic .0469, torch bicubic antialias .0000, OpenCV cubic .0469, Pillow bicubic .0000
#   torch bilinear .0000, torch bilinear antialias .0000
#   random picture in [0, 1]: bicubic with and without the flag differ by .08, bilinear by .0000
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3.11 -m venv "$room/venv"
"$room/venv/bin/pip" install --quiet --disable-pip-version-check --prefer-binary \
    torch==2.13.0 opencv-python-headless==4.11.0.86 pillow==13.0.0 numpy==1.26.4

cat > "$room/look.py" <<'PY'
import cv2
import numpy as np
import PIL
import torch
from PIL import Image
from torch.nn.functional import interpolate

SIZE = 64
ramp = np.tile(np.arange(SIZE, dtype=np.float32), (SIZE, 1))
inside = slice(16, 2 * SIZE - 16)  # away from the borders
truth = (np.arange(2 * SIZE) + 0.5) / 2 - 0.5


def by_torch(picture, mode, antialias):
    tensor = torch.from_numpy(picture)[None, None]
    return interpolate(tensor, scale_factor=2, mode=mode, antialias=antialias)[0, 0].numpy()


twice = (2 * SIZE, 2 * SIZE)
enlarged = {
    "torch bicubic": by_torch(ramp, "bicubic", False),
    "torch bicubic antialias": by_torch(ramp, "bicubic", True),
    "OpenCV cubic": cv2.resize(ramp, twice, interpolation=cv2.INTER_CUBIC),
    "Pillow bicubic": np.asarray(Image.fromarray(ramp).resize(twice, Image.Resampling.BICUBIC)),
    "torch bilinear": by_torch(ramp, "bilinear", False),
    "torch bilinear antialias": by_torch(ramp, "bilinear", True),
}
print("torch", torch.__version__, "OpenCV", cv2.__version__, "Pillow", PIL.__version__)
for name, picture in enlarged.items():
    error = float(np.abs(picture[SIZE] - truth)[inside].max())
    print(f"{name:25} largest error {error:.4f} of a sample")
    if name in ("torch bicubic", "OpenCV cubic"):
        assert 0.045 < error < 0.049, (name, error)
    else:
        assert error < 1e-3, (name, error)
noise = np.random.default_rng(1).random((SIZE, SIZE), np.float32)
for mode, low, high in (("bicubic", 0.05, 0.5), ("bilinear", 0.0, 1e-5)):
    apart = np.abs(by_torch(noise, mode, False) - by_torch(noise, mode, True))[inside, inside].max()
    print(f"{mode}: with and without the flag {apart:.4f} apart")
    assert low <= apart <= high
PY
"$room/venv/bin/python" "$room/look.py"

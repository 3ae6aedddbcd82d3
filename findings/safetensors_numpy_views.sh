#!/usr/bin/env bash
# Pictures turned to channels-first, and matrices transposed, stored by safetensors' NumPy side.
#
# Guess beforehand: `safetensors.numpy.save` stores what the array shows, whatever its strides, as
# numpy.save does; or it refuses a view in words, as `safetensors.torch.save` does. In any case a
# minor release does not change the numbers in the file.
#
# Seen with safetensors 0.7.0 and 0.8.0, numpy 1.26.4 (numpy 2.4.0 alike), Python 3.11:
# up to 0.7.0 (0.4.5, 0.5.3 and 0.6.2 were tried too) every view comes back as it was. From 0.8.0
# on the shape in the header is the view's, but the numbers are written in the order in which they
# lie in memory. Nothing is raised and nothing printed; file and shape are sound, so that loading
# succeeds and a picture comes back as stripes of mixed channels, a rotation as its inverse.
# numpy.ascontiguousarray before saving helps. The docstring's "contiguous and dense" is
# enforced in the PyTorch half only.
#
#          contiguous  channels first  transposed  Fortran order  every 2nd column
#   0.7.0  same        same            same        same           same
#   0.8.0  same        OTHER           OTHER       OTHER          OTHER
#   0.8.0  a turn by +30 degrees, saved as rotation.T, comes back as a turn by +30 (not -30)
set -eu
room=$(mktemp -d)
trap 'rm -rf "$room"' EXIT
python3.11 -m venv "$room/venv"

cat > "$room/look.py" <<'PY'
import sys

import numpy as np
import safetensors
from safetensors.numpy import load, load_file, save, save_file

file, expected = sys.argv[1], sys.argv[2]
picture = np.arange(4 * 6 * 3, dtype=np.uint8).reshape(4, 6, 3)
angle = np.radians(30.0)
rotation = np.array([[np.cos(angle), -np.sin(angle)], [np.sin(angle), np.cos(angle)]])
views = {
    "contiguous": picture,
    "channels first": picture.transpose(2, 0, 1),
    "transposed": rotation.T,
    "Fortran order": np.asfortranarray(picture[..., 0]),
    "every 2nd": picture[:, ::2],
}
save_file(views, file)
from_file, from_bytes = load_file(file), load(save(views))
seen = {}
for name, view in views.items():
    assert from_file[name].shape == view.shape
    assert np.array_equal(from_file[name], from_bytes[name])
    seen[name] = "same" if np.array_equal(from_file[name], view) else "OTHER"
print(safetensors.__version__, "", ", ".join(f"{name} {word}" for name, word in seen.items()))
back = np.degrees(np.arctan2(from_file["transposed"][1, 0], from_file["transposed"][0, 0]))
print(f"{safetensors.__version__}  a turn by +30, stored transposed, reads back as {back:+.0f}")
assert seen.pop("contiguous") == "same"
assert set(seen.values()) == {expected}, seen
assert round(back) == (-30 if expected == "same" else 30)
whole = load(save({"x": np.ascontiguousarray(views["channels first"])}))["x"]
assert np.array_equal(whole, views["channels first"])
PY

for pair in 0.7.0:same 0.8.0:OTHER; do
    "$room/venv/bin/pip" install --quiet --disable-pip-version-check --no-deps \
        "safetensors==${pair%:*}" numpy==1.26.4
    "$room/venv/bin/python" "$room/look.py" "$room/views.safetensors" "${pair#*:}"
done

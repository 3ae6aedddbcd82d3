"""Portrait specs, one path a line of stdin, to pictures in linear light and exact labels.

    python -m studio_avatar_addon.scene.portrait_studio < paths

A spec is two files: NAME.json, and NAME.npz beside it with its arrays. World space is in metres,
Z up, the person looks along -Y.

    {"camera": {"size_px": [w, h], "focal_px": f, "world_from_camera": 4 x 4, Blender's},
     "light": {"hdri": path, "rotation_rad": r, "strength": s},
     "lamps": [{"position_m": [x, y, z], "size_m": s, "power_w": p, "color": [r, g, b]}],
     "skin": {"base_color": path, "roughness": path}, "scalp_linear": [r, g, b],
     "hair": [{"name", "label", "melanin", "redness", "roughness", "tint": [r, g, b],
               "tip_melanin"}],
     "meshes": [{"name", "label", "finish": "cloth" | "skin" | "rim" | "lens", "roughness"}],
     "behind": null | {"melanin", "matrix": 4 x 4},      the person once more, as a stranger
     "samples": 16, "seed": 1}

    head_vertices_m (V, 3)             the head template's, posed
    scalp_share (N, N) u8              atlas, top row first: how much hair hides the skin there
    hair_<name>_points_m (C, P, 3), hair_<name>_radius_m (C, P), hair_<name>_tone (C,)
    mesh_<name>_vertices_m (V, 3), mesh_<name>_quads (F, 4), mesh_<name>_uv (V, 2),
    mesh_<name>_texture (M, M, 3) u8 sRGB, top row first

The result is NAME.rendered.npz: `linear` (H, W, 3) float16, and `coverage` (H, W, 4) uint8, the
share of each pixel that LABELS cover; what is left over is background. Its name is printed when it
is whole.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Iterable
from pathlib import Path

import numpy as np

from ..avatar.arrays import read_arrays, write_arrays
from ..avatar.errors import StudioAvatarError
from .portrait_passes import rendered
from .portrait_set import PortraitScene


def main(paths: Iterable[str]) -> int:
    """Render each spec as it is named; 2 with one sentence on stderr where one cannot be."""
    portraits = PortraitScene()
    for line in paths:
        spec_path = Path(line.strip())
        try:
            spec = json.loads(spec_path.read_text("utf-8"))
            portraits.show(spec, read_arrays(spec_path.with_suffix(".npz")))
            linear, coverage = rendered(portraits)
            write_arrays(
                spec_path.with_suffix(".rendered.npz"),
                linear=np.minimum(linear, np.finfo(np.float16).max).astype(np.float16),
                coverage=coverage,
            )
        except StudioAvatarError as error:
            print(error, file=sys.stderr)
            return 2
        print(f"rendered {spec_path.stem}", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.stdin))

"""The head template to the picture sheet of the documentation.

Shaded views, close-ups, random identities, wireframe and atlas; eye and teeth as Cycles shows them.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

import cv2
import numpy as np
import torch

from studio_avatar_addon.avatar.files import write_json
from studio_avatar_addon.avatar.template import HeadTemplate, load_template

from ..atlas.texel_map import texel_map
from ..imaging.image_files import Image8, read_image, write_jpeg
from ..job.terminal import TerminalProgress
from ..synthetic.corpus.anatomy import Anatomy
from ..synthetic.corpus.painter import paint
from ..synthetic.corpus.person import draw_person
from ..synthetic.corpus.skin_maps import skin_maps, write_maps
from ..synthetic.render_capture import CHECKOUT, render_capture
from .sheet_drawing import View, build_surface, draw, draw_atlas, draw_wireframe

SHEET_FILE = CHECKOUT / "docs" / "head.jpg"
# The sheet's layout; places are in metres in the head frame.
TILE_PX = 480
COLUMNS = 6
IDENTITIES_ACROSS, IDENTITY_ROWS = 8, 2
IDENTITY_SEED = 5
WHOLE = (0.0, 0.0, -0.009)
VIEWS = tuple(
    View(yaw, pitch, WHOLE, 0.30)
    for yaw, pitch in ((0, 0), (40, 0), (90, 0), (180, 0), (30, 25), (25, -30))
)
EYE, MOUTH, NOSE = (0.0315, -0.085, 0.023), (0.0, -0.10, -0.040), (0.0, -0.105, -0.018)
EAR = (0.078, 0.005, 0.0)
CLOSE_UPS = (
    View(0, 0, EYE, 0.055), View(-40, 8, EYE, 0.055), View(40, 0, MOUTH, 0.075),
    View(15, -38, NOSE, 0.07), View(-80, 0, EAR, 0.085), View(-150, 0, EAR, 0.085),
)  # fmt: skip
SMILE = {
    "jawOpen": 0.2, "mouthSmileLeft": 0.7, "mouthSmileRight": 0.7,
    "mouthUpperUpLeft": 0.4, "mouthUpperUpRight": 0.4,
}  # fmt: skip
SKIN_SEED, SKIN_TEXELS = 3, 2048
LIT_PX = (640, 480)
# expression, aim in the head frame (m), focal length (px), distance (m), yaw (degrees)
LIT = (
    ({}, EYE, 2500.0, 0.25, 15.0),
    (SMILE, (0.0, -0.105, -0.045), 1600.0, 0.25, 15.0),
    ({}, (0.0, -0.03, -0.015), 1270.0, 0.62, 25.0),
)


def render_sheet(out: Path = SHEET_FILE) -> Path:
    """Draw the installed template's sheet to the JPEG `out`, which is returned.

    Takes some minutes, nearly all of them in Cycles. Raises EnvironmentProblem where Blender's
    package is missing.
    """
    template = load_template()
    coloured = build_surface(template, template.vertices_m)
    clay = build_surface(template, template.vertices_m, clay=True)
    size = TILE_PX * COLUMNS // 3
    rows = [
        np.hstack([draw(clay, view) for view in VIEWS]),
        np.hstack([draw(coloured, view) for view in CLOSE_UPS]),
        np.hstack(_lit(template)),
        *_identities(template),
        np.hstack(
            [
                *(draw_wireframe(template, view, size) for view in VIEWS[:2]),
                draw_atlas(template, size),
            ]
        ),
    ]
    write_jpeg(out, np.vstack(rows), 85)
    return out


def _identities(template: HeadTemplate) -> list[Image8]:
    """Rows of random heads."""
    random = np.random.default_rng(IDENTITY_SEED)
    size = TILE_PX * COLUMNS // IDENTITIES_ACROSS
    view = View(22, 0, WHOLE, 0.30, (size, size))
    rows = []
    for _ in range(IDENTITY_ROWS):
        heads = [
            template.neutral_m(template.random_identity(random)) for _ in range(IDENTITIES_ACROSS)
        ]
        rows.append(np.hstack([draw(build_surface(template, head), view) for head in heads]))
    return rows


def _lit(template: HeadTemplate) -> list[Image8]:
    """Close-ups in Cycles with a painted skin on the mean head, a third of the sheet wide."""
    width = TILE_PX * COLUMNS // len(LIT)
    height = width * LIT_PX[1] // LIT_PX[0]
    pictures = []
    with tempfile.TemporaryDirectory() as name:
        work = Path(name)
        anatomy = Anatomy(texel_map(template, SKIN_TEXELS), template.vertices_m)
        skin = paint(draw_person(SKIN_SEED), anatomy, torch.device("cpu"))
        maps = write_maps(skin_maps(skin, anatomy), work)
        for index, (expression, aim_m, focal_px, distance_m, yaw_deg) in enumerate(LIT):
            spec = {
                "head": {"expression": expression, "iris_linear": skin.iris_linear},
                "skin": maps,
                "light": {"hdri": "interior", "rotation_deg": 40},
                "path": {"kind": "camera_moves", "views": 1, "yaw_pitch_deg": [[yaw_deg, 0]]},
                "camera": {
                    "size_px": LIT_PX, "focal_px": focal_px,
                    "distance_m": distance_m, "aim_m": aim_m,
                },
                "samples": 12, "subdivision": 2,
            }  # fmt: skip
            write_json(work / f"{index}.json", spec)
            render_capture(work / f"{index}.json", work / str(index), TerminalProgress())
            lit = read_image(work / str(index) / "frames" / "frame_000000.png")[..., :3]
            pictures.append(cv2.resize(lit, (width, height), interpolation=cv2.INTER_AREA))
    return pictures

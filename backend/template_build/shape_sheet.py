"""The 52 shapes and the correctives' pairs to one picture for the documentation."""

from __future__ import annotations

from pathlib import Path

import cv2
import numpy as np

from studio_avatar_addon.avatar.shapes import CORRECTIVES, SHAPE_INDEX, SHAPE_NAMES
from studio_avatar_addon.avatar.template import HeadTemplate, load_template, pose_vertices

from ..imaging.image_files import Image8, write_jpeg
from ..synthetic.render_capture import CHECKOUT
from .sheet_drawing import View, build_surface, draw

SHAPES_FILE = CHECKOUT / "docs" / "shapes.jpg"
# Three quarters from the left, so that depth shows; nine heads a row fill a page's width.
ACROSS = 9
VIEW = View(26, 3, (0.0, -0.03, -0.018), 0.185, (300, 330))
TEXT_ROW = 318


def render_shapes(out: Path = SHAPES_FILE) -> Path:
    """Draw the installed template in every shape at 1.0 to the JPEG `out`, which is returned."""
    template = load_template()
    faces = [_face(template, ())]
    faces += [_face(template, (name,)) for name in SHAPE_NAMES]
    faces += [_face(template, pair) for pair in CORRECTIVES]
    empty = np.full_like(faces[0], 64)
    faces += [empty] * (-len(faces) % ACROSS)
    rows = [np.hstack(faces[start : start + ACROSS]) for start in range(0, len(faces), ACROSS)]
    write_jpeg(out, np.vstack(rows), 85)
    return out


def _face(template: HeadTemplate, shapes: tuple[str, ...]) -> Image8:
    weights = np.zeros(len(SHAPE_NAMES))
    weights[[SHAPE_INDEX[name] for name in shapes]] = 1.0
    posed = pose_vertices(
        template, template.vertices_m, template.shape_deltas_m, template.corrective_deltas_m,
        weights, np.zeros((2, 2)), template.eye_centre_m,
    )  # fmt: skip
    picture = draw(build_surface(template, np.asarray(posed)), VIEW)
    label = " + ".join(shapes) or "neutral"
    cv2.putText(
        picture, label, (8, TEXT_ROW), cv2.FONT_HERSHEY_SIMPLEX, 0.42, (235, 235, 235), 1,
        cv2.LINE_AA,
    )  # fmt: skip
    return picture

"""Portraits in, those whose face is found out, with the truth at the picture's size."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ...detector.face_mesh import FaceMesh
from ...imaging.image_files import Image8
from ...synthetic.portraits.render_portraits import Portrait


@dataclass(frozen=True)
class RenderedPerson:
    """A picture (H, W, 3), its landmarks (478, 2), its labels (H, W) and its traits."""

    image: Image8
    landmarks_px: NDArray[np.float32]
    truth: NDArray[np.uint8]
    facts: dict[str, Any]


def rendered_people(portraits: Sequence[Portrait]) -> Iterator[RenderedPerson]:
    with FaceMesh(tracking=False) as mesh:
        for portrait in portraits:
            image, _ = portrait.read()
            faces = mesh.detect(image)
            if len(faces):
                yield RenderedPerson(image, faces[0], portrait.labels(), portrait.facts)

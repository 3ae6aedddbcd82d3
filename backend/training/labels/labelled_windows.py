"""Labelled pictures in, their heads' windows out: rendered people, and a studio's own frames."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.labels import LABEL_NAMES, UNSURE

from ...detector.face_mesh import FaceMesh
from ...imaging.image_files import Image8, read_image, read_image_8bit
from ...stages.tracking.labels.head_window import HeadWindow, WindowFinder
from ...synthetic.portraits.render_portraits import Portrait

LABELS_SUFFIX = "_labels.png"  # NAME.png or .jpg with NAME_labels.png beside it
PICTURES = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True)
class LabelledWindow:
    """A head with the truth about it."""

    window: HeadWindow
    picture: Image8  # (PICTURE_PX, PICTURE_PX, 3)
    labels: NDArray[np.uint8]  # (GRID_PX, GRID_PX), UNSURE: not judged


def windows_of_portraits(
    portraits: Iterable[Portrait], finder: WindowFinder
) -> Iterator[tuple[Portrait, LabelledWindow]]:
    """Those in which the detector finds the face."""
    with FaceMesh(tracking=False) as mesh:
        for portrait in portraits:
            image, _ = portrait.read()
            found = _labelled(image, portrait.labels(), finder, mesh)
            if found is not None:
                yield portrait, found


def windows_of_folder(folder: Path, finder: WindowFinder) -> list[LabelledWindow]:
    """A studio's frames with label maps as `avatar.labels` has them.

    Raises EnvironmentProblem where the folder holds none, or one that is no label map.
    """
    windows = []
    with FaceMesh(tracking=False) as mesh:
        for path in sorted(folder.glob(f"*{LABELS_SUFFIX}")):
            name = path.name.removesuffix(LABELS_SUFFIX)
            beside = [folder / f"{name}{suffix}" for suffix in PICTURES]
            picture = next((p for p in beside if p.is_file()), None)
            if picture is None:
                raise EnvironmentProblem(
                    f"{path.name} has no picture beside it.",
                    f"Put it there as {name}.png or {name}.jpg.",
                )
            image, labels = read_image_8bit(picture), read_image(path)
            if image.ndim != 3:
                image = np.repeat(image[..., None], 3, axis=2)
            image = image[..., :3]
            _check(path, labels, image)
            found = _labelled(image, labels.astype(np.uint8), finder, mesh)
            if found is None:
                raise EnvironmentProblem(
                    f"No face is found in {picture.name}.", "Take the two files away."
                )
            windows.append(found)
    if not windows:
        raise EnvironmentProblem(
            f"{folder} holds no label maps.",
            f"They are called NAME{LABELS_SUFFIX}, beside NAME.png or NAME.jpg.",
        )
    return windows


def _check(path: Path, labels: NDArray, image: Image8) -> None:
    if labels.ndim != 2 or labels.shape != image.shape[:2]:
        raise EnvironmentProblem(
            f"{path.name} is no grey picture of its frame's size.", "Store it again, 8 bit."
        )
    strange = np.setdiff1d(labels, [*range(len(LABEL_NAMES)), UNSURE])
    if len(strange):
        named = ", ".join(f"{value} {name}" for value, name in enumerate(LABEL_NAMES))
        raise EnvironmentProblem(
            f"{path.name} holds the value {strange[0]}, which no label has.",
            f"They are {named}, {UNSURE} not judged.",
        )


def _labelled(
    image: Image8, labels: NDArray, finder: WindowFinder, mesh: FaceMesh
) -> LabelledWindow | None:
    faces = mesh.detect(image)
    if not len(faces):
        return None
    window = finder.find(faces[0], image)
    return LabelledWindow(window, window.picture(image), window.labels(labels, UNSURE))

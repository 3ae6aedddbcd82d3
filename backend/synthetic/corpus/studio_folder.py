"""A folder of real studio textures and their mesh in; the same textures in our atlas out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from io import BytesIO
from pathlib import Path

import cv2
import numpy as np
import torch
from numpy.typing import NDArray
from PIL import Image
from scipy.spatial import KDTree

from ...atlas.texel_map import sample_at
from ...imaging.colour_profile import convert_to_srgb
from ...imaging.image_files import linear_from_srgb
from .anatomy import Anatomy
from .errors import CorpusError, require_colour, require_square
from .face import Face, face_of
from .foreign_mesh import ForeignPlaces, foreign_places, read_foreign_mesh
from .lips import lips_of
from .organs import organ_colors
from .painter import StudioTexture, as_texture
from .person import draw_person
from .relief import pores, skin_height_m, skin_shine
from .skin_marks import Moles

# Of the first set, one light and one dark: no network may see them before the benchmark does.
WITHHELD = ("old_lightskinned_male", "young_darkskinned_male")
_SUFFIXES = (".jpg", ".jpeg", ".png")
_SMALLEST_PX = 512
_BACKGROUND_STEPS, _BACKGROUND_SHARE = 2, 0.2
_NEIGHBOURS = 24


@dataclass(frozen=True)
class StudioFolder:
    """Textures that share one mesh."""

    images: tuple[Path, ...]
    mesh: Path


def open_studio_folder(
    folder: Path, mesh: Path | None = None, names: Sequence[str] = ()
) -> StudioFolder:
    """The folder's textures but for the withheld ones, or those of `names` (without suffix).

    `mesh`: else the only Wavefront file in the folder. Naming a withheld texture is asking for it:
    only tests and the benchmark do. Raises CorpusError where the folder is missing, holds no
    images, none of a name, or no mesh.
    """
    found = sorted(p for p in folder.glob("*") if p.suffix.lower() in _SUFFIXES)
    if not found:
        raise CorpusError(
            f"The folder {folder} holds no textures.",
            f"Put base colour images ({', '.join(_SUFFIXES)}) of one mesh into it.",
        )
    known = {path.stem: path for path in found}
    missing = [name for name in names if name not in known]
    if missing:
        raise CorpusError(
            f"The folder {folder} has no texture named {missing[0]}.",
            f"It has {', '.join(known)}.",
        )
    wanted = names or [name for name in known if name not in WITHHELD]
    if not wanted:
        raise CorpusError(
            f"The folder {folder} holds only textures that are kept for benchmarks.",
            "Put further ones into it.",
        )
    return StudioFolder(tuple(known[name] for name in wanted), mesh or _only_mesh(folder))


def _only_mesh(folder: Path) -> Path:
    found = sorted(folder.glob("*.obj"))
    if len(found) != 1:
        raise CorpusError(
            f"The folder {folder} holds {len(found)} meshes (.obj) instead of one.",
            "Name the mesh to which the textures belong.",
        )
    return found[0]


def read_studio_image(path: Path) -> NDArray[np.uint8]:
    """A square sRGB texture (S, S, 3) of 8 bits.

    Raises CorpusError where it is damaged, small, not square, grey, CMYK, or of 16 bits.
    """
    try:
        stored = path.read_bytes()
    except OSError as error:
        raise CorpusError(
            f"The texture {path} cannot be read ({error.strerror or error}).", "Check its rights."
        ) from error
    pixels = cv2.imdecode(np.frombuffer(stored, np.uint8), cv2.IMREAD_UNCHANGED) if stored else None
    if pixels is None:
        raise CorpusError(f"The texture {path.name} is damaged.", "Export it again.")
    if pixels.dtype != np.uint8:
        raise CorpusError(
            f"The texture {path.name} has 16 bits a channel, which may be linear light or sRGB.",
            "Save it as sRGB with 8 bits a channel.",
        )
    require_colour(path.name, pixels)
    picture = Image.open(BytesIO(stored))
    if picture.mode == "CMYK":
        raise CorpusError(
            f"The texture {path.name} is CMYK, meant for printing.", "Convert it to sRGB."
        )
    require_square(path.name, pixels, _SMALLEST_PX)
    return np.array(convert_to_srgb(picture.convert("RGB")), np.uint8)


def wrapped_textures(
    folder: StudioFolder, anatomy: Anatomy, device: torch.device
) -> list[StudioTexture]:
    """The folder's textures in the atlas of `anatomy`, in its order.

    Raises CorpusError as `read_foreign_mesh` and `read_studio_image` do.
    """
    images = [read_studio_image(path) for path in folder.images]
    places = foreign_places(anatomy.texels, read_foreign_mesh(folder.mesh))
    face = face_of(anatomy, device)
    return [_texture(face, places, image, seed) for seed, image in enumerate(images)]


def _texture(
    face: Face, places: ForeignPlaces, image: NDArray[np.uint8], seed: int
) -> StudioTexture:
    """Colour as given; a real texture has no relief and shine, so those of a made-up person with
    no lines of its own are laid under it."""
    person = replace(draw_person(seed), wrinkles=0.0)
    size = len(image)
    there = np.stack([places.uv[:, 0], 1.0 - places.uv[:, 1]], 1) * size
    linear = linear_from_srgb(_shrunk(image, there, face) / np.float32(255)).astype(np.float32)
    trusted = places.trusted & ~_on_background(image, there)
    skin = face.tensor(_filled(face, linear, trusted).T)
    albedo = torch.where(face.skin > 0, skin, organ_colors(face, person.iris_linear))
    lips, none = lips_of(face, person), torch.zeros(len(face), device=face.device)
    height = skin_height_m(face, person, pores(face, person), none, lips.creases, lips.share, none)
    no_moles = Moles(np.zeros((0, 3), np.float32), np.zeros(0, np.float32))
    shine = skin_shine(face, person, lips.share, none)
    return as_texture(face, albedo, shine, height, no_moles, person.iris_linear)


def _shrunk(image: NDArray[np.uint8], there: NDArray, face: Face) -> NDArray[np.float32]:
    """The image at points (n, 2) in its pixels, blurred before where texels are wider than them."""
    step = np.linalg.norm(np.diff(there[: min(len(there), 40000)], axis=0), axis=1)
    wide = float(np.median(step))
    blurred = cv2.GaussianBlur(image, (0, 0), 0.4 * wide) if wide > 1.3 else image
    return sample_at(blurred, there.astype(np.float32)).astype(np.float32)


def _on_background(image: NDArray[np.uint8], there: NDArray) -> NDArray[np.bool_]:
    """(n,) True where points (n, 2) lie on the flat colour that surrounds the charts of many
    textures, if this one has such: that of its corner."""
    near = np.abs(image.astype(np.int16) - image[0, 0]).max(axis=2) <= _BACKGROUND_STEPS
    if near.mean() < _BACKGROUND_SHARE:
        return np.zeros(len(there), bool)
    # Skin may be of that colour here and there: only where all is flat is it background.
    flat = cv2.erode(near.astype(np.uint8), np.ones((15, 15), np.uint8))
    spread = cv2.dilate(flat, np.ones((25, 25), np.uint8)).astype(np.float32)
    return sample_at(spread, there.astype(np.float32)) > 0.0


def _filled(face: Face, linear: NDArray[np.float32], trusted: NDArray[np.bool_]) -> NDArray:
    """Colours (n, 3) with each untrusted texel of the skin the mean of the nearest trusted ones."""
    lost = np.flatnonzero(~trusted & face.anatomy.texels.is_material("skin"))
    known = np.flatnonzero(trusted)
    if len(known) < _NEIGHBOURS:
        raise CorpusError(
            "The mesh and the head template do not lie on each other.",
            "Check the mesh's landmarks and that it is a whole head.",
        )
    known = known[:: max(len(known) // 100_000, 1)]
    _, near = KDTree(face.anatomy.points[known]).query(face.anatomy.points[lost], k=_NEIGHBOURS)
    filled = linear.copy()
    filled[lost] = linear[known[near]].mean(axis=1)
    return filled

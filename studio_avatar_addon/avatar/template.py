"""The head template: topology, atlas, rig, shapes and identity of one named head.

Reads `assets/<name>.npz`, which `python -m backend template` builds byte for byte.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from .arrays import read_arrays
from .errors import IdentityError, ShapeError, TemplateError
from .files import sha256_file
from .frames import gaze_rotation
from .shapes import CORRECTIVES, SHAPE_NAMES, corrective_weights

TEMPLATE_FORMAT = 2  # of the npz; another one is refused
DEFAULT_TEMPLATE = Path(__file__).parents[1] / "assets" / "studio_head_1.npz"

MATERIALS = (
    "skin", "eye", "cornea", "teeth", "gums", "tongue", "mouth", "lashes", "tear", "caruncle",
)  # fmt: skip
CLEAR = ("cornea", "tear")  # without a colour of their own
SEE_THROUGH = (*CLEAR, "lashes")  # clear or hair-thin: they do not hide what lies behind them
IRIS_RADIUS_M = 0.00585  # of a head whose eyes are 63 mm apart
BONES = ("root", "neck", "head", "jaw", "eye.L", "eye.R", "tongue")
BONE_PARENTS = (-1, 0, 1, 2, 2, 2, 3)  # into BONES
EYE_BONES = ("eye.L", "eye.R")
# Of what artists may set, to try extremes; and of heads drawn at random.
IDENTITY_LIMIT_SD = 5.0
RANDOM_SD, RANDOM_LIMIT_SD = 0.75, 2.0  # many parameters at once make a caricature sooner


@dataclass(frozen=True)
class HeadTemplate:
    """V vertices, F quads, P identity parameters, R regions, B bones; metres in the head frame."""

    name: str
    sha256: str
    vertices_m: NDArray[np.float32]  # (V, 3) neutral of the mean head
    quads: NDArray[np.int32]  # (F, 4) counter-clockwise from outside
    quad_material: NDArray[np.uint8]  # (F,) into MATERIALS
    quad_uv: NDArray[np.float32]  # (F, 4, 2) in [0, 1], origin bottom left
    mirror: NDArray[np.int32]  # (V,) index of the vertex on the other side
    region_names: tuple[str, ...]
    region_weights: NDArray[np.float32]  # (R, V) in [0, 1]
    bone_ends_m: NDArray[np.float32]  # (B, 2, 3) head and tail
    bone_weights: NDArray[np.float32]  # (B, V), columns sum to 1
    eye_centre_m: NDArray[np.float32]  # (2, 3) left, right
    eye_radius_m: NDArray[np.float32]  # (2,)
    shape_deltas_m: NDArray[np.float32]  # (52, V, 3)
    corrective_deltas_m: NDArray[np.float32]  # (C, V, 3) in the order of shapes.CORRECTIVES
    identity_names: tuple[str, ...]
    identity_deltas_m: NDArray[np.float32]  # (P, V, 3) per standard deviation
    warp_deltas_m: NDArray[np.float32]  # (W, V, 3) per sd: proportions that no parameter names
    landmark_vertices: NDArray[np.int32]  # (478, 3) a triangle's corners
    landmark_weights: NDArray[np.float32]  # (478, 3) barycentric
    landmark_noise_m: NDArray[np.float32]  # (478,) detector's spread on frontal views

    @cached_property
    def triangles(self) -> NDArray[np.int32]:
        """(2F, 3) each quad split along its first diagonal; triangle t belongs to quad t // 2."""
        return self.quads[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3)

    @cached_property
    def triangle_uv(self) -> NDArray[np.float32]:
        """(2F, 3, 2) UV of `triangles`."""
        return self.quad_uv[:, [0, 1, 2, 0, 2, 3]].reshape(-1, 3, 2)

    @cached_property
    def triangle_material(self) -> NDArray[np.uint8]:
        """(2F,) into MATERIALS."""
        return np.repeat(self.quad_material, 2)

    def region(self, name: str) -> NDArray[np.float32]:
        """Weights (V,) of a named region."""
        try:
            return self.region_weights[self.region_names.index(name)]
        except ValueError:
            raise TemplateError(
                f"The head template {self.name} has no region named {name}.",
                f"It has {', '.join(self.region_names)}.",
            ) from None

    def neutral_m(self, identity: NDArray[np.floating[Any]]) -> NDArray[np.float32]:
        """Vertices (V, 3) of the head with identity parameters (P,) in standard deviations.

        Raises IdentityError unless they are P finite numbers within IDENTITY_LIMIT_SD.
        """
        if identity.shape != (len(self.identity_names),) or not np.isfinite(identity).all():
            raise IdentityError(
                f"The head template {self.name} takes {len(self.identity_names)} finite identity "
                f"parameters.",
                f"In their order they are {', '.join(self.identity_names)}.",
            )
        worst = int(np.argmax(np.abs(identity)))
        if abs(identity[worst]) > IDENTITY_LIMIT_SD:
            raise IdentityError(
                f"The identity parameter {self.identity_names[worst]} is {identity[worst]:.3g} "
                "standard deviations, where no plausible head is.",
                f"Keep it between {-IDENTITY_LIMIT_SD:g} and {IDENTITY_LIMIT_SD:g}.",
            )
        return (self.vertices_m + np.tensordot(identity, self.identity_deltas_m, axes=1)).astype(
            np.float32
        )

    def random_identity(self, random: np.random.Generator) -> NDArray[np.float32]:
        """Parameters (P,) of a plausible head: normal, RANDOM_SD, none beyond RANDOM_LIMIT_SD."""
        drawn = RANDOM_SD * random.standard_normal(len(self.identity_names))
        return np.clip(drawn, -RANDOM_LIMIT_SD, RANDOM_LIMIT_SD).astype(np.float32)

    def eye_centres_m(self, vertices_m: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """Centres (2, 3) left, right of the eyeballs of a head with these vertices (V, 3)."""
        shares = self.bone_weights[[BONES.index(bone) for bone in EYE_BONES]]
        moved = shares @ (vertices_m - self.vertices_m)
        return self.eye_centre_m + moved / shares.sum(axis=1, keepdims=True)

    def landmarks_m(self, vertices_m: NDArray[np.floating[Any]]) -> NDArray[np.floating[Any]]:
        """The detector's 478 points (478, 3) on a head with these vertices (V, 3)."""
        corners = vertices_m[self.landmark_vertices]
        return (self.landmark_weights[:, :, None] * corners).sum(axis=1)


def pose_vertices(
    template: HeadTemplate,
    neutral_m: NDArray[np.floating[Any]],
    shape_deltas_m: NDArray[np.floating[Any]],
    corrective_deltas_m: NDArray[np.floating[Any]],
    weights: NDArray[np.floating[Any]],
    gaze_rad: NDArray[np.floating[Any]],
    eye_centre_m: NDArray[np.floating[Any]],
) -> NDArray[np.floating[Any]]:
    """Vertices (V, 3) with shape weights (52,), their correctives, and eyes turned by `gaze_rad`
    (2, 2).

    Raises ShapeError for weights that are not 52 finite numbers.
    """
    if weights.shape != (len(SHAPE_NAMES),) or not np.isfinite(weights).all():
        raise ShapeError(
            "Shape weights must be 52 finite numbers.", "Check the recording's columns."
        )
    vertices = neutral_m + np.tensordot(weights, shape_deltas_m, axes=1)
    vertices += np.tensordot(corrective_weights(weights), corrective_deltas_m, axes=1)
    for eye, bone in enumerate(EYE_BONES):
        share = template.bone_weights[BONES.index(bone)][:, None]
        moved = share[:, 0] > 0
        arm = vertices[moved] - eye_centre_m[eye]
        turned = arm @ gaze_rotation(gaze_rad[eye]).T + eye_centre_m[eye]
        vertices[moved] += share[moved] * (turned - vertices[moved])
    return vertices


def load_template(path: Path = DEFAULT_TEMPLATE) -> HeadTemplate:
    """Read a head template.

    Raises TemplateError where it is missing, damaged or of another format.
    """
    reinstall = "Install the extension again, or build it with `python -m backend template`."
    if not path.is_file():
        raise TemplateError(f"The head template {path.name} is missing.", reinstall)
    try:
        stored = read_arrays(path)
        version = int(stored["format"])
        if version == TEMPLATE_FORMAT:
            return _template_from_arrays(stored, sha256_file(path))
    except (OSError, ValueError, KeyError, IndexError) as error:
        raise TemplateError(
            f"The head template {path.name} is damaged ({error}).", reinstall
        ) from error
    raise TemplateError(
        f"The head template {path.name} has format {version}; this version reads "
        f"{TEMPLATE_FORMAT}.",
        reinstall,
    )


def template_path(name: str) -> Path:
    """Where the template of that name lies in the extension's assets, if it does."""
    return DEFAULT_TEMPLATE.with_name(f"{Path(name).name}.npz")


def installed_template(name: str) -> HeadTemplate:
    """The template of that name in the extension's assets. Raises as `load_template` does."""
    return load_template(template_path(name))


def _template_from_arrays(stored: dict[str, NDArray[Any]], sha256: str) -> HeadTemplate:
    count = len(stored["vertices_m"])
    if stored["shape_deltas_m"].shape != (len(SHAPE_NAMES), count, 3):
        raise ValueError("shape deltas and vertices disagree")
    if stored["corrective_deltas_m"].shape != (len(CORRECTIVES), count, 3):
        raise ValueError("correctives and vertices disagree")
    if stored["quads"].min() < 0 or stored["quads"].max() >= count:
        raise ValueError("faces name vertices that do not exist")
    wide = {
        key: value.astype(np.float32) for key, value in stored.items() if value.dtype.kind == "f"
    }
    return HeadTemplate(
        name=str(stored["name"]),
        sha256=sha256,
        vertices_m=wide["vertices_m"],
        quads=stored["quads"].astype(np.int32),
        quad_material=stored["quad_material"],
        quad_uv=wide["quad_uv"],
        mirror=stored["mirror"].astype(np.int32),
        region_names=tuple(str(n) for n in stored["region_names"]),
        region_weights=wide["region_weights"],
        bone_ends_m=wide["bone_ends_m"],
        bone_weights=wide["bone_weights"],
        eye_centre_m=wide["eye_centre_m"],
        eye_radius_m=wide["eye_radius_m"],
        shape_deltas_m=wide["shape_deltas_m"],
        corrective_deltas_m=wide["corrective_deltas_m"],
        identity_names=tuple(str(n) for n in stored["identity_names"]),
        identity_deltas_m=wide["identity_deltas_m"],
        warp_deltas_m=wide["warp_deltas_m"],
        landmark_vertices=stored["landmark_vertices"].astype(np.int32),
        landmark_weights=wide["landmark_weights"],
        landmark_noise_m=wide["landmark_noise_m"],
    )

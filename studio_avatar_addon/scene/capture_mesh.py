"""A head that is not our template, as an npz, to a rigid `HeadTemplate` for simulated captures.

    vertices_m       (N, 3) head frame
    faces            (F, 4) counter-clockwise from outside; a triangle repeats its last corner
    face_uv          (F, 4, 2) in [0, 1], origin bottom left: where the spec's skin holds its colour
    face_material    (F,) into avatar.template.MATERIALS; "cornea" and "tear" are clear
    eye_centre_m     (2, 3) left, right
    eye_radius_m     (2,)

The skin must have an open neck, which the bust closes, and there must be faces of the material
"eye" about each centre. The eyes' fronts look along -Y.
"""

from __future__ import annotations

from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from ..avatar.arrays import read_arrays
from ..avatar.errors import StudioAvatarError
from ..avatar.files import sha256_file
from ..avatar.shapes import CORRECTIVES, SHAPE_NAMES
from ..avatar.template import BONES, EYE_BONES, MATERIALS, HeadTemplate, load_template

_CORNERS = {"vertices_m": (None, 3), "faces": (None, 4), "face_uv": (None, 4, 2),
            "face_material": (None,), "eye_centre_m": (2, 3), "eye_radius_m": (2,)}  # fmt: skip
_EYE_REACH = 1.5  # eye radii from a centre within which everything clear or "eye" belongs to it


class MeshProblem(StudioAvatarError):
    """A foreign head's file cannot be used."""

    def __init__(self, path: Path, problem: str) -> None:
        super().__init__(
            f"The head {path.name} {problem}.",
            "Correct it; its format is described in capture_mesh.py.",
        )


def foreign_template(path: Path) -> HeadTemplate:
    """The head of the file, without identity or expressions; it turns about our own head's neck.

    Raises MeshProblem where the file cannot be used, TemplateError where ours is missing.
    """
    stored = _checked(path)
    vertices = stored["vertices_m"].astype(np.float32)
    quads = stored["faces"].astype(np.int32)
    material = stored["face_material"].astype(np.uint8)
    centres = stored["eye_centre_m"].astype(np.float32)
    radii = stored["eye_radius_m"].astype(np.float32)
    count = len(vertices)
    return HeadTemplate(
        name=path.stem,
        sha256=sha256_file(path),
        vertices_m=vertices,
        quads=quads,
        quad_material=material,
        quad_uv=stored["face_uv"].astype(np.float32),
        mirror=np.arange(count, dtype=np.int32),
        region_names=(),
        region_weights=np.zeros((0, count), np.float32),
        bone_ends_m=_joints(centres),
        bone_weights=_bone_weights(path, vertices, quads, material, centres, radii),
        eye_centre_m=centres,
        eye_radius_m=radii,
        shape_deltas_m=np.zeros((len(SHAPE_NAMES), count, 3), np.float32),
        corrective_deltas_m=np.zeros((len(CORRECTIVES), count, 3), np.float32),
        identity_names=(),
        identity_deltas_m=np.zeros((0, count, 3), np.float32),
        warp_deltas_m=np.zeros((0, count, 3), np.float32),
        landmark_vertices=np.zeros((0, 3), np.int32),
        landmark_weights=np.zeros((0, 3), np.float32),
        landmark_noise_m=np.zeros(0, np.float32),
    )


def skin_triangles(template: HeadTemplate) -> NDArray[np.int32]:
    """(M, 3) of the skin, without what a triangle's repeated corner leaves over."""
    skin = template.triangles[template.triangle_material == MATERIALS.index("skin")]
    return skin[(skin[:, 0] != skin[:, 2]) & (skin[:, 1] != skin[:, 2])]


def _checked(path: Path) -> dict[str, NDArray]:
    try:
        stored = read_arrays(path)
    except (OSError, ValueError) as error:
        raise MeshProblem(path, f"is no readable npz ({error})") from error
    for name, shape in _CORNERS.items():
        given = stored.get(name)
        if given is None:
            raise MeshProblem(path, f"has no {name}")
        fits = given.ndim == len(shape) and all(
            want in (None, have) for want, have in zip(shape, given.shape, strict=True)
        )
        if not fits or not len(given) or not np.isfinite(given).all():
            raise MeshProblem(path, f"holds {name} of shape {given.shape}, or no finite numbers")
    faces, material = stored["faces"], stored["face_material"]
    if not len(faces) == len(material) == len(stored["face_uv"]):
        raise MeshProblem(path, "has not one material and four UVs for each face")
    if faces.min() < 0 or faces.max() >= len(stored["vertices_m"]):
        raise MeshProblem(path, "has faces that name vertices that do not exist")
    if material.min() < 0 or material.max() >= len(MATERIALS):
        raise MeshProblem(path, f"has a face_material that is no index into {MATERIALS}")
    if not stored["eye_radius_m"].min() > 0.0:
        raise MeshProblem(path, "has an eye_radius_m that is not positive")
    return stored


def _joints(eye_centre_m: NDArray[np.float32]) -> NDArray[np.float32]:
    """(B, 2, 3): our own head's, laid on these eyes."""
    own = load_template()
    scale = np.linalg.norm(eye_centre_m[0] - eye_centre_m[1]) / np.linalg.norm(
        own.eye_centre_m[0] - own.eye_centre_m[1]
    )
    joints = eye_centre_m.mean(axis=0) + scale * (own.bone_ends_m - own.eye_centre_m.mean(axis=0))
    for eye, bone in enumerate(EYE_BONES):
        ends = own.bone_ends_m[BONES.index(bone)]
        joints[BONES.index(bone)] = eye_centre_m[eye] + scale * (ends - own.eye_centre_m[eye])
    return joints.astype(np.float32)


def _bone_weights(
    path: Path, vertices_m: NDArray, quads: NDArray, material: NDArray, centres: NDArray,
    radii: NDArray,
) -> NDArray[np.float32]:  # fmt: skip
    """(B, N): eyes by their bones, everything else by the head, so that nothing bends."""
    kinds = {name: np.unique(quads[material == MATERIALS.index(name)]) for name in MATERIALS}
    balls = np.isin(np.arange(len(vertices_m)), np.concatenate([kinds["eye"], kinds["cornea"]]))
    weights = np.zeros((len(BONES), len(vertices_m)), np.float32)
    for eye, bone in enumerate(EYE_BONES):
        near = np.linalg.norm(vertices_m - centres[eye], axis=1) < _EYE_REACH * radii[eye]
        weights[BONES.index(bone)] = balls & near
        if not (near[kinds["eye"]]).any():
            raise MeshProblem(path, f'has no faces of the material "eye" about {bone}')
    weights[BONES.index("head")] = 1.0 - weights.sum(axis=0)
    return weights

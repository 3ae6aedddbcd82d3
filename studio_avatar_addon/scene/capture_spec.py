"""A simulated capture's JSON spec to a checked value: what to render, and where each camera stands.

    {
     "head": {"template": "studio_head_1" | "path.npz", "identity": [..], "iris_linear": [r, g, b],
              "shape": "path.npz",      vertices_m (V, 3), shape_deltas_m and corrective_deltas_m
                                        made for them; identity is then only told on
              "expression": {"jawOpen": 0.3} | "path.npz"}      weights (T, 52), gaze_rad (T, 2, 2)
           | {"mesh": "path.npz", "iris_linear": [r, g, b]},     a rigid head that is not ours,
                                                                 as `capture_mesh` tells
     "skin": "base_color.png" | {"base_color": "..", "normal": "..", "roughness": "..",
                                 "specular": ".."},
     "light": {"hdri": "city" | "path", "rotation_deg": 0, "strength": 1.0},
     "path": {"kind": "camera_moves" | "head_turns", "views": 20 | "fps": 30, "duration_s": 4,
              "yaw_pitch_deg": [[-50, 0], [50, 0], [0, 20]]},
     "camera": {"size_px": [540, 960], "focal_px": 800, "distance_m": 0.5,
                "aim_m": [0, -0.08, 0.02]},      where to look in the head frame; else its middle
     "samples": 24, "seed": 1, "subdivision": 1
    }

Only `head`, `skin`, `light.hdri` and `path` are required. Yaw and pitch say from where the face is
seen: yaw to the subject's left, pitch from above; the path runs through the points at even speed.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from math import radians
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from ..avatar.arrays import read_arrays
from ..avatar.errors import StudioAvatarError
from ..avatar.files import sha256_file
from ..avatar.layout import MAPS
from ..avatar.shapes import SHAPE_INDEX, SHAPE_NAMES
from ..avatar.template import HeadTemplate, installed_template, load_template
from ..avatar.types import Camera
from .capture_mesh import foreign_template

KINDS = ("camera_moves", "head_turns")
DEFAULT_PATH_DEG = ((0.0, 0.0), (-50.0, 0.0), (50.0, 0.0), (0.0, 0.0), (0.0, 20.0), (0.0, -15.0))
DEFAULT_IRIS = (0.11, 0.065, 0.035)


class SpecError(StudioAvatarError):
    """The spec of a simulated capture cannot be used."""

    def __init__(self, problem: str) -> None:
        super().__init__(problem, "Correct the spec; its format is described in capture_spec.py.")


@dataclass(frozen=True)
class CaptureSpec:
    """A checked spec. T views; angles in radians."""

    template: HeadTemplate
    is_foreign: bool  # the template is a rigid mesh that is not ours
    identity: NDArray[np.float32]  # (P,) in standard deviations
    neutral_m: NDArray[np.float32]  # (V, 3)
    shape_deltas_m: NDArray[np.float32]  # (52, V, 3)
    corrective_deltas_m: NDArray[np.float32]  # (C, V, 3)
    eye_centre_m: NDArray[np.float32]  # (2, 3)
    iris_linear: NDArray[np.float32]  # (3,)
    weights: NDArray[np.float32]  # (T, 52)
    gaze_rad: NDArray[np.float32]  # (T, 2, 2)
    skin: Mapping[str, Path]  # files by map name
    hdri: str
    rotation_rad: float
    strength: float | None  # None: so that the face is well exposed
    kind: str  # one of KINDS
    time_s: NDArray[np.float64]  # (T,)
    yaw_pitch_rad: NDArray[np.float64]  # (T, 2)
    camera: Camera
    distance_m: float
    aim_m: NDArray[np.float32] | None  # (3,) head frame; None: the middle of the head
    samples: int
    seed: int
    subdivision: int
    fingerprint: str  # of the spec and of every file it names

    @property
    def fps(self) -> float:
        return (len(self.time_s) - 1) / float(self.time_s[-1]) if len(self.time_s) > 1 else 1.0


def read_spec(path: Path) -> CaptureSpec:
    """Read and check a spec file.

    Raises SpecError, MeshProblem for a bad mesh, TemplateError for a bad template, IdentityError
    for an impossible head.
    """
    try:
        spec = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise SpecError(f"The spec {path} cannot be read ({error.strerror}).") from error
    except ValueError as error:
        raise SpecError(f"The spec {path.name} is no JSON ({error}).") from error
    if not isinstance(spec, dict):
        raise SpecError(f"The spec {path.name} is no JSON object.")
    return parse_spec(spec, path.parent)


def parse_spec(spec: Mapping[str, Any], folder: Path) -> CaptureSpec:
    """Check a spec's values; file names are relative to `folder`. Raises as `read_spec` does."""
    head, light = _part(spec, "head"), _part(spec, "light")
    path, camera_spec = _part(spec, "path"), _part(spec, "camera", {})
    template = _template(head, folder)
    identity = _identity(head, template)
    neutral, shapes, correctives = _shape_of_head(head, template, identity, folder)
    time_s, yaw_pitch = _camera_path(path)
    weights, gaze = _expression(head, len(time_s), folder)
    camera = _camera(camera_spec)
    strength = light.get("strength", "auto")
    kind = str(path.get("kind"))
    if kind not in KINDS:
        raise SpecError(f"path.kind is {kind!r}, not one of {', '.join(KINDS)}.")
    return CaptureSpec(
        template=template,
        is_foreign="mesh" in head,
        identity=identity,
        neutral_m=neutral,
        shape_deltas_m=shapes,
        corrective_deltas_m=correctives,
        eye_centre_m=template.eye_centres_m(neutral).astype(np.float32),
        iris_linear=_vector(head.get("iris_linear", DEFAULT_IRIS), 3, "head.iris_linear"),
        weights=weights,
        gaze_rad=gaze,
        skin=_skin(spec.get("skin"), folder),
        hdri=_hdri(light.get("hdri"), folder),
        rotation_rad=radians(_number(light, "rotation_deg", 0.0)),
        strength=None if strength == "auto" else _number(light, "strength", 1.0, 1e-6),
        kind=kind,
        time_s=time_s,
        yaw_pitch_rad=yaw_pitch,
        camera=camera,
        distance_m=_number(camera_spec, "distance_m", 0.45, 0.1),
        aim_m=_vector(camera_spec["aim_m"], 3, "camera.aim_m") if "aim_m" in camera_spec else None,
        samples=int(_number(spec, "samples", 24, 1)),
        seed=int(_number(spec, "seed", 0)),
        subdivision=int(_number(spec, "subdivision", 1, 0)),
        fingerprint=_fingerprint(spec, folder, template),
    )


def _part(spec: Mapping[str, Any], name: str, default: dict[str, Any] | None = None) -> Any:
    part = spec.get(name, default)
    if not isinstance(part, dict):
        raise SpecError(f"The spec has no object {name!r}.")
    return part


def _number(part: Mapping[str, Any], name: str, default: float, least: float = -1e9) -> float:
    value = part.get(name, default)
    if isinstance(value, bool) or not isinstance(value, int | float) or not value >= least:
        raise SpecError(f"{name} is {value!r}, not a number of at least {least:g}.")
    return float(value)


def _vector(value: Any, count: int, name: str) -> NDArray[np.float32]:
    try:
        vector = np.asarray(value, np.float32)
    except (TypeError, ValueError) as error:
        raise SpecError(f"{name} is no list of numbers.") from error
    if vector.shape != (count,) or not np.isfinite(vector).all():
        raise SpecError(f"{name} has the shape {vector.shape}; {count} finite numbers are needed.")
    return vector


def _file(value: Any, folder: Path, name: str) -> Path:
    path = folder / str(value)
    if value is None or not path.is_file():
        raise SpecError(f"{name} names a file that is not there: {value}.")
    return path


def _skin(value: Any, folder: Path) -> dict[str, Path]:
    """Files by map name; a single file is the base colour."""
    given = value if isinstance(value, dict) else {"base_color": value}
    unknown = set(given) - set(MAPS)
    if unknown or "base_color" not in given:
        raise SpecError(f"skin has the maps {', '.join(given)}; base_color and others of {MAPS}.")
    return {name: _file(file, folder, f"skin.{name}") for name, file in given.items()}


def _arrays(value: str, folder: Path, name: str) -> dict[str, np.ndarray]:
    path = _file(value, folder, name)
    try:
        return read_arrays(path)
    except (OSError, ValueError) as error:
        raise SpecError(f"{path.name} is no readable npz ({error}).") from error


def _template(head: Mapping[str, Any], folder: Path) -> HeadTemplate:
    if "mesh" in head:
        if others := ", ".join(sorted(head.keys() - {"mesh", "iris_linear"})):
            raise SpecError(f"head.mesh is a rigid head of its own and takes no {others}.")
        return foreign_template(_file(head["mesh"], folder, "head.mesh"))
    name = head.get("template")
    if name is None:
        return load_template()
    if str(name).endswith(".npz"):
        return load_template(_file(name, folder, "head.template"))
    return installed_template(str(name))


def _identity(head: Mapping[str, Any], template: HeadTemplate) -> NDArray[np.float32]:
    count = len(template.identity_names)
    return _vector(head.get("identity", np.zeros(count)), count, "head.identity")


def _shape_of_head(
    head: Mapping[str, Any], template: HeadTemplate, identity: NDArray[np.float32], folder: Path
) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Neutral vertices (V, 3), deltas of the shapes and of their correctives."""
    own = {
        "vertices_m": template.vertices_m,
        "shape_deltas_m": template.shape_deltas_m,
        "corrective_deltas_m": template.corrective_deltas_m,
    }
    if "shape" not in head:
        if len(identity):
            own["vertices_m"] = template.neutral_m(identity)
        return own["vertices_m"], own["shape_deltas_m"], own["corrective_deltas_m"]
    stored = _arrays(head["shape"], folder, "head.shape")
    given = []
    for name, expected in own.items():
        values = stored.get(name, np.empty(0)).astype(np.float32)
        if values.shape != expected.shape:
            raise SpecError(
                f"head.shape holds {name} of shape {values.shape}, the template {expected.shape}."
            )
        given.append(values)
    return given[0], given[1], given[2]


def _camera_path(path: Mapping[str, Any]) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Times (T,) and directions (T, 2): the polyline of yaw and pitch at even angular speed."""
    if "views" in path:
        views, fps = int(_number(path, "views", 20, 1)), _number(path, "fps", 5.0, 0.1)
    else:
        fps = _number(path, "fps", 30.0, 0.1)
        views = max(1, round(fps * _number(path, "duration_s", 4.0, 0.0)))
    try:
        points = np.radians(np.asarray(path.get("yaw_pitch_deg", DEFAULT_PATH_DEG), float))
    except (TypeError, ValueError) as error:
        raise SpecError("path.yaw_pitch_deg is no list of pairs.") from error
    if points.ndim != 2 or points.shape[1] != 2 or not np.isfinite(points).all():
        raise SpecError("path.yaw_pitch_deg is no list of [yaw, pitch] pairs.")
    length = np.concatenate([[0], np.cumsum(np.linalg.norm(np.diff(points, axis=0), axis=1))])
    distance = np.linspace(0.0, length[-1], views)
    directions = np.stack([np.interp(distance, length, points[:, i]) for i in (0, 1)], axis=1)
    return np.arange(views) / fps, directions


def _expression(
    head: Mapping[str, Any], count: int, folder: Path
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Weights (T, 52) and gaze (T, 2, 2) of each view; a recording is resampled to T rows."""
    given = head.get("expression", {})
    if isinstance(given, dict):
        weights = np.zeros((1, len(SHAPE_NAMES)))
        for name in given:
            if name not in SHAPE_INDEX:
                raise SpecError(f"head.expression names {name}, which is none of the 52 shapes.")
            weight = _number(given, name, 0.0, 0.0)
            if weight > 1.0:
                raise SpecError(f"head.expression gives {name} the weight {weight:g}, beyond 1.")
            weights[0, SHAPE_INDEX[name]] = weight
        gaze = np.zeros((1, 2, 2))
    else:
        stored = _arrays(given, folder, "head.expression")
        weights = stored.get("weights", np.empty(0))
        gaze = stored.get("gaze_rad", np.zeros((len(weights), 2, 2)))
        if weights.ndim != 2 or weights.shape[1] != len(SHAPE_NAMES) or not len(weights):
            raise SpecError(f"head.expression holds weights {weights.shape}, not (T, 52).")
    return _resampled(weights, count), _resampled(gaze, count)


def _resampled(rows: NDArray[np.floating], count: int) -> NDArray[np.float32]:
    """(N, ...) to (count, ...) by linear interpolation over the whole recording."""
    place = np.linspace(0, len(rows) - 1, count)
    before = np.floor(place).astype(int)
    after = np.minimum(before + 1, len(rows) - 1)
    share = (place - before).reshape(-1, *[1] * (rows.ndim - 1))
    return (rows[before] * (1 - share) + rows[after] * share).astype(np.float32)


def _camera(camera_spec: Mapping[str, Any]) -> Camera:
    size = _vector(camera_spec.get("size_px", (540, 960)), 2, "camera.size_px")
    if size.min() < 16 or size.max() > 8192:
        raise SpecError(f"camera.size_px is {size.tolist()}; 16 to 8192 is possible.")
    width, height = int(size[0]), int(size[1])
    focal = _number(camera_spec, "focal_px", 0.83 * max(width, height), 1.0)
    return Camera((width, height), (focal, focal), (width / 2, height / 2))


def _hdri(value: Any, folder: Path) -> str:
    """A file's path, or a name that Blender ships (checked where Blender runs)."""
    if value is None:
        raise SpecError("light.hdri is missing.")
    path = folder / str(value)
    return str(path) if path.is_file() else str(value)


def _fingerprint(spec: Mapping[str, Any], folder: Path, template: HeadTemplate) -> str:
    """Hash of the spec, the template and the content of every file that the spec names."""
    digest = hashlib.sha256(json.dumps(spec, sort_keys=True).encode())
    digest.update(template.sha256.encode())
    skin = spec.get("skin")
    maps = skin.values() if isinstance(skin, dict) else [skin]
    values = [*maps, *spec["head"].values(), spec["light"].get("hdri")]
    for value in values:
        if isinstance(value, str) and (folder / value).is_file():
            digest.update(sha256_file(folder / value).encode())
    return digest.hexdigest()

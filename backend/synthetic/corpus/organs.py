"""A face and its irises in; the colours of what is not skin out: eyes, teeth, mouth, lashes."""

from __future__ import annotations

import torch

from ...imaging.smooth_step import smooth_step
from .face import Face
from .texture_noise import fractal_noise

_IRIS_MM, _PUPIL_MM = 5.85, 1.9
_EYE_MM = 12.0
_SCLERA = (0.62, 0.585, 0.55)
_VESSEL = (0.55, 0.13, 0.10)
_TISSUE = {
    "teeth": (0.64, 0.55, 0.42),
    "gums": (0.42, 0.15, 0.13),
    "tongue": (0.40, 0.15, 0.13),
    "mouth": (0.26, 0.065, 0.055),
    "lashes": (0.012, 0.008, 0.006),
    "cornea": (0.05, 0.04, 0.03),
    "tear": (0.05, 0.04, 0.03),
    "caruncle": (0.42, 0.20, 0.17),
}


def organ_colors(face: Face, iris_linear: tuple[float, float, float]) -> torch.Tensor:
    """Linear albedo (3, n) of eyes, mouth, teeth and lashes; 0 on skin."""
    color = torch.zeros(3, len(face), device=face.device)
    mottle = (0.07 * face.noise(3.0, 3, 77)).exp()
    for material, tissue in _TISSUE.items():
        where = face.tensor(face.anatomy.texels.is_material(material)) > 0
        color[:, where] = face.column(tissue) * mottle[where]
    eyes = face.tensor(face.anatomy.texels.is_material("eye")) > 0
    color[:, eyes] = _eye(face, face.points_mm[eyes], face.column(iris_linear))
    return color


def _eye(face: Face, points_mm: torch.Tensor, iris_linear: torch.Tensor) -> torch.Tensor:
    """Colour (3, k) of points (k, 3) of both eyeballs: pupil, fibres, limbus, white, vessels."""
    right = points_mm[:, 0] < 0
    arm = points_mm - face.tensor(face.anatomy.eye_centres)[right.long()]
    direction = torch.nn.functional.normalize(arm, dim=1)
    radius_mm = _EYE_MM * (-direction[:, 1]).clamp(-1.0, 1.0).arccos()
    around = torch.atan2(direction[:, 2], direction[:, 0])
    # Fibres run outward: the noise hardly changes along the radius. The eyes are unlike.
    place = torch.stack([around.cos(), around.sin(), 0.04 * radius_mm], 1) + 7.0 * right[:, None]
    fibres = fractal_noise(place, 0.16, 3, 75, face.texel_mm / _IRIS_MM)
    depth = smooth_step(_PUPIL_MM, _PUPIL_MM + 1.4, radius_mm)
    shade = (1.35 - 0.45 * depth) * (0.28 * fibres).exp()
    shade = shade * (1.0 - 0.8 * smooth_step(_IRIS_MM - 1.1, _IRIS_MM, radius_mm))
    shade = shade * smooth_step(_PUPIL_MM - 0.2, _PUPIL_MM + 0.2, radius_mm)
    iris = iris_linear * shade
    away = smooth_step(6.0, 17.0, radius_mm)
    white = face.column(_SCLERA) * (1.0 - face.column((0.04, 0.16, 0.20)) * away)
    crest = 1.0 - fractal_noise(direction, 0.33, 3, 76, face.texel_mm / _EYE_MM).abs() / 0.10
    vessels = 0.35 * crest.clamp(0.0, 1.0) * smooth_step(7.5, 13.0, radius_mm)
    white = white + vessels * (face.column(_VESSEL) - white)
    return iris + smooth_step(_IRIS_MM - 0.35, _IRIS_MM + 0.35, radius_mm) * (white - iris)

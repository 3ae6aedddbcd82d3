"""The person's outline and the head's rendered outline to sightings that pull them together.

Nothing else bounds the skull. An outline counts fully only where skin lies inside it; where hair
does, the head must merely not stick out.
"""

from __future__ import annotations

from dataclasses import dataclass

import cv2
import numpy as np
from scipy.spatial import cKDTree

from studio_avatar_addon.avatar.template import BONES, MATERIALS, HeadTemplate
from studio_avatar_addon.avatar.types import BoolArray, FloatArray, IntArray

from ..raster import rasterize
from .bundle import Sighting
from .model import Estimate, LinearHead

# The head is drawn about this high, whatever the footage's size.
DRAWN_HEIGHT_PX = 480
EVERY = 3
AGREEING_NORMALS = 0.7
CANDIDATES = 12
BORDER_PX = 3
# The neck turns against the head, so its outline tells nothing about the skull.
MOST_NECK = 0.25
OUTLINE_SIGMA_M = 0.0007
CAUCHY_SHARE_OF_GATE = 0.25
# Skin within these depths inside the outline, against the face's own colours.
SKIN_DEPTHS_M = (0.002, 0.005)
SKIN_SPREADS = 4.0
SMALLEST_CHROMA_SPREAD = 0.012
SKIN_LUMINANCE = (0.12, 4.0)  # of the face's median, linear


@dataclass(frozen=True)
class PersonOutline:
    """The border of the person mask in one frame."""

    points_px: FloatArray  # (N, 2)
    normal: FloatArray  # (N, 2) unit, outward
    skin: BoolArray  # (N,) False: hair, clothes


@dataclass(frozen=True)
class HeadOutline:
    """Points of the head's surface that lie on its outline in one frame."""

    corners: IntArray  # (N, 3) vertices
    weights: FloatArray  # (N, 3) barycentric
    points_px: FloatArray  # (N, 2)
    normal: FloatArray  # (N, 2) unit, outward


@dataclass(frozen=True)
class Pairing:
    """Points of a head outline with the person's outline nearest to them."""

    head: HeadOutline  # paired ones only
    target_px: FloatArray  # (N, 2)
    normal: FloatArray  # (N, 2)
    skin: BoolArray  # (N,)

    @property
    def gap_px(self) -> FloatArray:
        """(N,) how far the head's outline lies outside the person's."""
        return ((self.head.points_px - self.target_px) * self.normal).sum(axis=1)


def person_outline(
    mask: FloatArray, image_srgb: FloatArray, face_px: FloatArray, px_per_m: float
) -> PersonOutline | None:
    """Outline of the person (H, W) in 0..255 around a face seen at `face_px` (L, 2).

    `image_srgb` (H, W, 3) uint8. None where the mask holds no person at the face.
    """
    soft = cv2.GaussianBlur(mask.astype(np.float32), (0, 0), 1.2)
    contour = _contour_at(soft > 127.5, np.median(face_px, axis=0))
    if contour is None:
        return None
    height, width = soft.shape
    inside = ((contour > BORDER_PX) & (contour < np.array([width, height]) - BORDER_PX)).all(axis=1)
    contour = contour[inside]
    if len(contour) < CANDIDATES:
        return None
    normal, slope = _outward(cv2.GaussianBlur(soft, (0, 0), 3.0), contour)
    value = _sample(soft, contour)
    shift = np.clip((value - 127.5) / np.maximum(slope, 1.0), -1.0, 1.0)
    points = contour + shift[:, None] * normal
    return PersonOutline(points, normal, _skin_inside(image_srgb, points, normal, face_px, px_per_m))


def head_outline(
    template: HeadTemplate, vertices_camera: FloatArray, focal_px: float, center_px: FloatArray
) -> HeadOutline:
    """Outline of posed vertices (V, 3) in the camera's frame, every third drawn pixel."""
    triangles = template.triangles[template.triangle_material == MATERIALS.index("skin")]
    full = focal_px * vertices_camera[:, :2] / vertices_camera[:, 2:] + center_px
    low = full.min(axis=0)
    scale = DRAWN_HEIGHT_PX / np.ptp(full[:, 1])
    drawn = (full - low) * scale + 4.0
    size = np.ceil(drawn.max(axis=0)).astype(int) + 4
    raster = rasterize(
        drawn, vertices_camera[:, 2], triangles, (int(size[0]), int(size[1])), cull_back=True
    )
    contour = _contour_at(raster.covered, None)
    if contour is None:
        empty = np.zeros((0, 2))
        return HeadOutline(np.zeros((0, 3), np.int64), np.zeros((0, 3)), empty, empty)
    contour = contour[::EVERY]
    coverage = cv2.GaussianBlur(raster.covered.astype(np.float32), (0, 0), 2.0)
    normal, _ = _outward(coverage, contour)
    column, row = (contour - 0.5).astype(int).T
    corners = triangles[raster.triangle[row, column]]
    weights = raster.barycentric[row, column].astype(np.float64)
    # A pixel on the border has its centre half a pixel within the true edge, on average.
    edge = contour + 0.5 * np.abs(normal).max(axis=1, keepdims=True) * normal
    neck = (weights * template.bone_weights[BONES.index("neck")][corners]).sum(axis=1)
    root = (weights * template.bone_weights[BONES.index("root")][corners]).sum(axis=1)
    head = neck + root < MOST_NECK
    points = (edge - 4.0) / scale + low
    return HeadOutline(corners[head], weights[head], points[head], normal[head])


def pair(head: HeadOutline, person: PersonOutline, gate_px: float) -> Pairing:
    """Each head point with the nearest person point within the gate whose normal agrees."""
    tree = cKDTree(person.points_px)
    distance, index = tree.query(head.points_px, k=CANDIDATES, distance_upper_bound=gate_px)
    reachable = np.isfinite(distance)
    index = np.where(reachable, index, 0)
    agrees = np.einsum("nc,nkc->nk", head.normal, person.normal[index]) > AGREEING_NORMALS
    usable = reachable & agrees
    first = usable.argmax(axis=1)
    paired = usable.any(axis=1)
    chosen = index[np.arange(len(index)), first][paired]
    kept = HeadOutline(
        head.corners[paired], head.weights[paired], head.points_px[paired], head.normal[paired]
    )
    return Pairing(kept, person.points_px[chosen], person.normal[chosen], person.skin[chosen])


def outline_sighting(
    frame: int, pairing: Pairing, head: LinearHead, estimate: Estimate, gate_px: float
) -> Sighting:
    """The pairing as a sighting that pulls along the person's outward normal."""
    sigma = OUTLINE_SIGMA_M * estimate.focal_px / estimate.translation_m[frame, 2]
    # The drawn point lies half a pixel from the surface point that it stands for.
    surface = head.points(pairing.head.corners, pairing.head.weights)
    return Sighting(
        frame=frame,
        points=surface,
        target_px=pairing.target_px,
        sigma_px=np.full(len(pairing.target_px), sigma),
        cauchy=CAUCHY_SHARE_OF_GATE * gate_px / sigma,
        normal=pairing.normal,
        one_sided=~pairing.skin,
    )


def _contour_at(inside: BoolArray, point_px: FloatArray | None) -> FloatArray | None:
    """The longest outer border (N, 2), pixel centres; of the part around a point if one is given."""
    borders, _ = cv2.findContours(
        inside.astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE
    )
    if point_px is not None:
        at = (float(point_px[0]), float(point_px[1]))
        borders = [b for b in borders if cv2.pointPolygonTest(b, at, False) >= 0]
    if not borders:
        return None
    return max(borders, key=len)[:, 0].astype(np.float64) + 0.5


def _outward(field: FloatArray, points_px: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Unit direction (N, 2) in which a field falls, and its slope (N,) per pixel."""
    by_x = _sample(cv2.Sobel(field, cv2.CV_32F, 1, 0, scale=1 / 8), points_px)
    by_y = _sample(cv2.Sobel(field, cv2.CV_32F, 0, 1, scale=1 / 8), points_px)
    slope = np.hypot(by_x, by_y)
    return -np.stack([by_x, by_y], axis=1) / np.maximum(slope, 1e-9)[:, None], slope


def _sample(image: FloatArray, points_px: FloatArray) -> FloatArray:
    """Bilinear values (N,) or (N, C) at image points; pixel centres at integer + 0.5."""
    x, y = (points_px - 0.5).astype(np.float32).T
    sampled = cv2.remap(
        image, x[:, None], y[:, None], cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE
    )
    return sampled[:, 0]


def _skin_inside(
    image_srgb: FloatArray,
    points_px: FloatArray,
    normal: FloatArray,
    face_px: FloatArray,
    px_per_m: float,
) -> BoolArray:
    """(N,) True where the picture just inside the outline has the face's own colour."""
    smooth = cv2.GaussianBlur(image_srgb, (0, 0), max(0.001 * px_per_m, 0.8))
    face_chroma, face_light = _chroma(_sample(smooth, face_px))
    middle = np.median(face_chroma, axis=0)
    spread = 1.4826 * np.median(np.abs(face_chroma - middle), axis=0)
    limit = SKIN_SPREADS * np.maximum(spread, SMALLEST_CHROMA_SPREAD)
    darkest, brightest = np.array(SKIN_LUMINANCE) * np.median(face_light)
    skin = np.ones(len(points_px), bool)
    for depth in SKIN_DEPTHS_M:
        chroma, light = _chroma(_sample(smooth, points_px - normal * depth * px_per_m))
        skin &= (np.abs(chroma - middle) < limit).all(axis=1)
        skin &= (light > darkest) & (light < brightest)
    return skin


def _chroma(srgb: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Shares of red and blue (N, 2) and luminance (N,) of colours (N, 3) in 0..255."""
    linear = (np.asarray(srgb, np.float64) / 255.0) ** 2.2 + 1e-4
    return linear[:, [0, 2]] / linear.sum(axis=1, keepdims=True), linear @ [0.2126, 0.7152, 0.0722]

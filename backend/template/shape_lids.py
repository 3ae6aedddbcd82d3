"""The head to the lids' expressions: blink, squint, wide and the lids' part in looking.

A lid turns about the line through its canthi's direction and the eyeball's centre, so it stays on
the ball; how far is a share of the opening at that place, so a closed lid closes everywhere.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from scipy.ndimage import gaussian_filter1d, maximum_filter1d

from .parts import TEAR_ROWS, lash_roots
from .shape_space import FaceSpace, FieldValues, FloatArray, GaussianDisplacement, IntArray, rotate

# Columns of the eye's rings: of the two canthi, and how many there are.
MEDIAL, LATERAL, COLUMNS = 25, 11, 28
# Share of the margin's turn on the eye's rings 3 to 8, from the crease to the fornix.
ROTATION_SHARE = {3: 0.3, 4: 0.7, 5: 1.0, 6: 1.0, 7: 0.85, 8: 0.0}
SLIDE_SHARE = {3: 0.7, 4: 0.9, 5: 1.0, 6: 1.0, 7: 0.85, 8: 0.0}
MARGIN_RING = 5
# Columns of either lid, from the medial to the lateral canthus.
UPPER = np.arange(MEDIAL, LATERAL - 1, -1)
LOWER = np.mod(np.arange(MEDIAL, LATERAL + COLUMNS + 1), COLUMNS)
ON_LOWER = (np.arange(COLUMNS) < LATERAL) | (np.arange(COLUMNS) > MEDIAL)
# Share of the skin's own pushes that the outer rings of the lid take.
SKIN_SHARE = {3: 1.0, 4: 0.5}
# Least distance from the eyeball's surface, by ring, at the end and (second) half way.
CLEARANCE = {3: (2.4, 1.6), 4: (2.2, 1.2), 5: (1.9, 0.8), 6: (0.35, 0.33), 7: (1.2, 1.0)}
REACH = 7.0
SPLIT_MM = 6.0


# Share of the opening at which the lids are closed: where their smooth edges touch, which lie a
# little inside those of the polygons.
CLOSED = 1.038


@dataclass(frozen=True)
class LidMotion:
    """Shares of the opening that the lids close (negative: open further) and the skin's part.

    Both together close the eye where they add up to CLOSED. `sideways_deg` turns both lids about
    the vertical, positive towards the ear; `lower_sideways_deg` lets the lower one slide along
    its own edge.
    """

    upper: float = 0.0
    lower: float = 0.0
    sideways_deg: float = 0.0
    lower_sideways_deg: float = 0.0
    skin: tuple[GaussianDisplacement, ...] = ()


# Pushes are placed from the eyeball's centre.
MOTIONS = {
    "eyeBlinkLeft": LidMotion(
        CLOSED - 0.14,
        0.14,
        lower_sideways_deg=-9.0,
        skin=(GaussianDisplacement((1.5, -16.5, 13), (-0.2, -0.2, -1.4), (10, 9, 4)),),
    ),
    "eyeLookDownLeft": LidMotion(
        0.64,
        -0.18,
        skin=(
            GaussianDisplacement((0.5, -16.5, 12), (0, -0.3, -1.2), (10, 9, 4)),
            GaussianDisplacement((1.5, -13.5, -11), (0, 0.6, -1.0), (11, 10, 6)),
        ),
    ),
    "eyeLookUpLeft": LidMotion(
        -0.31,
        0.13,
        skin=(
            GaussianDisplacement((0.5, -16.5, 12), (0, 0.6, 1.2), (10, 9, 5)),
            GaussianDisplacement((1.5, -13.5, -11), (0, -0.3, 1.0), (11, 10, 7)),
        ),
    ),
    "eyeLookInLeft": LidMotion(sideways_deg=-11.0),
    "eyeLookOutLeft": LidMotion(sideways_deg=11.0),
    "eyeWideLeft": LidMotion(
        -0.31, 0.0, skin=(GaussianDisplacement((0.5, -16.5, 12), (0.2, 0.6, 1.2), (11, 9, 5)),)
    ),
    "eyeSquintLeft": LidMotion(
        0.04,
        0.22,
        lower_sideways_deg=-4.0,
        skin=(
            GaussianDisplacement((2.5, -14.5, -16), (-1.9, -0.7, 2.2), (13, 12, 9)),
            GaussianDisplacement((16.5, -6.5, -23), (-0.9, -0.4, 0.9), (12, 13, 11)),
            GaussianDisplacement((-11.5, -16.5, -12), (-0.7, -0.1, 0.9), (8, 9, 8)),
            GaussianDisplacement((24.5, 4.5, -1), (-0.5, -0.5, 0), (8, 10, 10)),
        ),
    ),
    "cheekSquintLeft": LidMotion(
        0.04,
        0.18,
        lower_sideways_deg=-2.0,
        skin=(
            GaussianDisplacement((15.5, -6.5, -25), (-1.3, -1.4, 4.9), (15, 16, 12)),
            GaussianDisplacement((14.5, -3.5, -50), (0.6, -2.3, 5.3), (16, 19, 16)),
            GaussianDisplacement((18.5, 13.5, -77), (1.2, -2.1, 2.8), (16, 20, 15)),
            GaussianDisplacement((-4.5, -19.5, -45), (0.9, 0.6, 1.9), (9, 11, 11)),
        ),
    ),
}


def lid_shapes(space: FaceSpace) -> dict[str, FloatArray]:
    """Fields (V, 3) mm of the left eye's shapes by name."""
    eye = _Eye(space)
    return {name: eye.field(motion) for name, motion in MOTIONS.items()}


def lid_field(space: FaceSpace, motion: LidMotion) -> FloatArray:
    """The field (V, 3) mm of any motion of the left eye's lids."""
    return _Eye(space).field(motion)


class _Eye:
    """The left eye's frame: `across` runs from the medial to the lateral canthus."""

    def __init__(self, space: FaceSpace) -> None:
        self.space = space
        self.rings: IntArray = space.head.rings["eye_L"]
        self.centre = space.head.eye_centre_m[0] * 1e3
        margin = space.points[self.rings[MARGIN_RING]]
        canthi = margin[LATERAL] - margin[MEDIAL]
        # level with the canthi, square to the gaze: a turn about it neither opens nor twists
        self.across = canthi * np.array([1.0, 0.0, 1.0])
        self.across /= np.linalg.norm(self.across)
        self.forward = np.array([0.0, -1.0, 0.0])
        self.up = np.cross(self.forward, self.across)
        self.hinge = np.cross(self.forward, self.up)  # a positive turn about it opens upwards
        self.margin = _unit(margin - self.centre)
        self.profile = self._ball_profile()

    def field(self, motion: LidMotion) -> FloatArray:
        """(V, 3) mm of a motion of both lids, with lashes and tear line."""
        space = self.space
        turn = self._margin_rotation(motion)
        pushes = tuple(push.offset_by(space.mean_eye_centre[0]) for push in motion.skin)
        skin = space.left_share(space.displacement_field(pushes), SPLIT_MM)
        held: list[FieldValues] = []
        for ring in ROTATION_SHARE:
            ids = self.rings[ring]
            own = SKIN_SHARE.get(ring, 0.0) * skin[ids]
            held.append((ids, self._ring_displacement(space.points[ids], own, turn, motion, ring)))
        if motion.upper + motion.lower >= CLOSED:
            self._level_edges(held)
        still = np.setdiff1d(space.lids, self.rings.ravel())
        held.append((still, np.zeros((len(still), 3))))
        field = space.solve_membrane(skin, held, REACH)
        self._lashes(field, turn)
        self._tears(field)
        return field

    def _edges(self, lateral_place: FloatArray) -> tuple[FloatArray, FloatArray]:
        """Elevation (n,) of the upper and of the lower margin at places (n,) across."""
        across, elevation = self.margin @ self.across, self._elevation(self.margin)
        return (
            np.interp(lateral_place, across[UPPER], elevation[UPPER]),
            np.interp(lateral_place, across[LOWER], elevation[LOWER]),
        )

    def _elevation(self, direction: FloatArray) -> FloatArray:
        return np.arctan2(direction @ self.up, direction @ self.forward)

    def _lower_lid_slide(self, motion: LidMotion) -> FloatArray:
        """Angle (28,) by which the lower margin's columns slide towards the ear, none at canthi."""
        across = self.margin @ self.across
        lateral_place = np.where(across > 0.0, across / across[LATERAL], across / across[MEDIAL])
        share = np.maximum(1.0 - lateral_place**2, 0.0) ** 2
        return np.deg2rad(motion.lower_sideways_deg) * ON_LOWER * share

    def _margin_rotation(self, motion: LidMotion) -> FloatArray:
        """Turn (28,) of each margin column, upwards positive, after it slid sideways."""
        slid = rotate(self.margin, self.up, self._lower_lid_slide(motion))
        lateral_place = slid @ self.across
        upper, lower = self._edges(lateral_place)
        gap = np.maximum(upper - lower, 0.0)
        raised = lower + motion.lower * gap
        # the upper lid comes down towards the lower one's polygon, whose corners lie elsewhere
        met = np.interp(lateral_place, lateral_place[LOWER], raised[LOWER])
        left_open = 1.0 - motion.upper - motion.lower
        wanted = np.where(ON_LOWER, raised, met + left_open * gap)
        turn = wanted - self._elevation(slid)
        turn[[MEDIAL, LATERAL]] = 0.0
        return turn

    def _ring_displacement(
        self,
        start: FloatArray,
        own: FloatArray,
        turn_rad: FloatArray,
        motion: LidMotion,
        ring: int,
    ) -> FloatArray:
        """Displacements of one ring's vertices, clear of the ball at the end and half way.

        `own` (28, 3): what the skin's pushes add.
        """
        arm = start - self.centre
        end = rotate(arm, self.up, self._lower_lid_slide(motion) * SLIDE_SHARE[ring])
        end = rotate(end, self.hinge, turn_rad * ROTATION_SHARE[ring]) + own
        lateral_place = np.clip((arm @ self.across) / 15.0, -1.0, 1.0)
        sideways = np.deg2rad(motion.sideways_deg) * SLIDE_SHARE[ring]
        end = rotate(end, self.up, sideways * (1.0 - 0.75 * lateral_place**2))
        if ring in CLEARANCE and ROTATION_SHARE[ring] > 0.0:
            end = self._push_off_eyeball(arm, end, *CLEARANCE[ring])
        return end - arm

    def _level_edges(self, held: list[FieldValues]) -> None:
        """Bring the edges of the closed lids, in place, equally far out: as far as either is."""
        for ids, moved in held[
            MARGIN_RING - min(ROTATION_SHARE) : MARGIN_RING - min(ROTATION_SHARE) + 2
        ]:
            arm = self.space.points[ids] - self.centre + moved
            direction, reach = _unit(arm), np.linalg.norm(arm, axis=1)
            lateral_place = direction @ self.across
            on_upper = np.interp(lateral_place, lateral_place[UPPER], reach[UPPER])
            on_lower = np.interp(lateral_place, lateral_place[LOWER], reach[LOWER])
            moved += (np.maximum(on_upper, on_lower) - reach)[:, None] * direction

    def _push_off_eyeball(
        self, start: FloatArray, end: FloatArray, at_end: float, half_way: float
    ) -> FloatArray:
        """`end` moved out along the radius where it or the half-way point is too near the ball."""
        moved = np.linalg.norm(end - start, axis=1) > 1e-6
        end = end + (moved * _smooth_maximum(self._deficit(end, at_end)))[:, None] * _unit(end)
        middle = 0.5 * (start + end)
        required_move = moved * _smooth_maximum(self._deficit(middle, half_way))
        return end + 2.0 * required_move[:, None] * _unit(end)

    def _deficit(self, arm: FloatArray, clearance: float) -> FloatArray:
        polar = np.arccos(np.clip(_unit(arm) @ self.forward, -1.0, 1.0))
        needed = np.interp(polar, *self.profile) + clearance
        return np.maximum(needed - np.linalg.norm(arm, axis=1), 0.0)

    def _ball_profile(self) -> tuple[FloatArray, FloatArray]:
        """Radius of eyeball with cornea over the angle from the gaze axis."""
        arm = self.space.points[self.space.ids("eyeball_L", "cornea_L")] - self.centre
        polar = np.arccos(np.clip(_unit(arm) @ self.forward, -1.0, 1.0))
        reach = np.linalg.norm(arm, axis=1)
        bins = np.deg2rad(np.arange(0.0, 181.0, 3.0))
        half = np.deg2rad(3.0)
        ball = self.space.head.eye_radius_m[0] * 1e3
        near = [reach[np.abs(polar - at) <= half] for at in bins]
        return bins, np.array([max(ball, r.max()) if len(r) else ball for r in near])

    def _lashes(self, field: FloatArray, angle: FloatArray) -> None:
        """Lashes turn as the margin at their roots and keep their seat on it."""
        space = self.space
        margin = self.rings[MARGIN_RING]
        for lid in ("upper", "lower"):
            lashes = space.head.parts[f"lashes_{lid}_L"].reshape(-1, 6)
            at = lash_roots(lid)
            before, share = np.floor(at).astype(int), np.mod(at, 1.0)[:, None]
            after = np.mod(before + 1, COLUMNS)
            turn = (1.0 - share) * angle[before, None] + share * angle[after, None]
            carried = (1.0 - share) * field[margin[before]] + share * field[margin[after]]
            roots = space.points[lashes[:, :2]].mean(axis=1)
            arm = space.points[lashes.ravel()] - np.repeat(roots, 6, axis=0)
            swung = rotate(arm, self.hinge, np.repeat(turn[:, 0], 6)) - arm
            field[lashes.ravel()] = swung + np.repeat(carried, 6, axis=0)

    def _tears(self, field: FloatArray) -> None:
        """The tear line slides with the lids' inner edge; its last row stays on the eyeball."""
        rows = self.space.head.parts["tear_L"].reshape(TEAR_ROWS, COLUMNS)
        carried = field[self.rings[MARGIN_RING + 1]]
        for row in rows:
            field[row] = carried
        arm = self.space.points[rows[-1]] - self.centre
        reach = np.linalg.norm(arm, axis=1, keepdims=True)
        field[rows[-1]] = reach * _unit(arm + carried) - arm


def _smooth_maximum(required_move: FloatArray) -> FloatArray:
    """Values (28,) round the eye, without steps from column to column and nowhere smaller."""
    blurred = gaussian_filter1d(maximum_filter1d(required_move, 3, mode="wrap"), 1.2, mode="wrap")
    return np.maximum(required_move, blurred)


def _unit(arm: FloatArray) -> FloatArray:
    return arm / np.maximum(np.linalg.norm(arm, axis=1, keepdims=True), 1e-9)

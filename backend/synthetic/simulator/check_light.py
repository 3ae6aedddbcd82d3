"""Heads and HDRIs in; how far the simulator's light on the skin is from that of Cycles out."""

from __future__ import annotations

import json
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.errors import EnvironmentProblem
from studio_avatar_addon.avatar.frames import rotation_about
from studio_avatar_addon.avatar.template import HeadTemplate
from studio_avatar_addon.avatar.types import FloatArray

from ...atlas.texel_map import texel_map
from ...imaging.log_light import LUMINANCE
from ..render_capture import CHECKOUT
from .environments import Environments
from .hdri import SUN_RADIUS_RAD, read_hdri
from .shading import Heads
from .sphere import Sphere
from .tables import GRID, HeadTables, bake_tables

BAKE_MODULE = "studio_avatar_addon.scene.bake_light"
ALBEDO = 0.5  # so that the bounce, which depends on it, is checked too
CYCLES_SAMPLES = 256  # more take longer; fewer leave noise that counts as our error
# Where almost no light comes in, as in a nostril, a relative error tells nothing.
MIN_OPENNESS = 0.2


@dataclass(frozen=True)
class LightError:
    """Relative error of luminance over the skin points of one head under one HDRI."""

    hdri: str
    rotation_deg: float
    median: float
    p95: float
    bias: float  # mean of ours over the mean of Cycles', less 1


def check_light(
    template: HeadTemplate, identities: FloatArray, hdris: list[Path], folder: Path
) -> list[LightError]:
    """Bake each head (H, P) under each HDRI in Cycles, turned differently each time, and compare.

    `folder` takes the bakes, half a minute each. Raises EnvironmentProblem where Cycles fails.
    """
    tables = bake_tables(template, identities)
    found: list[LightError] = []
    for head, identity in enumerate(identities):
        for number, path in enumerate(hdris):
            rotation_deg = 75.0 * number + 40.0 * head
            truth = cycles_light(identity, path, rotation_deg, folder / f"{head}_{path.stem}.json")
            ours, openness = simulated_light(tables, head, path, rotation_deg)
            found.append(compare(template, ours, openness, truth, path.stem, rotation_deg))
    return found


def cycles_light(
    identity: FloatArray, hdri: Path, rotation_deg: float, spec: Path
) -> NDArray[np.float32]:
    """(GRID, GRID, 3) irradiance over pi of a matte head of ALBEDO, baked by Cycles."""
    result = spec.with_suffix(".npz")
    spec.write_text(
        json.dumps(
            {
                "identity": [float(value) for value in identity],
                "hdri": str(hdri),
                "rotation_deg": rotation_deg,
                "albedo": ALBEDO,
                "size": GRID,
                "samples": CYCLES_SAMPLES,
                "result": str(result),
            }
        ),
        "utf-8",
    )
    command = [sys.executable, "-m", BAKE_MODULE, str(spec)]
    done = subprocess.run(command, cwd=CHECKOUT, capture_output=True, text=True, check=False)
    if done.returncode:
        lines = done.stderr.strip().splitlines() or ["no message"]
        raise EnvironmentProblem(
            f"Blender could not bake the light: {lines[-1]}",
            "Install the bpy package of requirements.lock.",
        )
    return read_arrays(result)["light_linear"]


def simulated_light(
    tables: HeadTables, head: int, hdri: Path, rotation_deg: float
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """The simulator's (n, 3) on the same head, and the points' openness (n,).

    What differs: light that the head throws on itself twice, details of the environment finer than
    9 degrees, the subsurface blur, and Cycles' smooth normals at a coarse mesh's terminator.
    """
    radiance, sun_direction, sun_light = (torch.from_numpy(part)[None] for part in read_hdri(hdri))
    environments = Environments(
        radiance,
        sun_direction,
        sun_light,
        sun_radius_rad=torch.full((1,), SUN_RADIUS_RAD),
        with_camera=torch.zeros(1, dtype=torch.bool),
    )
    heads = Heads(tables, torch.tensor([head]), Sphere.on(torch.device("cpu")))
    # Blender turns the direction of the look-up.
    turn = rotation_about(np.array([0.0, 0.0, 1.0]), np.radians(rotation_deg)).astype(np.float32)
    environment_from_head = torch.from_numpy(turn)[None, None]
    albedo = torch.full((1, tables.bits.shape[1], 3), ALBEDO)
    light = heads.irradiance(environments, environment_from_head, albedo).linear[0, :, 0]
    return light.numpy(), heads.openness[0].numpy()


def compare(
    template: HeadTemplate,
    ours: FloatArray,
    openness: FloatArray,
    truth: FloatArray,
    hdri: str,
    rotation_deg: float,
) -> LightError:
    """Ours (n, 3) against the bake (GRID, GRID, 3)."""
    texels = texel_map(template, GRID)
    baked = texels.gather(truth)[texels.is_material("skin")] @ LUMINANCE
    valid_points = (openness > MIN_OPENNESS) & (baked > 0.0)
    simulated = (ours @ LUMINANCE)[valid_points]
    error = np.abs(simulated / baked[valid_points] - 1.0)
    return LightError(
        hdri=hdri,
        rotation_deg=rotation_deg,
        median=float(np.median(error)),
        p95=float(np.quantile(error, 0.95)),
        bias=float(simulated.mean() / baked[valid_points].mean() - 1.0),
    )

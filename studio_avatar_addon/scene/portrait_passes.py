"""The portrait that a scene shows to its linear light, and to the share that each label covers."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import bpy
import numpy as np
from numpy.typing import NDArray

from ..avatar.template import MATERIALS
from . import compat
from .capture_passes import rendered_values
from .portrait_materials import LABELS, label_material
from .portrait_set import CLEAR, LABEL, PortraitScene
from .render import set_cycles

_LABEL_SAMPLES = 12  # a coverage as fine as that; there is no noise
_BOUNCES, _SURFACE_BOUNCES = 3, 2  # light hair lives on light that went through several strands


def rendered(portrait: PortraitScene) -> tuple[NDArray[np.float32], NDArray[np.uint8]]:
    """Linear light (H, W, 3) and coverage (H, W, 4) by LABELS in 255ths."""
    scene = portrait.scene
    _prepare_lit(scene, portrait.spec)
    # Labels are rendered of the geometry that the light was; only until then must it be kept, or
    # the renderer would hold on to what the next portrait removes.
    scene.render.use_persistent_data = True
    try:
        linear = rendered_values(scene)[..., :3]
        _prepare_labels(scene)
        with _labels_worn(portrait):
            values = rendered_values(scene).clip(0.0, 1.0)
    finally:
        scene.render.use_persistent_data = False
    other = np.maximum(values[..., 3] - values[..., :3].sum(-1), 0.0)
    coverage = np.dstack([values[..., :3], other])
    return linear, np.rint(255.0 * coverage).astype(np.uint8)


def _prepare_lit(scene: bpy.types.Scene, spec: dict) -> None:
    set_cycles(scene, spec["samples"])
    cycles = scene.cycles
    cycles.seed = spec["seed"]
    cycles.use_adaptive_sampling = False
    # The surfaces' colours keep strands apart, once they are rid of noise themselves; the normals
    # of hair are nothing but noise.
    cycles.denoising_quality, cycles.denoising_prefilter = "BALANCED", "FAST"
    cycles.denoising_input_passes = "RGB_ALBEDO"
    cycles.max_bounces = cycles.transmission_bounces = _BOUNCES
    cycles.diffuse_bounces = cycles.glossy_bounces = _SURFACE_BOUNCES
    scene.cycles_curves.shape, scene.cycles_curves.subdivisions = "RIBBONS", 2
    scene.render.film_transparent = False
    compat.set_image_output(scene.render, "OPEN_EXR", "RGBA", "32")


def _prepare_labels(scene: bpy.types.Scene) -> None:
    """No light, so no noise, and nothing of the background."""
    scene.cycles.samples, scene.cycles.use_denoising = _LABEL_SAMPLES, False
    scene.cycles.max_bounces = 0
    scene.render.film_transparent = True


@contextmanager
def _labels_worn(portrait: PortraitScene) -> Iterator[None]:
    """Everything glows with its label's colour; background cuts holes, clear things are gone."""
    plain, scalp = label_material(None), label_material(portrait.scalp)
    own_materials = list(portrait.head.data.materials)
    for surface in portrait.surfaces():
        label = surface.get(LABEL)
        surface.color = _label_color(label)
        surface.is_holdout = label is None
        surface.hide_render = bool(surface.get(CLEAR, False))
        for slot in range(len(surface.data.materials)):
            surface.data.materials[slot] = plain
    portrait.head.data.materials[MATERIALS.index("skin")] = scalp
    try:
        yield
    finally:
        for slot, material in enumerate(own_materials):
            portrait.head.data.materials[slot] = material
        bpy.data.materials.remove(plain)
        bpy.data.materials.remove(scalp)


def _label_color(label: str | None) -> tuple[float, float, float, float]:
    """Skin, hair and clothes are red, green and blue; what else the person wears is black."""
    red, green, blue = (float(label == name) for name in LABELS[:3])
    return red, green, blue, 1.0

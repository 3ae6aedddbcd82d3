"""A head's shape keys: the 52, the correctives' driven keys, and what an artist did to them.

Applying an avatar again makes the keys anew; values, mutes and the artist's own keys are kept.
"""

from __future__ import annotations

from dataclasses import dataclass, field

import bpy
import numpy as np
from numpy.typing import NDArray

from ..avatar.bundle import HeadData
from ..avatar.shapes import CORRECTIVES, SHAPE_NAMES, corrective_name, mirrored_shape

BASIS = "Basis"
# They move the middle of the face to one side: no mirror makes both sides alike.
SIDEWAYS = frozenset(("jawLeft", "jawRight", "mouthLeft", "mouthRight"))


@dataclass(frozen=True)
class FormerKeys:
    """What the keys of a head were before they are made anew."""

    values: dict[str, float] = field(default_factory=dict)
    muted: frozenset[str] = frozenset()
    muted_drivers: frozenset[str] = frozenset()  # correctives whose driver was muted
    custom_deltas_m: dict[str, NDArray[np.float32]] = field(
        default_factory=dict
    )  # (V, 3) from the basis
    action: bpy.types.Action | None = None


def former_keys(keys: bpy.types.Key | None) -> FormerKeys:
    """Read the keys that are about to be replaced."""
    if keys is None:
        return FormerKeys()
    blocks, animation = keys.key_blocks, keys.animation_data
    own_names = {BASIS, *SHAPE_NAMES, *(corrective_name(*pair) for pair in CORRECTIVES)}
    basis = _positions(blocks[0])
    drivers = animation.drivers if animation else ()
    muted_paths = {curve.data_path for curve in drivers if curve.mute}
    return FormerKeys(
        values={key.name: key.value for key in blocks},
        muted=frozenset(key.name for key in blocks if key.mute),
        muted_drivers=frozenset(key.name for key in blocks if _value_path(key.name) in muted_paths),
        custom_deltas_m={
            key.name: _positions(key) - basis for key in blocks if key.name not in own_names
        },
        action=animation.action if animation else None,
    )


def _positions(key: bpy.types.ShapeKey) -> NDArray[np.float32]:
    values = np.empty(3 * len(key.data), np.float32)
    key.data.foreach_get("co", values)
    return values.reshape(-1, 3)


def build_keys(head: bpy.types.Object, fit: HeadData, former: FormerKeys) -> None:
    """`Basis`, the 52 by their exact names, 0 to 1, the driven correctives; then the artist's own.

    All as they were left where there were `former` ones.
    """
    head.shape_key_add(name="Basis", from_mix=False)
    if former.action is not None:
        _assign_action(head.data.shape_keys, former.action)
    for name, delta in zip(SHAPE_NAMES, fit.shape_deltas_m, strict=True):
        _add_key(head, name, fit.neutral_m + delta).value = former.values.get(name, 0.0)
    for pair, delta in zip(CORRECTIVES, fit.corrective_deltas_m, strict=True):
        key = _add_key(head, corrective_name(*pair), fit.neutral_m + delta)
        driver = _drive_by_minimum(key, head.data.shape_keys, pair)
        driver.mute = key.name in former.muted_drivers
    for name, delta_m in former.custom_deltas_m.items():
        if delta_m.shape == fit.neutral_m.shape:
            _add_key(head, name, fit.neutral_m + delta_m).value = former.values[name]
    for key in head.data.shape_keys.key_blocks:
        key.mute = key.name in former.muted


def _add_key(
    head: bpy.types.Object, name: str, positions_m: NDArray[np.floating]
) -> bpy.types.ShapeKey:
    key = head.shape_key_add(name=name, from_mix=False)
    key.slider_min, key.slider_max = 0.0, 1.0
    key.data.foreach_set("co", positions_m.astype(np.float32).ravel())
    return key


def _value_path(name: str) -> str:
    return f'key_blocks["{name}"].value'


def _drive_by_minimum(
    key: bpy.types.ShapeKey, keys: bpy.types.Key, pair: tuple[str, str]
) -> bpy.types.FCurve:
    """A driver of type MIN: no script, so it works where scripts may not run."""
    curve = key.driver_add("value")
    driver = curve.driver
    driver.type = "MIN"
    for name in pair:
        variable = driver.variables.new()
        variable.name = name
        target = variable.targets[0]
        target.id_type, target.id = "KEY", keys
        target.data_path = _value_path(name)
    return curve


def _assign_action(keys: bpy.types.Key, action: bpy.types.Action) -> None:
    """Let the Action of the former mesh drive the shape keys of the new one."""
    animation = keys.animation_data_create()
    animation.action = action
    if hasattr(animation, "action_slot") and animation.action_slot is None:
        animation.action_slot = next(s for s in action.slots if s.target_id_type == "KEY")


def reset_shapes(head: bpy.types.Object) -> None:
    """All 52 shapes to 0; keyed ones come back with the next frame."""
    blocks = head.data.shape_keys.key_blocks
    for name in SHAPE_NAMES:
        if name in blocks:
            blocks[name].value = 0.0


def mirror_shapes(head: bpy.types.Object, direction: str) -> None:
    """Copy values from the side "LEFT" or "RIGHT" to the other, or exchange both by "SWAP".

    What moves the middle of the face sideways is only exchanged.
    """
    blocks = head.data.shape_keys.key_blocks
    values = {name: blocks[name].value for name in SHAPE_NAMES if name in blocks}
    for name in values:
        mirrored = mirrored_shape(name)
        is_target = not name.endswith(direction.capitalize()) and name not in SIDEWAYS
        is_changed = direction == "SWAP" or is_target
        if mirrored != name and mirrored in values and is_changed:
            blocks[name].value = values[mirrored]

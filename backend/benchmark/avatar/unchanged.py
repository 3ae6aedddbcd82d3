"""Two avatar folders of the same clip in; which of their results differ, and by how much, out.

`python -m backend benchmark unchanged BEFORE AFTER`: run it on avatars made before and after a
change of the code that is to change no result.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from studio_avatar_addon.avatar.arrays import read_arrays
from studio_avatar_addon.avatar.bundle import open_avatar

from ...imaging.image_files import read_image
from ..markdown_table import table_head, table_line


def compare_avatars(first: Path, second: Path) -> None:
    """Prints a table of the current runs' arrays and images that are not the same.

    Raises AvatarFolderError where a folder is no avatar.
    """
    before, after = (dict(_results(open_avatar(folder).run)) for folder in (first, second))
    rows = []
    for name in sorted(before.keys() | after.keys()):
        if (difference := _difference(before.get(name), after.get(name))) is not None:
            rows.append((name, difference))
    print(f"{len(before.keys() & after.keys())} arrays and images compared, {len(rows)} differ")
    if rows:
        print("\n".join([*table_head("result", "difference"), *(table_line(*row) for row in rows)]))


def _results(run: Path) -> Iterator[tuple[str, NDArray]]:
    """Every array of a run's `.npz` files, and every image but the report's."""
    for file in sorted(run.rglob("*.npz")):
        for name, values in read_arrays(file).items():
            yield f"{file.relative_to(run).as_posix()} {name}", values
    for folder in ("frames", "textures"):
        for file in sorted((run / folder).rglob("*.png")):
            yield file.relative_to(run).as_posix(), np.asarray(read_image(file))


def _difference(before: NDArray | None, after: NDArray | None) -> str | None:
    """In words; None where both are the same to the last bit."""
    if before is None or after is None:
        return "only after" if before is None else "only before"
    if before.shape != after.shape or before.dtype != after.dtype:
        return f"{before.shape} {before.dtype} became {after.shape} {after.dtype}"
    if np.array_equal(before, after, equal_nan=before.dtype.kind == "f"):
        return None
    if before.dtype.kind not in "iuf":
        return "differs"
    apart = np.abs(before.astype(np.float64) - after.astype(np.float64))
    return f"{np.mean(apart > 0):.2%} of values, at most {np.nanmax(apart):.3g}"
